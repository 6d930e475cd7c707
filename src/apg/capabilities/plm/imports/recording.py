"""The form in which the record keeps what a file says: both ways, so that they can be compared.

A file is brought into this form before it is compared; what the record gives back equals it then,
digit for digit, and the same file again is no change. What the record cannot hold is a problem.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.imports.designators import ordered
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedLine,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
	PriceKind,
	Problems,
)
from apg.capabilities.plm.products.bulk import RecordedPart, RecordedPrice
from apg.capabilities.plm.structures.bulk import RecordedLine
from apg.kernel.texts import _

KINDS = {PriceKind.INTERNAL: "internal", PriceKind.SUPPLIER: "purchase"}
NEUTRAL_KINDS = {stored: kind for kind, stored in KINDS.items()}
DECIMALS = Decimal("1e-6")
LARGEST = Decimal(10) ** 12
# field → fewest and most characters; the limits of the API, so that a product can be saved again
LENGTHS = {
	"number": (3, 50),
	"name": (3, 200),
	"description": (0, 2000),
	"unit": (1, 20),
	"revision": (1, 10),
	"class_path": (0, 200),
}
TAG, TAGS, IDENTIFIER, NOTE, ATTRIBUTE = 64, 50, 100, 2000, 2000
# NUL and halves of surrogate pairs, which JSON can spell and PostgreSQL cannot hold.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_FIND_NUMBERS = 1_000_000_000


def as_recorded(bom: ImportedBom) -> ImportedBom:
	"""The file as the record would keep it; its problems and those of storing it together, each
	value of a row once."""
	problems = Problems()
	parts = tuple(_part(each, problems) for each in bom.parts)
	lines = tuple(_line(each, problems) for each in bom.lines)
	known = {(each.row, each.value) for each in bom.problems}
	new = (each for each in problems.listed() if (each.row, each.value) not in known)
	return replace(bom, parts=parts, lines=lines, problems=(*bom.problems, *new))


def _part(part: ImportedPart, problems: Problems) -> ImportedPart:
	path = "/".join(part.class_path)
	for name, (least, most) in LENGTHS.items():
		text = path if name == "class_path" else getattr(part, name)
		if text is not None and text != "":
			_check_text(text, name, most, part.row, problems, least=least)
	tags = tuple(dict.fromkeys(part.tags))
	for tag in tags:
		_check_text(tag, "tags", TAG, part.row, problems)
	if len(tags) > TAGS:
		problems.add(
			_("The part has {n} tags; {most} are possible.", n=len(tags), most=TAGS),
			_("Keep the important ones."),
			row=part.row,
			column="tags",
		)
	if part.mass is not None:
		_check_number(part.mass, "mass", part.row, problems)
	attributes: dict[str, ImportedValue] = {}
	for name, value in part.attributes.items():
		_check_text(name, "attributes", 200, part.row, problems)
		_check_text(value.text, name, ATTRIBUTE, part.row, problems)
		attributes[name] = ImportedValue(shown_value(value))
	for each in part.identifiers:
		_check_text(each.value, each.scheme, IDENTIFIER, part.row, problems)
		_check_text(each.issuer or "", each.scheme, IDENTIFIER, part.row, problems)
	return replace(
		part,
		class_path=(path,) if path else (),
		tags=tags,
		attributes=attributes,
		prices=_prices(part, problems),
	)


def shown_value(value: ImportedValue) -> str:
	"""An attribute as people read and search it: `10 Ω`, `4`, `0402`."""
	if value.number is None:
		return value.text
	number = plain(value.number)
	return f"{number} {value.unit}" if value.unit else number


def plain(number: Decimal) -> str:
	"""The digits without an exponent and without zeros at the end."""
	text = format(number, "f")
	return text.rstrip("0").rstrip(".") if "." in text else text


def _prices(part: ImportedPart, problems: Problems) -> tuple[ImportedPrice, ...]:
	"""Prices of one unit, one for each quantity of a list."""
	found: dict[tuple[Any, ...], ImportedPrice] = {}
	for price in part.prices:
		amount, quantity = price.amount / price.per, price.from_quantity
		_check_number(quantity, "prices", part.row, problems)
		if amount >= LARGEST:
			problems.add(
				_("The price is too large."), _("Correct it."), row=part.row, value=str(amount)
			)
			continue
		for text in (price.supplier or "", price.sku or ""):
			_check_text(text, "prices", IDENTIFIER, part.row, problems)
		kept = amount.quantize(DECIMALS)
		if kept != amount:
			problems.warn(
				_("The price of one is rounded to {amount}.", amount=plain(kept)),
				_("Six digits behind the point are kept; use a larger unit if that is too few."),
				row=part.row,
				column="prices",
				value=f"{plain(price.amount)} {price.currency} / {plain(price.per)}",
			)
		one = ImportedPrice(
			price.kind,
			kept,
			price.currency,
			quantity,
			Decimal(1),
			price.supplier or "",
			price.sku or "",
		)
		key = (one.kind, one.supplier, one.sku, one.from_quantity)
		if found.setdefault(key, one) != one:
			problems.add(
				_("Two prices for the same quantity of one list."),
				_("Keep one of them."),
				row=part.row,
				column="prices",
				value=f"{plain(one.amount)} {one.currency} / {plain(one.from_quantity)}",
			)
	return tuple(found.values())


def _line(line: ImportedLine, problems: Problems) -> ImportedLine:
	for name in ("attrition", "setup"):
		_check_number(getattr(line, name), name, line.row, problems)
	for text in line.designators:
		_check_text(text, "designators", 200, line.row, problems)
	if line.note:
		_check_text(line.note, "note", NOTE, line.row, problems)
	number, designators = _find_number(line, problems), ordered(line.designators)
	if (number, designators) == (line.find_number, line.designators):
		return line
	return replace(line, find_number=number, designators=designators)


def _find_number(line: ImportedLine, problems: Problems) -> str | None:
	text = (line.find_number or "").strip()
	if not text:
		return None
	if text.isdecimal() and text.isascii() and 0 < int(text[:12]) < _FIND_NUMBERS:
		return str(int(text))
	problems.warn(
		_("“{text}” is not a whole number, so the line gets a find number of its own.", text=text),
		_("Number the lines 10, 20, 30, or leave the column out."),
		row=line.row,
		column="find_number",
		value=text,
	)
	return None


def _check_text(
	text: str, column: str, most: int, row: int | None, problems: Problems, *, least: int = 0
) -> None:
	if len(text) > most or len(text) < least:
		problems.add(
			_("The text has {n} characters.", n=len(text)),
			_("{least} to {most} are possible.", least=least, most=most),
			row=row,
			column=column,
			value=text,
		)
	if _CONTROL.search(text):
		problems.add(
			_("The text holds a character that cannot be stored."),
			_("Remove it in the source."),
			row=row,
			column=column,
			value=_CONTROL.sub("\ufffd", text),
		)


def _check_number(number: Decimal, column: str, row: int | None, problems: Problems) -> None:
	if number >= LARGEST or number != number.quantize(DECIMALS):
		problems.add(
			_("The number has more than 12 digits before or 6 behind the point."),
			_("Use another unit, or round it."),
			row=row,
			column=column,
			value=plain(number),
		)


# from the record


def part_of(recorded: RecordedPart, prices: Sequence[RecordedPrice] = ()) -> ImportedPart:
	"""A recorded part in the neutral form; its key is its id."""
	return ImportedPart(
		source_key=recorded.item_id,
		number=recorded.number,
		name=recorded.name,
		description=recorded.description,
		unit=recorded.unit_of_measure,
		type=recorded.product_type,
		revision=recorded.label,
		class_path=(recorded.class_path,) if recorded.class_path else (),
		attributes={
			name: ImportedValue(_attribute_text(value))
			for name, value in recorded.attributes.items()
		},
		tags=tuple(recorded.tags),
		mass=recorded.mass,
		mass_unit=recorded.mass_unit,
		prices=tuple(
			ImportedPrice(
				NEUTRAL_KINDS[each.kind],
				each.amount,
				each.currency,
				each.quantity_break,
				Decimal(1),
				each.supplier,
				each.sku,
			)
			for each in prices
		),
		identifiers=tuple(
			ImportedIdentifier(scheme, value, issuer)
			for scheme, value, issuer in recorded.identifiers
		),
		active=recorded.is_active,
	)


def _attribute_text(value: Any) -> str:
	if isinstance(value, bool):
		return "true" if value else "false"
	return plain(value) if isinstance(value, Decimal) else str(value)


def price_lists(
	recorded: RecordedPart, today: date
) -> Mapping[tuple[str, str, str], list[RecordedPrice]]:
	"""The lists that hold today, of the kinds a file can bring: all rows of each list's last date."""
	lists: dict[tuple[str, str, str], list[RecordedPrice]] = {}
	for price in recorded.prices:
		if price.kind not in NEUTRAL_KINDS or price.valid_from > today:
			continue
		rows = lists.setdefault(price.list_key, [])
		if rows and rows[0].valid_from < price.valid_from:
			rows.clear()
		rows.append(price)
	return lists


def line_of(recorded: RecordedLine, parent: str) -> ImportedLine:
	"""A recorded line in the neutral form; its keys are ids of items."""
	return ImportedLine(
		parent_key=parent,
		child_key=recorded.child_item_id,
		quantity=recorded.quantity if recorded.quantity is not None else Decimal(0),
		unit=recorded.unit,
		designators=ordered(recorded.designators),
		find_number=str(recorded.find_number),
		optional=recorded.is_optional,
		consumable=recorded.is_consumable,
		note=recorded.note,
		substitutes=tuple(item for _row, item in recorded.substitutes),
		attrition=recorded.attrition,
		setup=recorded.setup_quantity,
		allow_variants=recorded.allow_variants,
	)
