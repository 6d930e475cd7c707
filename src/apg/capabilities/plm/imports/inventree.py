"""Reader of an InvenTree export in Django's fixture form (a JSON list of model, pk, fields).

What becomes what: `IPN` → number; `pk` → source key and identifier of scheme `inventree`;
category path → class; parameters → attributes with their unit; manufacturer part numbers and SKUs
→ identifiers; internal and supplier price breaks → prices (a supplier's price is for one pack,
InvenTree divides it by `pack_quantity_native`, so it is kept as `per`); overage in percent →
attrition, as a number → setup; variants and templates → attributes. A line that InvenTree marks as
inherited also belongs to every variant below its template; it is written out on the variants with
`inherited_from`, because their cost would be too low without it. Mass is not a field of InvenTree;
it is taken from a parameter called Mass or Weight where a part has one.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from apg.capabilities.plm.imports import designators, numbers
from apg.capabilities.plm.imports.checks import check_structure
from apg.capabilities.plm.imports.fixtures import Fields, Fixture, Record, load
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedLine,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
	PriceKind,
)
from apg.capabilities.plm.imports.numbers import NotANumber, NumberFormat
from apg.kernel.texts import _
from apg.platform.reference import units

SCHEME = "inventree"
MASS_PARAMETERS = frozenset({"mass", "weight", "net weight", "net mass"})
STATED = frozenset(
	{
		"number",
		"name",
		"description",
		"unit",
		"type",
		"revision",
		"class_path",
		"attributes",
		"tags",
		"mass",
		"prices",
		"identifiers",
		"active",
		"lines",
		"quantity",
		"designators",
		"optional",
		"consumable",
		"note",
		"substitutes",
		"attrition",
		"setup",
		"allow_variants",
	}
)
_RKM = re.compile(r"([0-9]{1,9})([RrKkM])([0-9]{0,9})(?:R|Ω)?")
_FRACTION = re.compile(r"[0-9]{1,9}/[0-9]{1,9}")
_USED = frozenset(
	{
		"part.part",
		"part.bomitem",
		"part.bomitemsubstitute",
		"part.partcategory",
		"part.partparameter",
		"part.partparametertemplate",
		"part.partinternalpricebreak",
		"company.company",
		"company.manufacturerpart",
		"company.supplierpart",
		"company.supplierpricebreak",
		"common.customunit",
	}
)


def read_fixture(content: bytes) -> ImportedBom:
	"""Parts, lines, prices and identifiers of the fixture, with every problem and decision named."""
	fixture = load(content)
	for record in fixture.all("common.customunit"):
		definition = record.text("definition")
		if definition and units.is_known(definition):
			fixture.custom_units[record.text("name") or ""] = units.unit(definition).symbol
	parts = _parts(fixture)
	own = _lines(fixture, {each.source_key: each for each in parts})
	inherited = _inherited(fixture, own)
	lines = (*own, *inherited)
	check_structure(parts, lines, fixture.problems)
	return ImportedBom(
		source="inventree",
		parts=parts,
		lines=lines,
		problems=fixture.problems.listed(),
		notes=tuple(_notes(fixture, parts, own, inherited)),
		stated=STATED,
		scheme=SCHEME,
		complete=True,
	)


def _parts(fixture: Fixture) -> tuple[ImportedPart, ...]:
	attributes = _attributes(fixture)
	prices = _prices(fixture)
	identifiers = _identifiers(fixture)
	found: list[ImportedPart] = []
	for record in fixture.all("part.part"):
		values = attributes.get(record.pk, {}) | _template_facts(fixture, record)
		mass, mass_unit = _mass(values)
		found.append(
			ImportedPart(
				source_key=record.pk,
				number=record.text("IPN"),
				name=record.text("name"),
				description=record.text("description"),
				unit=_part_unit(fixture, record),
				type=product_type(record.fields),
				revision=record.text("revision"),
				class_path=_class_path(fixture, record),
				attributes=values,
				tags=tuple(
					dict.fromkeys((record.text("keywords") or "").lower().replace(",", " ").split())
				),
				mass=mass,
				mass_unit=mass_unit,
				prices=tuple(prices.get(record.pk, ())),
				identifiers=(
					ImportedIdentifier(SCHEME, record.pk, "InvenTree"),
					*identifiers.get(record.pk, ()),
				),
				active=record.fields.get("active") is not False,
				row=record.row,
			)
		)
	return tuple(found)


def product_type(fields: Fields) -> str:
	"""The product type from InvenTree's flags, first that fits: virtual; an assembly is a
	subassembly if it is also a component, a finished good if it is sold, else manufactured; what is
	bought is purchased; what is neither made of lines nor bought is manufactured."""
	if fields.get("virtual"):
		return "virtual"
	if fields.get("assembly"):
		if fields.get("component"):
			return "subassembly"
		return "finished_good" if fields.get("salable") else "manufactured"
	return "purchased" if fields.get("purchaseable") else "manufactured"


def _part_unit(fixture: Fixture, record: Record) -> str:
	written = record.text("units")
	if written is None:
		return "each"
	symbol = fixture.custom_units.get(written) or numbers.known_unit(written)
	if symbol is None:
		fixture.problems.add(
			_("The unit “{unit}” is not known.", unit=written),
			_("Use a unit of the catalogue in the part."),
			row=record.row,
			column="units",
			value=written,
		)
	return symbol or "each"


def _class_path(fixture: Fixture, record: Record) -> tuple[str, ...]:
	"""Names of the categories from the top, followed through `parent` so that `/` may be in a name."""
	path: list[str] = []
	seen: set[str] = set()
	category = fixture.one("part.partcategory", record.fields.get("category"))
	while category is not None and category.pk not in seen:
		seen.add(category.pk)
		path.append(category.text("name") or category.pk)
		category = fixture.one("part.partcategory", category.fields.get("parent"))
	return tuple(reversed(path))


def _template_facts(fixture: Fixture, record: Record) -> dict[str, ImportedValue]:
	facts: dict[str, ImportedValue] = {}
	if record.fields.get("is_template"):
		facts["inventree.template"] = ImportedValue("true")
	if template := fixture.one("part.part", record.fields.get("variant_of")):
		name = template.text("name") or template.pk
		facts["inventree.variant_of"] = ImportedValue(f"{name} (InvenTree {template.pk})")
	if record.fields.get("trackable"):
		facts["inventree.trackable"] = ImportedValue("true")
	return facts


def _attributes(fixture: Fixture) -> dict[str, dict[str, ImportedValue]]:
	found: dict[str, dict[str, ImportedValue]] = defaultdict(dict)
	for record in fixture.all("part.partparameter"):
		part = fixture.target(record, "part", "part.part")
		template = fixture.target(record, "template", "part.partparametertemplate")
		if part is None or template is None:
			continue
		name = template.text("name") or template.pk
		if name in found[part.pk]:
			name = f"{name} ({template.pk})"
		found[part.pk][name] = _value(fixture, record, template)
	return found


def _value(fixture: Fixture, record: Record, template: Record) -> ImportedValue:
	"""`2 inches`, `100nF`, `10R`, `1/10` with their unit; a bare number takes the template's unit."""
	text = str(record.fields.get("data", ""))
	if template.fields.get("checkbox"):
		return ImportedValue(text)
	declared_text = template.text("units")
	declared = _symbol(fixture, declared_text)
	number, behind = _split_value(text)
	if declared == "Ω" and (coded := _rkm(text)) is not None:
		return ImportedValue(text, coded, declared)
	if number is None or (declared_text is None and behind):
		return ImportedValue(text)
	if not behind:
		return ImportedValue(text, number, declared)
	own = _symbol(fixture, behind)
	if own is None or declared is None or not units.compatible(own, declared):
		fixture.problems.warn(
			_(
				"“{text}” does not fit the unit {unit} of the parameter.",
				text=text,
				unit=declared_text,
			),
			_("It is kept as text; correct it where it should be a number."),
			row=record.row,
			column=template.text("name"),
			value=text,
		)
		return ImportedValue(text)
	return ImportedValue(text, number, own)


def _rkm(text: str) -> Decimal | None:
	"""A resistance by the letter code of IEC 60062: 4k7 is 4,700, 22k0R is 22,000, 1M is 1,000,000."""
	match = _RKM.fullmatch(text.strip())
	if not match:
		return None
	exponent = {"r": 0, "k": 3, "K": 3, "R": 0, "M": 6}[match[2]]
	return Decimal(f"{match[1]}.{match[3] or 0}").scaleb(exponent)


def _split_value(text: str) -> tuple[Decimal | None, str]:
	"""A number, or a fraction that a decimal holds exactly, and the text behind; `0402` is a code."""
	whole, _slash, rest = text.strip().partition("/")
	if _FRACTION.fullmatch(text.strip()) and int(rest):
		ratio = Fraction(int(whole), int(rest))
		exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
		return (exact, "") if Fraction(exact) == ratio else (None, "")
	try:
		found = numbers.quantity(text, NumberFormat.POINT)
	except NotANumber:
		return None, ""
	digits = text.strip().lstrip("+-")
	if digits[:1] == "0" and digits[1:2].isdecimal():
		return None, ""
	return found.number, found.unit or ""


def _symbol(fixture: Fixture, text: str | None) -> str | None:
	return fixture.custom_units.get(text or "") or numbers.known_unit(text)


def _mass(values: Mapping[str, ImportedValue]) -> tuple[Decimal | None, str | None]:
	for name, value in values.items():
		if name.casefold() not in MASS_PARAMETERS or value.number is None or not value.unit:
			continue
		if units.compatible(value.unit, "kg"):
			return value.number, value.unit
	return None, None


def _prices(fixture: Fixture) -> dict[str, list[ImportedPrice]]:
	"""Per part: internal breaks first, then suppliers' in the order of their parts, breaks rising."""
	found: dict[str, list[ImportedPrice]] = defaultdict(list)
	for record in fixture.all("part.partinternalpricebreak"):
		part = fixture.target(record, "part", "part.part")
		price = _price(fixture, record, PriceKind.INTERNAL)
		if part is not None and price is not None:
			found[part.pk].append(price)
	for record in fixture.all("company.supplierpricebreak"):
		sold = fixture.target(record, "part", "company.supplierpart")
		part = fixture.target(sold, "part", "part.part") if sold else None
		if sold is None or part is None:
			continue
		supplier = fixture.one("company.company", sold.fields.get("supplier"))
		price = _price(
			fixture,
			record,
			PriceKind.SUPPLIER,
			per=_pack(fixture, sold),
			supplier=supplier.text("name") if supplier else None,
			sku=sold.text("SKU"),
		)
		if price is not None:
			found[part.pk].append(price)
	listed: dict[tuple[str | None, str | None], int] = {}
	for index, sold in enumerate(fixture.all("company.supplierpart")):
		supplier = fixture.one("company.company", sold.fields.get("supplier"))
		listed[supplier.text("name") if supplier else None, sold.text("SKU")] = index
	for prices in found.values():
		prices.sort(key=lambda p: (p.kind, listed.get((p.supplier, p.sku), -1), p.quantity))
	return found


def _price(
	fixture: Fixture,
	record: Record,
	kind: PriceKind,
	*,
	per: Decimal | None = Decimal(1),
	supplier: str | None = None,
	sku: str | None = None,
) -> ImportedPrice | None:
	amount, quantity = fixture.decimal(record, "price"), fixture.decimal(record, "quantity")
	currency = record.text("price_currency")
	if amount is None or quantity is None or per is None:
		return None
	if amount < 0 or quantity <= 0 or currency is None:
		fixture.problems.add(
			_("The price break needs an amount, a currency and a quantity above zero."),
			_("Correct the price break in InvenTree."),
			row=record.row,
			value=f"{amount} {currency} / {quantity}",
		)
		return None
	return ImportedPrice(kind, amount, currency, quantity, per, supplier, sku)


def _pack(fixture: Fixture, record: Record) -> Decimal | None:
	"""How much of the part's unit one pack holds."""
	pack = fixture.decimal(record, "pack_quantity_native")
	if pack is not None and pack <= 0:
		fixture.problems.add(
			_("The pack holds nothing."),
			_("Correct the pack quantity of the supplier part."),
			row=record.row,
			column="pack_quantity_native",
			value=str(pack),
		)
		return None
	return pack


def _identifiers(fixture: Fixture) -> dict[str, list[ImportedIdentifier]]:
	found: dict[str, list[ImportedIdentifier]] = defaultdict(list)
	for model, scheme, issuer_field, value_field in (
		("company.manufacturerpart", "mpn", "manufacturer", "MPN"),
		("company.supplierpart", "sku", "supplier", "SKU"),
	):
		for record in fixture.all(model):
			part = fixture.target(record, "part", "part.part")
			issuer = fixture.one("company.company", record.fields.get(issuer_field))
			value = record.text(value_field)
			if part is not None and value is not None:
				found[part.pk].append(
					ImportedIdentifier(scheme, value, issuer.text("name") if issuer else None)
				)
	return found


def _lines(fixture: Fixture, parts: Mapping[str, ImportedPart]) -> tuple[ImportedLine, ...]:
	substitutes: dict[str, list[str]] = defaultdict(list)
	for record in fixture.all("part.bomitemsubstitute"):
		item = fixture.target(record, "bom_item", "part.bomitem")
		part = fixture.target(record, "part", "part.part")
		if item is not None and part is not None:
			substitutes[item.pk].append(part.pk)
	found: list[ImportedLine] = []
	for record in fixture.all("part.bomitem"):
		parent = fixture.target(record, "part", "part.part")
		child = fixture.target(record, "sub_part", "part.part")
		quantity = fixture.decimal(record, "quantity")
		if parent is None or child is None or quantity is None:
			continue
		attrition, setup = _overage(fixture, record)
		found.append(
			ImportedLine(
				parent_key=parent.pk,
				child_key=child.pk,
				quantity=quantity,
				unit=parts[child.pk].unit,
				designators=designators.split(record.text("reference") or ""),
				optional=bool(record.fields.get("optional")),
				consumable=bool(record.fields.get("consumable")),
				note=record.text("note"),
				substitutes=tuple(substitutes.get(record.pk, ())),
				attrition=attrition,
				setup=setup,
				allow_variants=bool(record.fields.get("allow_variants")),
				row=record.row,
			)
		)
	return tuple(found)


def _overage(fixture: Fixture, record: Record) -> tuple[Decimal, Decimal]:
	"""(attrition, setup): `5%` is a share of the quantity, `2` is two more for each order."""
	text = record.text("overage")
	if text is None:
		return Decimal(0), Decimal(0)
	try:
		amount = numbers.number(text.removesuffix("%"), NumberFormat.POINT)
	except NotANumber:
		amount = Decimal(-1)
	if amount < 0 or (text.endswith("%") and amount > 100):
		fixture.problems.add(
			_("The overage “{text}” is neither a number nor a share up to 100 %.", text=text),
			_("Write 2 or 5%."),
			row=record.row,
			column="overage",
			value=text,
		)
		return Decimal(0), Decimal(0)
	return (amount / 100, Decimal(0)) if text.endswith("%") else (Decimal(0), amount)


def _inherited(fixture: Fixture, own: tuple[ImportedLine, ...]) -> tuple[ImportedLine, ...]:
	rows = {record.row for record in fixture.all("part.bomitem") if record.fields.get("inherited")}
	handed_down: dict[str, list[ImportedLine]] = defaultdict(list)
	for line in own:
		if line.row in rows:
			handed_down[line.parent_key].append(line)
	found: list[ImportedLine] = []
	for record in fixture.all("part.part"):
		above, seen = fixture.one("part.part", record.fields.get("variant_of")), {record.pk}
		while above is not None and above.pk not in seen:
			seen.add(above.pk)
			found.extend(
				replace(line, parent_key=record.pk, inherited_from=above.pk)
				for line in handed_down.get(above.pk, ())
			)
			above = fixture.one("part.part", above.fields.get("variant_of"))
	return tuple(found)


def _notes(
	fixture: Fixture,
	parts: tuple[ImportedPart, ...],
	own: tuple[ImportedLine, ...],
	inherited: tuple[ImportedLine, ...],
) -> Iterator[str]:
	yield _("{parts} parts and {lines} lines were read.", parts=len(parts), lines=len(own))
	if inherited:
		yield _("{n} lines of templates are written out on their variants.", n=len(inherited))
	if without := sum(each.mass is None for each in parts):
		yield _("{n} parts have no mass in the file.", n=without)
	if unpriced := sum(not each.prices for each in parts):
		yield _("{n} parts have no price in the file.", n=unpriced)
	left_out = Counter(
		{model: len(all_) for model, all_ in fixture.models.items() if model not in _USED}
	)
	for model, count in sorted(left_out.items()):
		yield _("{n} records of {model} are not taken over.", n=count, model=model)
