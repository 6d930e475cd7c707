"""A Django fixture as records that point to each other: found, checked, every dangling end named."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.imports import numbers
from apg.capabilities.plm.imports.neutral import Problems
from apg.capabilities.plm.imports.numbers import NotANumber, NumberFormat
from apg.capabilities.plm.imports.readers import Unreadable
from apg.kernel.texts import _

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
	"""One object of the fixture; `row` is its place in the list, counted from 1."""

	row: int
	pk: str
	fields: Fields

	def text(self, name: str) -> str | None:
		"""A text field without surrounding spaces; empty is None."""
		value = self.fields.get(name)
		return str(value).strip() or None if value is not None else None


@dataclass(slots=True)
class Fixture:
	models: dict[str, dict[str, Record]]
	problems: Problems
	custom_units: dict[str, str] = field(default_factory=dict[str, str])

	def all(self, model: str) -> Iterator[Record]:
		return iter(self.models.get(model, {}).values())

	def one(self, model: str, key: object) -> Record | None:
		return None if key is None else self.models.get(model, {}).get(str(key))

	def target(self, record: Record, name: str, model: str) -> Record | None:
		"""The object a field points to; a reference to nothing is a problem of that record."""
		found = self.one(model, record.fields.get(name))
		if found is None:
			self.problems.add(
				_(
					"The record points to {model} {key}, which is not in the file.",
					model=model,
					key=record.fields.get(name),
				),
				_("Export the referenced objects too."),
				row=record.row,
				column=name,
				value=str(record.fields.get(name)),
			)
		return found

	def decimal(self, record: Record, name: str) -> Decimal | None:
		"""A number field, exact; what is no number is a problem."""
		value = record.fields.get(name)
		try:
			return numbers.number(str(value), NumberFormat.POINT)
		except NotANumber as error:
			self.problems.add(
				error.reason, error.remedy, row=record.row, column=name, value=str(value)
			)
			return None


def load(content: bytes) -> Fixture:
	try:
		data = json.loads(content, parse_float=Decimal)
	except (ValueError, RecursionError) as error:
		raise Unreadable(
			_("The file is not valid JSON."), _("Export it again with InvenTree's export-records.")
		) from error
	models: dict[str, dict[str, Record]] = defaultdict(dict)
	problems = Problems()
	if isinstance(data, list):
		for row, each in enumerate(data, start=1):
			match each:
				case {"model": str(model), "pk": int() | str() as pk, "fields": dict(fields)}:
					models[model][str(pk)] = Record(row, str(pk), fields)
				case _:
					problems.add(
						_("Record {row} has no model, pk and fields.", row=row),
						_("Export the file again; records of a Django fixture have all three."),
						row=row,
					)
	if "part.part" not in models:
		raise Unreadable(
			_("The file holds no parts of InvenTree."),
			_("Choose a fixture with part.part and part.bomitem."),
		)
	return Fixture(dict(models), problems)
