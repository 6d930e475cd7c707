"""Ids of nodes and lines as fixed-width byte strings, and their places, found without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from apg.capabilities.plm.shared.errors import DomainError, UnknownNode
from apg.capabilities.plm.shared.levels import IntArray
from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	import numpy.typing as npt

IdArray: TypeAlias = "npt.NDArray[np.bytes_]"
WordArray: TypeAlias = "npt.NDArray[np.uint64]"
Ids: TypeAlias = "Sequence[str] | npt.NDArray[np.bytes_] | npt.NDArray[np.str_]"
"""Byte arrays (dtype 'S36' for uuid text) cost nothing; texts are encoded as UTF-8."""

_MIX = 0x9E3779B97F4A7C15  # 2⁶⁴ divided by the golden ratio: spreads the bits
_SHIFT = 29


def as_ids(field: str, ids: Ids) -> IdArray:
	"""The ids as bytes; an empty id or one that ends with a zero byte is refused."""
	if isinstance(ids, np.ndarray) and ids.dtype.kind == "S":
		array = cast(IdArray, ids)
	else:
		texts = [str(text) for text in ids]
		if any(text.endswith("\0") for text in texts):
			raise DomainError(field, "an id ends with a zero byte", "Use text ids.")
		array = np.array([text.encode() for text in texts] or np.zeros(0, "S1"), dtype=np.bytes_)
	if array.ndim != 1:
		raise DomainError(field, "ids must be a flat sequence", "Pass one id per row.")
	if array.size and not np.all(array.view(np.uint8).reshape(array.size, -1)[:, 0]):
		raise DomainError(field, "an id is empty", "Give every row an id.")
	return array


def text(ids: IdArray, place: int) -> str:
	return bytes(ids[place]).decode()


def texts(ids: Ids) -> list[str]:
	if isinstance(ids, np.ndarray) and ids.dtype.kind == "S":
		return [name.decode() for name in ids.tolist()]
	return [str(name) for name in ids]


def places(field: str, ids: IdArray, wanted: IdArray) -> IntArray:
	"""The place of each wanted id among distinct ids; UnknownNode names the first that is absent.

	Ids are found by a 64-bit mixture of their bytes and then checked byte for byte. Should two ids
	ever share a mixture, the slower search by text does the work: the answer never rests on chance.
	"""
	if not ids.size or not wanted.size:
		if wanted.size:
			raise UnknownNode(field, text(wanted, 0))
		return np.zeros(0, dtype=np.int64)
	width = max(ids.dtype.itemsize, wanted.dtype.itemsize)
	words, wanted_words = _words(ids, width), _words(wanted, width)
	keys = _mixed(words)
	order = np.argsort(keys)
	in_order = keys[order]
	if bool(np.any(in_order[1:] == in_order[:-1])):
		order = np.argsort(ids, kind="stable").astype(np.int64, copy=False)
		place = order[np.minimum(np.searchsorted(ids[order], wanted), ids.size - 1)]
	else:
		place = _by_key(keys, order, in_order, _mixed(wanted_words))
	same = np.ones(wanted.size, dtype=np.bool_)
	for column in range(words.shape[1]):
		same &= words[:, column].take(place) == wanted_words[:, column]
	if not bool(same.all()):
		raise UnknownNode(field, text(wanted, int(np.argmin(same))))
	return place


def _by_key(keys: WordArray, order: IntArray, in_order: WordArray, wanted: WordArray) -> IntArray:
	"""Candidates: one look into a sparse table by the leading bits, a binary search for the rest."""
	bits = max(keys.size.bit_length() + 3, 8)
	shift = np.uint64(64 - bits)
	table = np.zeros(1 << bits, dtype=np.int32 if keys.size < 2**31 else np.int64)
	table[keys >> shift] = np.arange(keys.size)
	place = table[wanted >> shift].astype(np.int64)
	rest = np.flatnonzero(keys[place] != wanted)
	found = np.searchsorted(in_order, wanted[rest])
	place[rest] = order[np.minimum(found, keys.size - 1)]
	return place


def _words(ids: IdArray, width: int) -> WordArray:
	"""Ids as rows of 64-bit words; narrower ones are padded with zero bytes."""
	count = -(-width // 8)
	padded = np.ascontiguousarray(ids.astype(f"S{count * 8}", copy=False))
	return np.asfortranarray(padded.view(np.uint64).reshape(ids.size, count))


def _mixed(words: WordArray) -> WordArray:
	mixed = np.zeros(words.shape[0], dtype=np.uint64)
	for column in range(words.shape[1]):
		mixed ^= words[:, column]
		mixed *= _MIX
		mixed ^= mixed >> _SHIFT
	return mixed
