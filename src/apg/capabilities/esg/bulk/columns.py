"""Rows as columns: each distinct cell is checked once, by the very field that checks a single row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from apg.capabilities.esg.bulk.tables import EMPTY, Plain, columns_of
from apg.kernel.bulk import MOST_PROBLEMS, Bad
from apg.kernel.file_kinds import Unreadable
from apg.kernel.later import numpy as np
from apg.kernel.texts import _
from apg.kernel.web.envelopes import problems_of
from apg.kernel.web.wire import to_wire

if TYPE_CHECKING:
	from numpy.typing import NDArray

Codes: TypeAlias = "NDArray[np.int32]"
Mask: TypeAlias = "NDArray[np.bool_]"
Whole: TypeAlias = "NDArray[np.int64]"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(slots=True)
class Column:
	"""`values[codes[n]]` is the cell of row n; the code of an empty cell is EMPTY."""

	words: Sequence[Any]
	codes: Codes


@dataclass(slots=True)
class Rows:
	"""What a body or a file says. `is_text`: every cell is text, as in a table."""

	places: Whole
	columns: dict[str, Column]
	is_text: bool = False
	wide: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

	def __len__(self) -> int:
		return len(self.places)


def of_body(rows: Sequence[dict[str, Any]]) -> Rows:
	columns = {
		name: Column(words, np.frombuffer(codes, np.int32) if len(codes) else _none(0))
		for name, (words, codes) in columns_of(rows).items()
	}
	return Rows(np.arange(1, len(rows) + 1, dtype=np.int64), columns)


def of_file(found: Plain, *, is_text: bool) -> Rows:
	places, columns, wide = found
	return Rows(
		np.frombuffer(places, np.int64),
		{
			name: Column(words, np.frombuffer(codes, np.int32))
			for name, (words, codes) in columns.items()
		},
		is_text,
		wide,
	)


def _none(count: int) -> Codes:
	return np.full(count, EMPTY, np.int32)


def fields_of(schema: type[BaseModel]) -> dict[str, TypeAdapter[Any]]:
	"""What checks one field of the schema."""
	config = ConfigDict(str_strip_whitespace=True)
	return {
		name: TypeAdapter(_type_of(info), config=config)
		for name, info in schema.model_fields.items()
	}


def _type_of(info: FieldInfo) -> Any:
	return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation  # pyright: ignore[reportInvalidTypeForm]


def renamed(rows: Rows, known: Iterable[str], also: Mapping[str, str]) -> Rows:
	"""Headings of a table as names of fields: without a unit in brackets, in any case. Raises
	Unreadable for a heading that is none, rather than leaving its column out."""
	if not rows.is_text:
		return rows
	names = set(known)
	found: dict[str, Column] = {}
	for heading, column in rows.columns.items():
		plain = re.sub(r"\s*\[.*\]\s*$", "", heading).strip().casefold()
		name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
		name = also.get(name, name)
		if name not in names:
			raise Unreadable(
				_("The heading “{name}” is not known.", name=heading[:80]),
				_("Remove the column, or use one of {names}.", names=", ".join(sorted(names))),
			)
		if name in found:
			raise Unreadable(
				_("Two columns hold the same: {name}.", name=name), _("Keep one of them.")
			)
		found[name] = column
	rows.columns = found
	return rows


def moment_of_cell(text: Any, *, end: bool = False) -> Any:
	"""A day of a table is its midnight in UTC, as an end the next one; a time without zone is UTC."""
	if not isinstance(text, str):
		return text
	try:
		if _DAY.fullmatch(text):
			day = datetime.combine(date.fromisoformat(text), time(), UTC)
			return day + timedelta(days=1) if end else day
		moment = datetime.fromisoformat(text)
	except (ValueError, OverflowError):
		return text
	return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


REMEDIES: Mapping[str, str] = {
	"missing": "Fill it in.",
	"unknown": "Check how it is written, or create it first.",
	"duplicate": "Leave the row out, or correct what is recorded.",
	"extra_forbidden": "Leave it out.",
	"validation_rule": "Check the value; if it is right, change the rule of the metric.",
	"unit": "Convert the value, then leave the column out or write the unit of the metric.",
}
REMEDY = "Correct it, then bring the rows again."


class Sheet:
	"""Rows under check: `good` marks those without a problem so far."""

	def __init__(self, rows: Rows, fields: Mapping[str, TypeAdapter[Any]]) -> None:
		self.rows, self.fields = rows, fields
		self.good: Mask = np.ones(len(rows), np.bool_)
		self.problems: list[Bad] = []
		self._values: dict[str, tuple[list[Any], Codes]] = {}
		for at, cells in rows.wide:
			reason = _("The row has {n} cells, more than there are headings.", n=cells)
			self.refuse(np.array([at]), "", reason, "extra_forbidden")
		for name in rows.columns:
			if name not in fields:
				there = np.flatnonzero(rows.columns[name].codes != EMPTY)
				self.refuse(there, name, _("There is no field of this name."), "extra_forbidden")

	def refuse(
		self, at: NDArray[Any], name: str, reason: str | Callable[[int], str], code: str = "invalid"
	) -> None:
		"""These rows have a problem; each is told as long as there is room."""
		column = self.rows.columns.get(name)
		remedy = _(REMEDIES.get(code, REMEDY))
		for n in at[: max(0, MOST_PROBLEMS - len(self.problems))].tolist():
			code_at = EMPTY if column is None else int(column.codes[n])
			value = "" if column is None or code_at == EMPTY else _shown(column.words[code_at])
			told = reason if isinstance(reason, str) else reason(n)
			self.problems.append(Bad(int(self.rows.places[n]), name, value, told, remedy))
		self.good[at] = False

	def codes(self, name: str) -> Codes:
		column = self.rows.columns.get(name)
		return _none(len(self.rows)) if column is None else column.codes

	def values(
		self,
		name: str,
		*,
		required: bool = False,
		read: Callable[[Any], Any] | None = None,
		check: Callable[[Any], str | None] | None = None,
	) -> tuple[list[Any], Codes]:
		"""The checked distinct values of a column and the codes of its rows; bad rows are refused.

		`read` makes of a cell what the field takes; `check` answers what is wrong with a value.
		"""
		if name in self._values:
			return self._values[name]
		column = self.rows.columns.get(name)
		codes = self.codes(name)
		if required:
			missing = np.flatnonzero(codes == EMPTY)
			if missing.size:
				self.refuse(missing, name, _("The value is missing."), "missing")
		values: list[Any] = []
		if column is not None:
			values, wrong = _checked(self.fields[name], column.words, read, check)
			if wrong:
				bad = np.flatnonzero(np.isin(codes, np.fromiter(wrong, np.int32, len(wrong))))
				self.refuse(bad, name, lambda n: wrong[int(codes[n])])
		self._values[name] = values, codes
		return values, codes

	def default(self, name: str, value: Any) -> None:
		"""What every empty cell of a column stands for."""
		values, codes = self._values[name]
		empty = codes == EMPTY
		if empty.any():
			self._values[name] = [*values, value], np.where(empty, len(values), codes)

	def listed(self, name: str, at: Sequence[int] | Whole) -> list[Any]:
		"""The values of these rows; None where empty."""
		values, codes = self._values[name]
		known = [*values, None]  # the code of an empty cell is the last place
		return [known[code] for code in codes[at].tolist()]

	def moments(self, name: str) -> Whole:
		"""Microseconds since 1970 of every row; 0 where empty."""
		values, codes = self._values[name]
		known = [0 if value is None else (value - EPOCH) // _MICRO for value in values]
		return np.array([*known, 0], np.int64)[codes]

	def told(self) -> list[Bad]:
		return sorted(self.problems, key=lambda bad: bad.place)


def _shown(word: Any) -> str:
	text = word if isinstance(word, str) else to_wire(word).decode()
	return text[:200]


def _checked(
	field_of: TypeAdapter[Any],
	words: Sequence[Any],
	read: Callable[[Any], Any] | None,
	check: Callable[[Any], str | None] | None,
) -> tuple[list[Any], dict[int, str]]:
	values: list[Any] = []
	wrong: dict[int, str] = {}
	for code, word in enumerate(words):
		try:
			value = field_of.validate_python(word if read is None else read(word))
			reason = None if check is None else check(value)
		except ValidationError as error:
			value, reason = None, " ".join(one.message for one in problems_of(error.errors()))
		values.append(value)
		if reason is not None:
			wrong[code] = reason
	return values, wrong
