"""Labels of revisions, numbers of products, identifiers of trade: series, formats and checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from apg.capabilities.plm.shared.errors import DomainError

REVISION_LETTERS = "ABCDEFGHJKLMNPRTUVWY"
"""The alphabet without I, O, Q, S, X and Z. Source: ASME Y14.35M-1997 §5.2 and later editions."""


class LabelSeries(StrEnum):
	"""letters: A … Y, then AA … YY, at most two letters (ASME Y14.35). numbers: 1, 2, 3 …"""

	LETTERS = "letters"
	NUMBERS = "numbers"


def label_at(place: int, series: LabelSeries = LabelSeries.LETTERS, *, width: int = 1) -> str:
	"""The label at a place of its series, the first being 0; numbers start at 1, padded to `width`."""
	if place < 0:
		raise DomainError("place", f"{place} is below 0", "The first label has place 0.")
	if series is LabelSeries.NUMBERS:
		return f"{place + 1:0{width}d}"
	letters = len(REVISION_LETTERS)
	if place < letters:
		return REVISION_LETTERS[place]
	first, second = divmod(place - letters, letters)
	if first >= letters:
		raise DomainError(
			"revision", "no label of two letters is left after YY", "Continue with numbers."
		)
	return REVISION_LETTERS[first] + REVISION_LETTERS[second]


def label_place(label: str, series: LabelSeries = LabelSeries.LETTERS) -> int | None:
	"""The place of a label in its series, None for a label that does not belong to it."""
	if series is LabelSeries.NUMBERS:
		valid = re.fullmatch(r"[0-9]{1,10}", label) and int(label) > 0
		return int(label) - 1 if valid else None
	if not 1 <= len(label) <= 2 or any(letter not in REVISION_LETTERS for letter in label):
		return None
	places = [REVISION_LETTERS.index(letter) for letter in label]
	return places[0] if len(places) == 1 else (places[0] + 1) * len(REVISION_LETTERS) + places[1]


def next_label(label: str | None, series: LabelSeries = LabelSeries.LETTERS) -> str:
	"""The label after this one, the first after None; zeros before a number are kept.

	Raises DomainError for a label outside of the series: what comes after `B.1` people must say.
	"""
	if label is None:
		return label_at(0, series)
	place = label_place(label, series)
	if place is None:
		raise DomainError(
			"revision",
			f"{label!r} does not belong to the series of {series}",
			f"Name the next label yourself, or start with {label_at(0, series)}.",
		)
	return label_at(place + 1, series, width=len(label))


_FORMAT = re.compile(r"([^{}]*)\{counter(?::0([1-9]|1[0-8])d)?\}([^{}]*)")
LONGEST_NUMBER = 100


@dataclass(frozen=True, slots=True)
class NumberFormat:
	"""How the numbers of a series look: `MOT-{counter:06d}` gives MOT-000042.

	A counter larger than its width is written in full, so numbers never repeat.
	"""

	prefix: str
	width: int
	suffix: str = ""

	@classmethod
	def parse(cls, pattern: str) -> NumberFormat:
		"""From a pattern with exactly one `{counter}` or `{counter:06d}`; nothing else in braces."""
		match = _FORMAT.fullmatch(pattern)
		if not match or len(pattern) > LONGEST_NUMBER or not pattern.isprintable():
			raise DomainError(
				"pattern", f"{pattern!r} is no number format", "Write it like MOT-{counter:06d}."
			)
		if match[1] != match[1].lstrip() or match[3] != match[3].rstrip():
			raise DomainError("pattern", "it starts or ends with a space", "Remove the space.")
		return cls(match[1], int(match[2] or 1), match[3])

	def __str__(self) -> str:
		counter = f"{{counter:0{self.width}d}}" if self.width > 1 else "{counter}"
		return f"{self.prefix}{counter}{self.suffix}"

	def render(self, counter: int) -> str:
		if counter < 0:
			raise DomainError("counter", f"{counter} is below 0", "Count from 0 or 1.")
		return f"{self.prefix}{counter:0{self.width}d}{self.suffix}"

	def counter_of(self, number: str) -> int | None:
		"""The counter inside a number of this series, None for any other text.

		A typed or imported number that looks like one of the series is recognised, so that the series
		can step over it.
		"""
		digits = number[len(self.prefix) : len(number) - len(self.suffix)]
		if not re.fullmatch(r"[0-9]{1,18}", digits):
			return None
		counter = int(digits)
		return counter if self.render(counter) == number else None

	def counter_after(self, numbers: Iterable[str]) -> int:
		"""One more than the highest counter among these numbers; 1 when none is of the series."""
		counters = (self.counter_of(number) for number in numbers)
		return max((counter for counter in counters if counter is not None), default=0) + 1


class IdentifierScheme(StrEnum):
	"""Only a GTIN can be checked; what customers, ERP systems and sources call a part is theirs."""

	GTIN = "gtin"
	CUSTOMER = "customer"
	ERP = "erp"
	LEGACY = "legacy"
	SOURCE = "source"


def gtin_check_digit(digits: str) -> int:
	"""The check digit for the digits before it: weights 3 and 1 from the right, modulo 10.

	Source: GS1 General Specifications, release 24 (2024), §7.9.1.
	"""
	if not re.fullmatch(r"[0-9]+", digits):
		raise DomainError("gtin", f"{digits!r} is not all digits", "Give digits only.")
	weighted = sum(
		int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits))
	)
	return -weighted % 10


def check_gtin(value: str) -> str:
	"""The digits of a GTIN without spaces and hyphens; raises DomainError that says what is wrong.

	It has 8, 12, 13 or 14 digits, of which the last one checks the others.
	"""
	digits = re.sub(r"[ -]", "", value)
	if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", digits):
		raise DomainError("value", f"{value!r} is no GTIN", "A GTIN has 8, 12, 13 or 14 digits.")
	expected = gtin_check_digit(digits[:-1])
	if int(digits[-1]) != expected:
		raise DomainError(
			"value",
			f"the check digit of {value!r} is wrong",
			f"The last digit must be {expected}, or another digit was mistyped.",
		)
	return digits


def check_identifier(scheme: str, value: str) -> str:
	"""The identifier as it is stored; raises DomainError that says what is wrong.

	A GTIN is checked and stored as digits, any other identifier loses only its surrounding space.
	"""
	text = value.strip()
	if not text or len(text) > LONGEST_NUMBER or not text.isprintable():
		raise DomainError(
			"value",
			"an identifier is empty, too long or holds control characters",
			f"Give 1 to {LONGEST_NUMBER} printable characters.",
		)
	return check_gtin(text) if scheme == IdentifierScheme.GTIN else text
