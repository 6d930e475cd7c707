"""Rows of fixed width straight from the driver into numpy: COPY of a query in binary form.

COPY FROM is refused under row-level security, COPY of a query is not: the policies hold as in any
select. No row becomes a Python object, which is what makes a million of them affordable.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	import numpy.typing as npt


if TYPE_CHECKING:
	from apg.kernel.work import Work

# Names of the columns' types → numpy's form of PostgreSQL's binary one.
FORMS: dict[str, str] = {
	"uuid": "V16",
	"int2": ">i2",
	"int4": ">i4",
	"int8": ">i8",
	"date": ">i4",
	"code3": "S3",
}
_HEADER, _TRAILER = 19, 2
EPOCH_OF_DATES = 730_120
"""A binary date counts days from 2000-01-01, whose proleptic ordinal this is."""

Rows: TypeAlias = "npt.NDArray[np.void]"


BLOCK = 16_000_000  # bytes of rows that are handed on at once

Made = TypeVar("Made")
THREADS = ThreadPoolExecutor(4, thread_name_prefix="structures")


_MANY, _SMALL = 1_000_000, 200_000  # bytes
LARGE = 30_000  # lines: computing with more would keep a process from answering others


async def aside(
	make: Callable[[], Made], lines: int, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Made:
	"""The outcome of a computation; a large one runs in a thread, and `meanwhile` beside it."""
	if lines <= LARGE:
		return make()
	making = asyncio.get_running_loop().run_in_executor(THREADS, make)
	try:
		if meanwhile is not None:
			await meanwhile()
	finally:
		made = await making
	return made


async def fixed_rows(work: Work, query: str, columns: Mapping[str, str], *given: Any) -> Rows:
	"""The rows of the query as a structured array; `columns` are its names and types in order.

	No column may be null (`coalesce` it) and none may vary in width. `given` are the values of $1 …
	Raises ValueError when a column is not as wide as was said.
	"""
	body = bytearray()
	await _copied(work, query, given, body.extend)
	return _parsed(body, _form_of(columns), columns, _HEADER, len(body) - _HEADER - _TRAILER)


async def fixed_blocks(
	work: Work,
	query: str,
	columns: Mapping[str, str],
	handle: Callable[[Rows], Made],
	*given: Any,
) -> list[Made]:
	"""What `handle` makes of the rows, block by block, in threads while more rows arrive."""
	form = _form_of(columns)
	loop = asyncio.get_running_loop()
	body, place = bytearray(), _HEADER
	made: list[asyncio.Future[Made]] = []

	def cut(size: int) -> None:
		nonlocal body, place
		block, begin = body, place
		body, place = bytearray(block[begin + size :]), 0
		made.append(
			loop.run_in_executor(
				THREADS, lambda: handle(_parsed(block, form, columns, begin, size))
			)
		)

	def take(chunk: bytes) -> None:
		body.extend(chunk)
		if len(body) > BLOCK:
			held = len(body) - place - _TRAILER
			cut(held - held % form.itemsize)

	await _copied(work, query, given, take)
	if (rest := len(body) - place - _TRAILER) > 0:
		cut(rest)
	return [await each for each in made]


async def _copied(
	work: Work, query: str, given: tuple[Any, ...], take: Callable[[bytes], None]
) -> None:
	await work.flush()
	raw = await (await work.connection()).get_raw_connection()
	driver: Any = raw.driver_connection

	received = 0

	async def output(chunk: bytes) -> None:
		nonlocal received
		take(chunk)
		received += len(chunk)
		# The server sends 8 kB at a time. Pausing for a moment lets them gather, which takes a third of
		# the processor's time, and none of ours.
		if received > _MANY and len(chunk) < _SMALL:
			await asyncio.sleep(0.001)

	await driver.copy_from_query(query, *given, output=output, format="binary")


def _form_of(columns: Mapping[str, str]) -> np.dtype[np.void]:
	fields = [("_count", ">i2")]
	for name, kind in columns.items():
		fields += [(f"_size_{name}", ">i4"), (name, FORMS[kind])]
	return np.dtype(fields)


def _parsed(
	body: bytearray, form: np.dtype[np.void], columns: Mapping[str, str], begin: int, size: int
) -> Rows:
	count, rest = divmod(size, form.itemsize)
	rows: Rows = np.frombuffer(body, form, count, begin) if count > 0 else np.zeros(0, form)
	for name, kind in columns.items():
		wide = np.dtype(FORMS[kind]).itemsize
		if rest or not bool((rows[f"_size_{name}"] == wide).all()):
			raise ValueError(f"column {name} of a fixed query is null or not {wide} bytes wide")
	return rows


def whole(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
	"""A column of whole numbers as the arithmetic takes it."""
	return column.astype(np.int64)


def words(column: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
	"""Uuids as two 64-bit words each, (n, 2), the leading one first, so that they sort like text."""
	held = np.ascontiguousarray(column).view(">u8").reshape(-1, 2)
	return held.astype(np.uint64)


_FEW = 24


def distinct(codes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
	"""The distinct codes, and the place of each one's code: without sorting while they are few."""
	place = np.full(codes.size, -1, np.int64)
	found: list[int] = []
	at = 0
	while len(found) < _FEW:
		rest = np.flatnonzero(place[at:] < 0)[:1]
		if not rest.size:
			return np.array(found, np.int64), place
		at += int(rest[0])
		place[codes == codes[at]] = len(found)
		found.append(int(codes[at]))
	some, inverse = np.unique(codes, return_inverse=True)
	return some, inverse.reshape(-1)


@functools.cache
def _hex() -> npt.NDArray[np.uint16]:
	"""The two digits of each byte."""
	return np.frombuffer(b"".join(b"%02x" % n for n in range(256)), np.uint16)


_GROUPS = ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24))


def as_text(pairs: npt.NDArray[np.uint64]) -> npt.NDArray[np.bytes_]:
	"""Ids in the one form the product writes: 36 characters, lower case, with dashes."""
	digits = _hex()[pairs.astype(">u8").view(np.uint8)].view(np.uint8).reshape(-1, 32)
	text = np.full((digits.shape[0], 36), ord("-"), np.uint8)
	for first, last, place in _GROUPS:
		text[:, place : place + last - first] = digits[:, first:last]
	return text.view("S36").reshape(-1)


class SharedKey(ValueError):
	"""Two ids share a 64-bit key; nothing may be found by it then."""


class Keys:
	"""Finds 64-bit keys among distinct ones without a loop. Raises SharedKey."""

	def __init__(self, keys: npt.NDArray[Any]) -> None:
		self._keys = keys.astype(np.uint64)
		self._order = np.argsort(self._keys)
		self._sorted = self._keys[self._order]
		if bool((self._sorted[1:] == self._sorted[:-1]).any()):
			raise SharedKey
		bits = max(self._keys.size.bit_length() + 3, 8)
		self._shift = np.uint64(64 - bits)
		self._table = np.zeros(1 << bits, np.int32)
		self._table[self._keys >> self._shift] = np.arange(self._keys.size)

	def of(self, wanted: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
		"""The place of each wanted key, -1 where it is not among them."""
		if not self._keys.size or not wanted.size:
			return np.full(wanted.size, -1, np.int64)
		keys = wanted.astype(np.uint64)
		place = self._table[keys >> self._shift].astype(np.int64)
		rest = np.flatnonzero(self._keys[place] != keys)
		found = np.searchsorted(self._sorted, keys[rest])
		place[rest] = self._order[np.minimum(found, self._keys.size - 1)]
		missed = rest[self._keys[place[rest]] != keys[rest]]
		place[missed] = -1
		return place


_MIX = 0x9E3779B97F4A7C15


class Places:
	"""Finds uuids among distinct ones without a loop.

	The 64-bit words are mixed into one key, candidates are compared in full; should two ids ever
	share a key, they are looked up by name: the answer never rests on chance.
	"""

	def __init__(self, pairs: npt.NDArray[np.uint64]) -> None:
		self.pairs = pairs
		self._keys = _mixed(pairs)
		self._order = np.argsort(self._keys)
		self._sorted = self._keys[self._order]
		self._named: dict[bytes, int] | None = None
		if bool((self._sorted[1:] == self._sorted[:-1]).any()):
			self._named = {row.tobytes(): place for place, row in enumerate(pairs)}
		bits = max(pairs.shape[0].bit_length() + 3, 8)
		self._shift = np.uint64(64 - bits)
		self._table = np.zeros(1 << bits, np.int32)
		self._table[self._keys >> self._shift] = np.arange(pairs.shape[0])

	def of(self, wanted: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
		"""The place of each wanted id, -1 where it is not among them."""
		if not self.pairs.shape[0] or not wanted.shape[0]:
			return np.full(wanted.shape[0], -1, np.int64)
		if self._named is not None:
			named = self._named
			return np.array([named.get(row.tobytes(), -1) for row in wanted], np.int64)
		keys = _mixed(wanted)
		place = self._table[keys >> self._shift].astype(np.int64)
		rest = np.flatnonzero(self._keys[place] != keys)
		found = np.searchsorted(self._sorted, keys[rest])
		place[rest] = self._order[np.minimum(found, self._keys.size - 1)]
		same = (self.pairs[place, 0] == wanted[:, 0]) & (self.pairs[place, 1] == wanted[:, 1])
		place[~same] = -1
		return place


def _mixed(pairs: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
	mixed = pairs[:, 0] * _MIX
	mixed ^= mixed >> np.uint64(29)
	mixed ^= pairs[:, 1]
	mixed *= _MIX
	mixed ^= mixed >> np.uint64(29)
	mixed *= _MIX
	return mixed
