"""Seals: a hash that stands for a figure and all it was made of.

A line's seal covers the record's version, the factor's version, the set of potentials, method and
engine, and the figures. The seal of a run covers the sorted seals of its lines, so the order in which
records were met changes nothing, and a line added, left out or changed does.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from apg.kernel.web.wire import amount_text


def canonical(value: Any) -> str:
	"""JSON in one form only: sorted names, no spaces, amounts as their digits (after RFC 8785)."""
	return _bytes(value).decode()


def _bytes(value: Any) -> bytes:
	return orjson.dumps(value, default=_form, option=orjson.OPT_SORT_KEYS)


def _form(value: Any) -> str:
	if isinstance(value, Decimal):
		return amount_text(value)
	raise TypeError(f"{type(value).__name__} cannot be sealed")


def digest(value: Any) -> str:
	"""SHA-256 of the canonical form, in hexadecimal."""
	return hashlib.sha256(_bytes(value)).hexdigest()


def seal_of_line(
	*,
	record: tuple[str, int, str],
	factor: tuple[str, str] | None,
	gwp_set: str,
	method: str,
	engine: str,
	figures: Mapping[str, Any],
) -> str:
	"""The seal of one result line.

	`record` is id, version and hash of the content; `factor` is id and hash of its version. Figures
	are Decimals, texts, mappings of them, or None where there is no figure.
	"""
	return digest(
		{
			"record": list(map(str, record)),
			"factor": list(factor) if factor else None,
			"gwp_set": gwp_set,
			"method": method,
			"engine": engine,
			"figures": figures,
		}
	)


def seal_of_run(seals: Iterable[str], *, gwp_set: str, method: str, engine: str) -> str:
	"""The seal of a run: the same for the same lines, in whatever order they came."""
	kept: Sequence[str] = sorted(seals)
	return digest(
		{
			"lines": hashlib.sha256("\n".join(kept).encode()).hexdigest(),
			"count": len(kept),
			"gwp_set": gwp_set,
			"method": method,
			"engine": engine,
		}
	)
