"""One row seen through the mapping: typed values, each bad cell reported with its heading."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from apg.capabilities.plm.imports import numbers
from apg.capabilities.plm.imports.columns import NUMERIC, Column, ColumnMapping, Field
from apg.capabilities.plm.imports.neutral import (
	ImportedIdentifier,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
	PriceKind,
	Problems,
)
from apg.capabilities.plm.imports.numbers import NotANumber, NumberFormat
from apg.capabilities.plm.imports.readers import Row, Table
from apg.kernel.texts import _
from apg.platform.reference import units
from apg.platform.reference.currency_codes import CURRENCY_CODES

# the product types of the published interface and what other systems call them
_TYPES = {
	"manufactured": "manufactured, make, made, in house, fertigung, eigenfertigung, fabrique",
	"purchased": "purchased, buy, bought, external, kaufteil, fremdbezug, zukaufteil, achete, achat",
	"virtual": "virtual, phantom, dummy, virtuell, fantome",
	"service": "service, dienstleistung, prestation",
	"kit": "kit, set",
	"raw_material": "raw material, raw, rohmaterial, rohstoff, matiere premiere",
	"subassembly": "subassembly, sub assembly, assembly, baugruppe, sous ensemble",
	"finished_good": "finished good, finished goods, finished product, fertigerzeugnis, produit fini",
}
TYPES = {name.strip(): kind for kind, names in _TYPES.items() for name in (*names.split(","), kind)}
_PART_FIELDS = {
	Field.NUMBER: "number",
	Field.NAME: "name",
	Field.DESCRIPTION: "description",
	Field.REVISION: "revision",
	Field.TYPE: "type",
	Field.CLASS: "class_path",
	Field.TAGS: "tags",
	Field.UNIT: "unit",
	Field.MASS: "mass",
	Field.PRICE: "prices",
	Field.MPN: "identifiers",
	Field.SKU: "identifiers",
	Field.SOURCE_KEY: "identifiers",
	Field.ATTRIBUTE: "attributes",
}
_LINE_FIELDS = {
	Field.QUANTITY: "quantity",
	Field.DESIGNATORS: "designators",
	Field.FIND_NUMBER: "find_number",
	Field.OPTIONAL: "optional",
	Field.CONSUMABLE: "consumable",
	Field.ALLOW_VARIANTS: "allow_variants",
	Field.NOTE: "note",
	Field.ATTRITION: "attrition",
	Field.SUBSTITUTES: "substitutes",
}


def stated(mapping: ColumnMapping) -> frozenset[str]:
	"""The neutral fields the table has an opinion on."""
	found = {name for each, name in _PART_FIELDS.items() if mapping.has(each)}
	if mapping.has(Field.QUANTITY):
		# Beside a quantity the unit is that of the line; the part may well be kept in another one.
		found -= {"unit"}
		found |= {"lines"} | {name for each, name in _LINE_FIELDS.items() if mapping.has(each)}
	return frozenset(found)


def numeric_texts(table: Table, mapping: ColumnMapping) -> Iterator[str]:
	"""All cells that should be numbers."""
	indexes = [each.index for each in mapping.columns if each.field in NUMERIC]
	for row in table.data:
		for index in indexes:
			if text := row.cells[index].strip():
				yield text


@dataclass(frozen=True, slots=True)
class Cells:
	row: Row
	mapping: ColumnMapping
	format: NumberFormat
	scheme: str
	problems: Problems

	def text(self, field: Field) -> str | None:
		"""The trimmed text of the field; None where the column is missing or the cell empty."""
		column = self.mapping.column(field)
		return (self.row.cells[column.index].strip() or None) if column else None

	def problem(self, field: Field, reason: str, remedy: str) -> None:
		column = self.mapping.column(field)
		self.problems.add(
			reason,
			remedy,
			row=self.row.number,
			column=column.heading if column else None,
			value=self.text(field),
		)

	def truth(self, field: Field) -> bool:
		text = self.text(field)
		if text is None:
			return False
		found = numbers.truth(text)
		if found is None:
			self.problem(
				field, _("“{text}” is neither yes nor no.", text=text), _("Write true or false.")
			)
		return bool(found)

	def list_of(self, field: Field) -> tuple[str, ...]:
		text = (self.text(field) or "").replace(";", ",").replace("|", ",")
		return tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))

	def quantity(self) -> tuple[Decimal | None, str | None]:
		"""The quantity of the line and its unit, beside the number or from the column of units."""
		text = self.text(Field.QUANTITY)
		if text is None:
			self.problem(
				Field.QUANTITY,
				_("The quantity is missing."),
				_("Give how much of the part is used."),
			)
			return None, None
		found = self._quantity(Field.QUANTITY, text)
		if found is None:
			return None, None
		heading = self.mapping.column(Field.QUANTITY)
		written = found.unit or self.text(Field.UNIT) or (heading.unit if heading else None)
		if (
			found.unit
			and (column_unit := self.text(Field.UNIT))
			and not _same(found.unit, column_unit)
		):
			self.problem(
				Field.QUANTITY,
				_(
					"The cell says {unit}, the unit column {other}.",
					unit=found.unit,
					other=column_unit,
				),
				_("Keep one of the two."),
			)
		return found.number, self._unit(Field.UNIT, written)

	def attrition(self) -> Decimal:
		"""A share: `5 %`, 5 under a heading with %, or 0.05; a bare 5 could be either."""
		text = self.text(Field.ATTRITION)
		if text is None:
			return Decimal(0)
		found = self._quantity(Field.ATTRITION, text)
		if found is None:
			return Decimal(0)
		column = self.mapping.column(Field.ATTRITION)
		percent = found.unit == "%" or (found.unit is None and column and column.unit == "%")
		share = found.number / 100 if percent else found.number
		if found.unit not in (None, "%") or not 0 <= share < 1:
			self.problem(
				Field.ATTRITION,
				_("“{text}” is not a share between 0 and 100 %.", text=text),
				_("Write it with the sign, as 5 %."),
			)
			return Decimal(0)
		return share

	def part(self, key: str, written_key: str | None) -> ImportedPart:
		mass, mass_unit = self._mass()
		path = (self.text(Field.CLASS) or "").replace(">", "/").split("/")
		return ImportedPart(
			source_key=key,
			number=self.text(Field.NUMBER),
			name=self.text(Field.NAME),
			description=self.text(Field.DESCRIPTION),
			unit=self._unit(
				Field.UNIT, self.text(Field.UNIT), report=not self.mapping.has(Field.QUANTITY)
			),
			type=self._type(),
			revision=self.text(Field.REVISION),
			class_path=tuple(each.strip() for each in path if each.strip()),
			attributes={
				each.heading: value
				for each in self.mapping.all(Field.ATTRIBUTE)
				if (value := self._attribute(each))
			},
			tags=tuple(each.lower() for each in self.list_of(Field.TAGS)),
			mass=mass,
			mass_unit=mass_unit,
			prices=self._prices(),
			identifiers=(*self.identifier(written_key), *self._foreign_numbers()),
			row=self.row.number,
		)

	def identifier(self, key: str | None) -> tuple[ImportedIdentifier, ...]:
		return (ImportedIdentifier(self.scheme, key),) if key else ()

	def _foreign_numbers(self) -> Iterator[ImportedIdentifier]:
		for scheme, value, issuer in (
			("mpn", Field.MPN, Field.MANUFACTURER),
			("sku", Field.SKU, Field.SUPPLIER),
		):
			if text := self.text(value):
				yield ImportedIdentifier(scheme, text, self.text(issuer))

	def _type(self) -> str | None:
		text = self.text(Field.TYPE)
		if text is None:
			return None
		words = (
			text.casefold().replace("_", " ").replace("-", " ").replace("é", "e").replace("è", "e")
		)
		found = TYPES.get(text) or TYPES.get(" ".join(words.split()))
		if found is None:
			self.problem(
				Field.TYPE,
				_("“{text}” is not a product type.", text=text),
				_("Use one of {names}.", names=", ".join(_TYPES)),
			)
		return found

	def _mass(self) -> tuple[Decimal | None, str | None]:
		text = self.text(Field.MASS)
		found = self._quantity(Field.MASS, text) if text else None
		if found is None:
			return None, None
		column = self.mapping.column(Field.MASS)
		written = found.unit or self.text(Field.MASS_UNIT) or (column.unit if column else None)
		symbol = self._unit(Field.MASS, written) if written else None
		if symbol is None or not units.compatible(symbol, "kg"):
			if symbol or not written:
				self.problem(
					Field.MASS,
					_("The mass has no unit of mass."),
					_("Write g or kg beside it, or into the heading."),
				)
			return None, None
		if found.number < 0:
			self.problem(Field.MASS, _("The mass is below zero."), _("Correct it."))
			return None, None
		return found.number, symbol

	def _prices(self) -> tuple[ImportedPrice, ...]:
		text = self.text(Field.PRICE)
		if text is None:
			return ()
		column = self.mapping.column(Field.PRICE)
		currency = (self.text(Field.CURRENCY) or (column.unit if column else None) or "").upper()
		try:
			amount, currency = numbers.money(text, self.format, currency or None)
		except NotANumber as error:
			self.problem(Field.PRICE, error.reason, error.remedy)
			return ()
		lot = self.text(Field.PRICE_QUANTITY)
		least = (
			self._quantity(Field.PRICE_QUANTITY, lot) if lot else numbers.Quantity(Decimal(1), None)
		)
		if currency not in CURRENCY_CODES:
			self.problem(
				Field.PRICE,
				_("The price has no known currency."),
				_("Give the three letters of ISO 4217, as EUR."),
			)
		elif amount < 0 or (least and least.number <= 0):
			self.problem(
				Field.PRICE, _("The price is below zero or for nothing."), _("Correct it.")
			)
		elif least:
			supplier, sku = self.text(Field.SUPPLIER), self.text(Field.SKU)
			kind = PriceKind.SUPPLIER if supplier or sku else PriceKind.INTERNAL
			return (
				ImportedPrice(kind, amount, currency, least.number, supplier=supplier, sku=sku),
			)
		return ()

	def _attribute(self, column: Column) -> ImportedValue | None:
		text = self.row.cells[column.index].strip()
		if not text:
			return None
		try:
			found = numbers.quantity(text, self.format)
		except NotANumber:
			return ImportedValue(text)
		unit = numbers.known_unit(found.unit or column.unit)
		is_code = text.lstrip("+-")[:1] == "0" and text.lstrip("+-")[1:2].isdecimal()
		if is_code or (found.unit and unit is None):
			return ImportedValue(text)
		return ImportedValue(text, found.number, unit)

	def _quantity(self, field: Field, text: str) -> numbers.Quantity | None:
		try:
			return numbers.quantity(text, self.format)
		except NotANumber as error:
			self.problem(field, error.reason, error.remedy)
			return None

	def _unit(self, field: Field, text: str | None, *, report: bool = True) -> str | None:
		if text is None:
			return None
		try:
			return units.unit(text).symbol
		except units.UnitError as error:
			if report:
				self.problem(field, error.reason, error.remedy)
			return None


def _same(one: str, other: str) -> bool:
	return numbers.known_unit(one) == numbers.known_unit(other)
