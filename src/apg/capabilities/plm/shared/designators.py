"""Reference designators: `R1-R4, C3` as people write them, a set of places as the structure has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from apg.capabilities.plm.shared.errors import DomainError

LONGEST_RANGE = 10_000
LONGEST_DESIGNATOR = 100

_SEPARATORS = re.compile(r"[,;\n\r\t]+")
_SINGLE = re.compile(r"[A-Za-z_]+[0-9]+[A-Za-z]?")
_AROUND_DASH = re.compile(r"\s*[-–—]\s*(?=[A-Za-z_]+[0-9])")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})")
_RANGE = re.compile(r"([A-Za-z_]+)([0-9]{1,9})[-–—]\1([0-9]{1,9})")


def parse_designators(text: str) -> frozenset[str]:
	"""The places named by a text: separated by commas, semicolons or lines, ranges written out.

	A space separates too where every word is a designator (`R1 R2`); `left bracket` is one name. A range repeats its prefix (`R1-R4`, also with an en dash). `J1-4` is a place of its own, pin 4 of
	J1, and is not guessed to be a range. Zeros in front are kept (`R01-R04`). Raises DomainError for a
	place named twice, a range that runs backwards or beyond 10,000, and a name beyond 100 characters.
	"""
	found: set[str] = set()
	for part in _SEPARATORS.split(_AROUND_DASH.sub("-", text)):
		words = part.split()
		single = all(_SINGLE.fullmatch(word) or _RANGE.fullmatch(word) for word in words)
		for word in words if single else [" ".join(words)]:
			for name in _written_out(word):
				if name in found:
					raise DomainError("designators", f"{name} is named twice", "Name it once.")
				found.add(name)
	return frozenset(found)


def format_designators(names: Iterable[str]) -> str:
	"""One text for a set of places: by prefix and number, three and more in a row as a range.

	`parse_designators` gives the same set back for every set that it gave itself.
	"""
	ordered = sorted(set(names), key=_natural)
	parts: list[str] = []
	numbered = enumerate(ordered)
	for (prefix, _, _), group in groupby(numbered, key=lambda pair: _run(*pair)):
		run = [name for _, name in group]
		if len(run) > 2 and prefix:
			parts.append(f"{run[0]}-{run[-1]}")
		else:
			parts.extend(run)
	return ", ".join(parts)


def _written_out(token: str) -> list[str]:
	if len(token) > LONGEST_DESIGNATOR:
		raise DomainError("designators", f"{token[:20]}… is too long", "Separate with commas.")
	match = _RANGE.fullmatch(token)
	if not match:
		return [token]
	prefix, low, high = match[1], match[2], match[3]
	first, last = int(low), int(high)
	if last <= first or last - first >= LONGEST_RANGE:
		raise DomainError(
			"designators",
			f"{token} is no range",
			f"Write the lower number first, at most {LONGEST_RANGE} places.",
		)
	# R08-R12 has two digits throughout; R8-R12 has none to spare.
	width = len(low) if low.startswith("0") else 1
	return [f"{prefix}{number:0{width}d}" for number in range(first, last + 1)]


def _natural(name: str) -> tuple[str, int, int, str]:
	match = _NUMBERED.fullmatch(name)
	return (
		(match[1], len(match[2]) if match[2][0] == "0" else 0, int(match[2]), name)
		if match
		else (name, 0, -1, name)
	)


def _run(place: int, name: str) -> tuple[str, int, str]:
	"""Equal for neighbours in a run that a range can write: one prefix of letters, numbers in a row."""
	match = re.fullmatch(r"([A-Za-z_]+)(0|[1-9][0-9]{0,8})", name)
	return (match[1], int(match[2]) - place, "") if match else ("", place, name)
