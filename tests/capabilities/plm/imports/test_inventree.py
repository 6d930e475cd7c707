"""The demonstration set of InvenTree, counted against the file itself, and broken copies of it."""

import json
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from apg.capabilities.plm.imports.checks import find_cycle
from apg.capabilities.plm.imports.inventree import product_type, read_fixture
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedPrice,
	ImportedValue,
	PriceKind,
	Severity,
	preferred_prices,
)
from apg.capabilities.plm.imports.readers import Unreadable
from apg.platform.reference import units

FIXTURE = (
	Path(__file__).parents[4] / "src/apg/demo/inventree/inventree_demo_2024-02-28_parts_bom.json"
)


@pytest.fixture(scope="module")
def raw() -> list[dict[str, Any]]:
	return json.loads(FIXTURE.read_bytes())


@pytest.fixture(scope="module")
def bom() -> ImportedBom:
	return read_fixture(FIXTURE.read_bytes())


def fields(raw: list[dict[str, Any]], model: str) -> dict[int, dict[str, Any]]:
	return {each["pk"]: each["fields"] for each in raw if each["model"] == model}


def test_everything_is_counted(bom: ImportedBom) -> None:
	own = [line for line in bom.lines if line.inherited_from is None]
	assert (len(bom.parts), len(own), len(bom.lines)) == (414, 228, 255)
	assert bom.problems == ()
	values = [
		name for part in bom.parts for name in part.attributes if not name.startswith("inventree.")
	]
	assert len(values) == 1194
	assert Counter(price.kind for part in bom.parts for price in part.prices) == {
		PriceKind.SUPPLIER: 1001,
		PriceKind.INTERNAL: 258,
	}
	assert Counter(each.scheme for part in bom.parts for each in part.identifiers) == {
		"inventree": 414,
		"mpn": 187,
		"sku": 773,
	}
	assert sum(part.number is not None for part in bom.parts) == 15
	assert Counter(part.type for part in bom.parts) == {
		"purchased": 385,
		"finished_good": 10,
		"manufactured": 9,
		"subassembly": 7,
		"virtual": 3,
	}
	assert Counter(part.unit for part in bom.parts) == {"each": 403, "m": 6, "L": 5}
	assert all(part.active for part in bom.parts)
	assert not any(part.mass for part in bom.parts)
	assert bom.complete
	assert bom.scheme == "inventree"


def test_lines_are_those_of_the_file(bom: ImportedBom, raw: list[dict[str, Any]]) -> None:
	expected = Counter(
		(str(f["part"]), str(f["sub_part"]), Decimal(f["quantity"]), f["consumable"], f["optional"])
		for f in fields(raw, "part.bomitem").values()
	)
	own = (line for line in bom.lines if line.inherited_from is None)
	assert (
		Counter((x.parent_key, x.child_key, x.quantity, x.consumable, x.optional) for x in own)
		== expected
	)


def test_inherited_lines_are_written_out_on_variants(bom: ImportedBom) -> None:
	table = [line for line in bom.lines if line.parent_key == "99"]
	assert [(x.child_key, x.quantity, x.unit, x.inherited_from) for x in table] == [
		("90", Decimal("0.25000"), "L", None),
		("95", Decimal("4.00000"), "each", "94"),
		("96", Decimal("1.00000"), "each", "94"),
		("98", Decimal("12.00000"), "each", "94"),
	]
	inherited = Counter(line.parent_key for line in bom.lines if line.inherited_from)
	assert inherited == {
		"81": 3,
		"99": 3,
		"100": 3,
		"101": 3,
		"103": 3,
		"104": 3,
		"105": 3,
		"107": 2,
		"108": 2,
		"109": 2,
	}
	assert any("27 lines" in note for note in bom.notes)


def test_numeric_values_agree_with_the_figures_of_the_source(
	bom: ImportedBom, raw: list[dict[str, Any]]
) -> None:
	"""InvenTree keeps its own conversion to the template's unit: an independent oracle."""
	templates = fields(raw, "part.partparametertemplate")
	parts = {part.source_key: part for part in bom.parts}
	compared = 0
	for value in fields(raw, "part.partparameter").values():
		template = templates[value["template"]]
		found = parts[str(value["part"])].attributes[template["name"]]
		assert found.text == value["data"]
		if not template["units"] or value["data_numeric"] is None:
			continue
		assert found.number is not None
		assert found.unit is not None
		target = {"ohms": "Ω", "percent": "%"}.get(template["units"], template["units"])
		number = units.convert(found.number, found.unit, target)
		assert float(number) == pytest.approx(value["data_numeric"], rel=1e-9)
		compared += 1
	assert compared == 728


def test_a_resistor_in_full(bom: ImportedBom) -> None:
	part = next(part for part in bom.parts if part.source_key == "43")
	assert part.name == "R_100K_0402_1%"
	assert part.class_path == ("Electronics", "Passives", "Resistors")
	assert part.tags == ("resistor", "smd", "0402")
	assert part.attributes == {
		"Package": ImportedValue("0402"),
		"Resistance": ImportedValue("100k", Decimal(100_000), "Ω"),
		"Tolerance": ImportedValue("1", Decimal(1), "%"),
		"Power": ImportedValue("1/10", Decimal("0.1"), "W"),
	}
	assert part.identifiers[:2] == (
		ImportedIdentifier("inventree", "43", "InvenTree"),
		ImportedIdentifier("mpn", "RR0510P-104-D", "Susumu"),
	)
	assert preferred_prices(part) == (
		ImportedPrice(
			PriceKind.SUPPLIER,
			Decimal("0.513300"),
			"USD",
			Decimal(100),
			Decimal(1),
			"DigiKey",
			"RR05P100KDTR-ND",
		),
		ImportedPrice(
			PriceKind.SUPPLIER,
			Decimal("0.087000"),
			"USD",
			Decimal(1000),
			Decimal(1),
			"DigiKey",
			"RR05P100KDTR-ND",
		),
	)


def test_internal_prices_are_preferred(bom: ImportedBom) -> None:
	part = next(part for part in bom.parts if part.number == "widget.pink")
	assert [(p.kind, p.quantity, p.amount, p.currency) for p in preferred_prices(part)] == [
		(PriceKind.INTERNAL, Decimal(1), Decimal("85.4"), "USD"),
		(PriceKind.INTERNAL, Decimal(10), Decimal("80.2"), "USD"),
	]


def test_a_price_is_for_a_whole_pack(bom: ImportedBom, raw: list[dict[str, Any]]) -> None:
	sold = fields(raw, "company.supplierpart")
	packs = Counter(
		Decimal(sold[f["part"]]["pack_quantity_native"])
		for f in fields(raw, "company.supplierpricebreak").values()
	)
	found = Counter(
		p.per for part in bom.parts for p in part.prices if p.kind is PriceKind.SUPPLIER
	)
	assert found == packs
	assert packs[Decimal(500)] == 3
	spool = next(p for part in bom.parts for p in part.prices if p.per == 500)
	assert spool.from_quantity == spool.quantity * 500


def test_templates_variants_and_revisions_are_kept(bom: ImportedBom) -> None:
	part = next(part for part in bom.parts if part.number == "widget.red.01")
	assert part.revision == "01"
	assert part.attributes["inventree.variant_of"].text == "Red Widget (InvenTree 72)"
	assert part.attributes["inventree.template"].text == "true"


def test_substitutes_and_designators(bom: ImportedBom) -> None:
	line = next(x for x in bom.lines if (x.parent_key, x.child_key) == ("87", "82"))
	assert line.substitutes == ("84", "83")
	line = next(x for x in bom.lines if (x.parent_key, x.child_key) == ("88", "55"))
	assert line.designators == ("C1", "C2", "C5", "C9", "C12")


@pytest.mark.parametrize(
	("flags", "kind"),
	[
		({"virtual": True, "assembly": True}, "virtual"),
		({"assembly": True, "component": True, "salable": True}, "subassembly"),
		({"assembly": True, "salable": True}, "finished_good"),
		({"assembly": True}, "manufactured"),
		({"purchaseable": True, "component": True}, "purchased"),
		({}, "manufactured"),
	],
)
def test_type_from_flags(flags: dict[str, bool], kind: str) -> None:
	assert product_type(flags) == kind


def part(pk: int, **changed: object) -> dict[str, Any]:
	return {
		"model": "part.part",
		"pk": pk,
		"fields": {"name": f"P{pk}", "active": True, "units": "", **changed},
	}


def item(
	pk: int, parent: int, child: int, quantity: str = "1", **changed: object
) -> dict[str, Any]:
	return {
		"model": "part.bomitem",
		"pk": pk,
		"fields": {"part": parent, "sub_part": child, "quantity": quantity, **changed},
	}


def read(*records: dict[str, Any]) -> ImportedBom:
	return read_fixture(json.dumps(list(records)).encode())


@pytest.mark.parametrize(
	("overage", "attrition", "setup"),
	[
		("5%", "0.05", "0"),
		("2", "0", "2"),
		("2.5 %", "0.025", "0"),
		("", "0", "0"),
		(None, "0", "0"),
	],
)
def test_overage(overage: str | None, attrition: str, setup: str) -> None:
	line = read(part(1), part(2), item(1, 1, 2, overage=overage)).lines[0]
	assert (line.attrition, line.setup) == (Decimal(attrition), Decimal(setup))


def test_mass_is_taken_from_a_parameter() -> None:
	template = {
		"model": "part.partparametertemplate",
		"pk": 1,
		"fields": {"name": "Weight", "units": "g"},
	}
	value = {
		"model": "part.partparameter",
		"pk": 1,
		"fields": {"part": 1, "template": 1, "data": "2.5"},
	}
	found = read(part(1), template, value).parts[0]
	assert (found.mass, found.mass_unit) == (Decimal("2.5"), "g")


def test_inactive_parts_are_told() -> None:
	assert not read(part(1, active=False)).parts[0].active


@pytest.mark.parametrize(
	("records", "column", "words"),
	[
		([part(1), item(1, 1, 9)], "sub_part", "not in the file"),
		([part(1), item(1, 1, 1)], None, "contain each other"),
		([part(1), part(2), item(1, 1, 2), item(2, 2, 1)], None, "contain each other"),
		([part(1), part(2), item(1, 1, 2, "x")], "quantity", "not a number"),
		([part(1), part(2), item(1, 1, 2, "0")], None, "greater than zero"),
		([part(1), part(2), item(1, 1, 2, "-1")], None, "greater than zero"),
		([part(1), part(2), item(1, 1, 2, "0.00000001")], None, "more than 6 decimals"),
		([part(1), part(2), item(1, 1, 2, overage="-5%")], "overage", "overage"),
		([part(1), part(2), item(1, 1, 2, overage="lots")], "overage", "overage"),
		([part(1, units="furlongs")], "units", "not known"),
		([part(1, IPN="A"), part(2, IPN="a")], None, "number of two parts"),
		([part(1), {"model": "x"}], None, "no model, pk and fields"),
		(
			[
				part(1),
				{
					"model": "part.partinternalpricebreak",
					"pk": 1,
					"fields": {"part": 1, "quantity": "1", "price": "-1", "price_currency": "EUR"},
				},
			],
			None,
			"price break",
		),
	],
)
def test_what_is_wrong_is_named(
	records: list[dict[str, Any]], column: str | None, words: str
) -> None:
	problems = read(*records).problems
	assert [p.severity for p in problems] == [Severity.ERROR]
	assert problems[0].column == column
	assert words in problems[0].reason
	assert problems[0].row is not None
	assert problems[0].remedy


def test_all_records_are_checked_not_only_the_first() -> None:
	found = read(part(1), item(1, 1, 8), item(2, 1, 9), item(3, 7, 1)).problems
	assert [p.row for p in found] == [2, 3, 4]


def test_a_chain_of_variants_that_closes_ends() -> None:
	found = read(
		part(1, variant_of=2), part(2, variant_of=1), part(3), item(1, 1, 3, inherited=True)
	)
	assert Counter(line.parent_key for line in found.lines) == {"1": 1, "2": 1}


@pytest.mark.parametrize(
	"content",
	[
		b"",
		b"{",
		b"[]",
		b"{}",
		b"[1, 2]",
		b'"x"',
		b"[" * 100_000,
		b'[{"model":"part.bomitem","pk":1,"fields":{}}]',
	],
)
def test_other_json_is_refused(content: bytes) -> None:
	with pytest.raises(Unreadable) as caught:
		read_fixture(content)
	assert caught.value.remedy


def test_cycles_are_found_and_named() -> None:
	assert find_cycle([("a", "b"), ("b", "c"), ("a", "c")]) == ()
	assert find_cycle([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]) in (
		("b", "c", "b"),
		("c", "b", "c"),
	)
	chain = [(str(n), str(n + 1)) for n in range(50_000)]
	assert find_cycle(chain) == ()
	assert len(find_cycle([*chain, ("50000", "0")])) == 50_002


def test_amounts_are_exact(bom: ImportedBom, raw: list[dict[str, Any]]) -> None:
	expected = sum(Fraction(f["price"]) for f in fields(raw, "company.supplierpricebreak").values())
	found = sum(
		Fraction(p.amount)
		for part in bom.parts
		for p in part.prices
		if p.kind is PriceKind.SUPPLIER
	)
	assert found == expected
