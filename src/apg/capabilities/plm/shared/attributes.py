"""Attributes of a class of parts: what a value must be, and the value as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from apg.capabilities.plm.shared.errors import DomainError

LONGEST_TEXT = 2_000
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


class AttributeKind(StrEnum):
	"""number: any decimal in the template's unit; choice: one of the allowed values; date: ISO 8601."""

	TEXT = "text"
	NUMBER = "number"
	INTEGER = "integer"
	BOOLEAN = "boolean"
	CHOICE = "choice"
	DATE = "date"


@dataclass(frozen=True, slots=True)
class Template:
	"""One attribute as a class defines it; `class_path` is where it is defined."""

	name: str
	kind: AttributeKind
	title: str = ""
	unit: str | None = None
	choices: tuple[str, ...] = ()
	minimum: Decimal | None = None
	maximum: Decimal | None = None
	is_required: bool = False
	class_path: str = ""

	def accept(self, value: Any) -> Any:
		"""The value as it is kept: Decimal for numbers, text for dates and choices.

		Raises DomainError, whose field is `custom_attributes.<name>`.
		"""
		match self.kind:
			case AttributeKind.NUMBER | AttributeKind.INTEGER:
				return self._number(value)
			case AttributeKind.BOOLEAN:
				return self._boolean(value)
			case AttributeKind.DATE:
				return self._date(value)
			case AttributeKind.CHOICE:
				if value not in self.choices:
					raise self._refused(
						f"{value!r} is not allowed", f"Choose {', '.join(self.choices)}."
					)
				return value
			case AttributeKind.TEXT:
				if not isinstance(value, str) or len(value) > LONGEST_TEXT:
					raise self._refused(
						"it is no text", f"Give a text of at most {LONGEST_TEXT} characters."
					)
				return value

	def _refused(self, reason: str, remedy: str) -> DomainError:
		return DomainError(f"custom_attributes.{self.name}", reason, remedy)

	def _number(self, value: Any) -> Any:
		unit = f" in {self.unit}" if self.unit else ""
		try:
			number = None if isinstance(value, bool) else Decimal(str(value).strip())
		except InvalidOperation:
			number = None
		if number is None or not number.is_finite():
			raise self._refused(f"{value!r} is no number", f"Give a number{unit}.")
		if self.kind is AttributeKind.INTEGER and number != number.to_integral_value():
			raise self._refused(f"{value} is not whole", f"Give a whole number{unit}.")
		if self.minimum is not None and number < self.minimum:
			raise self._refused(f"{value} is too small", f"Give at least {self.minimum:f}{unit}.")
		if self.maximum is not None and number > self.maximum:
			raise self._refused(f"{value} is too large", f"Give at most {self.maximum:f}{unit}.")
		return int(number) if self.kind is AttributeKind.INTEGER else value_of(number)

	def _boolean(self, value: Any) -> bool:
		word = str(value).strip().lower()
		if isinstance(value, bool) or word in _TRUE | _FALSE:
			return value if isinstance(value, bool) else word in _TRUE
		raise self._refused(f"{value!r} is neither yes nor no", "Give true or false.")

	def _date(self, value: Any) -> str:
		try:
			return date.fromisoformat(str(value).strip()).isoformat()
		except ValueError as error:
			raise self._refused(f"{value!r} is no date", "Give it as 2026-01-31.") from error


def value_of(number: Decimal) -> int | Decimal:
	"""A whole number without a fraction, any other with the digits it was given."""
	whole = number.to_integral_value()
	return int(whole) if number == whole and abs(whole) < 10**15 else number


def is_given(value: Any) -> bool:
	"""Whether an attribute has a value at all."""
	return value is not None and value != ""
