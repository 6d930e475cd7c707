"""Reference designators as CAD tools write them: `C1, C2`, `R1-R4`, `J1 J2`."""

import re
from collections.abc import Iterable

_DESIGNATOR = re.compile(r"([A-Za-z]{1,5})(\d{1,6})([A-Za-z]?)")
_RANGE = re.compile(r"([A-Za-z]{1,5})(\d{1,6})\s*(?:-|–|\.\.|:)\s*(?:\1)?(\d{1,6})")
LONGEST_RANGE = 2_000
MOST = 20_000


def split(text: str) -> tuple[str, ...]:
	"""The single designators in their order, ranges written out, doubles kept once.

	Words that are no designators (`Large screw`) stay one text; they are never cut at a space.
	Ranges that would make more than 20,000 of them stay as written.
	"""
	found: dict[str, None] = {}
	for part in re.split(r"[,;\n\r]+", text):
		part = part.strip()
		if not part:
			continue
		tokens = part.split()
		if len(tokens) > 1 and all(_is_one(token) for token in tokens):
			for token in tokens:
				found.update(dict.fromkeys(_expand(token, MOST - len(found))))
		else:
			found.update(dict.fromkeys(_expand(part, MOST - len(found))))
	return tuple(found)


def _is_one(token: str) -> bool:
	return bool(_DESIGNATOR.fullmatch(token) or _RANGE.fullmatch(token))


def _expand(text: str, room: int) -> tuple[str, ...]:
	match = _RANGE.fullmatch(text)
	if not match:
		return (text,)
	prefix, first, last = match[1], int(match[2]), int(match[3])
	if not first < last <= first + min(LONGEST_RANGE, room):
		return (text,)
	return tuple(f"{prefix}{number}" for number in range(first, last + 1))


def all_single(listed: tuple[str, ...]) -> bool:
	"""Whether there are designators and each is one place on a board, so that they can be counted."""
	return bool(listed) and all(_DESIGNATOR.fullmatch(each) for each in listed)


def ordered(listed: Iterable[str]) -> tuple[str, ...]:
	"""The set in the order of prefix and number: R2 before R10. Where they stand is all that counts."""
	return tuple(sorted(set(listed), key=_natural))


def _natural(name: str) -> tuple[str, int, str]:
	digits = name[len(name.rstrip("0123456789")) :]
	return name[: len(name) - len(digits)], int(digits[:18] or 0), name
