"""The four shapes of a table, every bad cell at once, and the given data against the fixture."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from apg.capabilities.plm.imports.bom_rows import read_bom
from apg.capabilities.plm.imports.columns import guess
from apg.capabilities.plm.imports.inventree import read_fixture
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedPrice,
	ImportedValue,
	PriceKind,
	Severity,
)
from apg.capabilities.plm.imports.numbers import NumberFormat
from apg.capabilities.plm.imports.readers import read_csv

ROOT = Path(__file__).parents[4]
BOM_CSV = ROOT.parent / "shared/data/plm/inventree/bom_flat.csv"
FIXTURE = ROOT / "src/apg/demo/inventree/inventree_demo_2024-02-28_parts_bom.json"


def read(text: str, choices: dict[str, str | None] | None = None, **given: object) -> ImportedBom:
	table = read_csv(text.encode(), delimiter=";")
	return read_bom(table, guess(table).correct(choices or {}), **given)  # type: ignore[arg-type]


def edges(bom: ImportedBom) -> list[tuple[str, str, str]]:
	return [(line.parent_key, line.child_key, str(line.quantity)) for line in bom.lines]


def reasons(
	bom: ImportedBom, severity: Severity = Severity.ERROR
) -> list[tuple[int | None, str | None]]:
	return [(p.row, p.column) for p in bom.problems if p.severity is severity]


def test_parent_and_child_rows() -> None:
	bom = read("Parent;Number;Name;Qty;UoM\nA;B;b;2;pcs\nA;C;c;0.5;kg\nB;C;c;1;kg\n")
	assert edges(bom) == [("A", "B", "2"), ("A", "C", "0.5"), ("B", "C", "1")]
	assert [(p.source_key, p.number, p.name, p.unit) for p in bom.parts] == [
		("B", "B", "b", "each"),
		("C", "C", "c", "kg"),
		("A", "A", None, None),
	]
	assert bom.problems == ()
	assert bom.stated == {"number", "name", "lines", "quantity"}


@pytest.mark.parametrize(
	"levels", ["0 1 2 2 1", "1 2 3 3 2", ". .1 ..2 ..2 .1", "1 1.1 1.1.1 1.1.2 1.2"]
)
def test_indented_rows(levels: str) -> None:
	steps = levels.replace(". ", "0 ", 1).split() if levels.startswith(". ") else levels.split()
	rows = "\n".join(f"{level};{number};2" for level, number in zip(steps, "TABCD", strict=True))
	bom = read(f"Level;Number;Qty\n{rows}\n")
	assert edges(bom) == [
		("T", "A", "2"),
		("A", "B", "2"),
		("A", "C", "2"),
		("T", "D", "2"),
	] or edges(bom) == [
		("T", "A", "2"),
		("T", "D", "2"),
		("A", "B", "2"),
		("A", "C", "2"),
	]
	assert bom.problems == ()


def test_indented_rows_without_their_top_belong_to_the_given_parent() -> None:
	bom = read("Level;Number;Qty\n1;A;2\n2;B;3\n1;C;1\n", parent="TOP")
	assert edges(bom) == [("TOP", "A", "2"), ("TOP", "C", "1"), ("A", "B", "3")]


def test_several_tops_need_a_parent() -> None:
	bom = read("Level;Number;Qty\n1;A;2\n1;C;1\n")
	assert bom.lines == ()
	assert reasons(bom) == [(2, None)]
	assert "top level" in bom.problems[0].reason


def test_several_products_at_level_0_are_several_products() -> None:
	assert edges(read("Level;Number;Qty\n0;A;1\n1;B;2\n0;C;1\n1;B;3\n")) == [
		("A", "B", "2"),
		("C", "B", "3"),
	]


def test_an_assembly_written_out_twice_counts_once() -> None:
	bom = read("Level;Number;Qty\n0;T;1\n1;A;2\n2;X;3\n1;B;1\n2;A;4\n3;X;3\n")
	assert sorted(edges(bom)) == [
		("A", "X", "3"),
		("B", "A", "4"),
		("T", "A", "2"),
		("T", "B", "1"),
	]
	assert bom.problems == ()


def test_a_second_writing_that_differs_is_a_problem() -> None:
	bom = read("Level;Number;Qty\n0;T;1\n1;A;2\n2;X;3\n1;B;1\n2;A;4\n3;X;5\n")
	assert reasons(bom) == [(7, None)]


@pytest.mark.parametrize(
	("rows", "row", "words"),
	[
		("0;T;1\n2;A;1", 3, "follows level"),
		("0;T;1\nx;A;1", 3, "not a level"),
		("0;T;1\n1;A;1\n;B;1", 4, "not a level"),
	],
)
def test_bad_levels_are_named(rows: str, row: int, words: str) -> None:
	problems = [
		p for p in read(f"Level;Number;Qty\n{rows}\n").problems if p.severity is Severity.ERROR
	]
	assert [p.row for p in problems] == [row]
	assert words in problems[0].reason


def test_a_single_level_belongs_to_the_given_parent() -> None:
	bom = read("Number;Qty;Find number\nA;2;10\nB;1;20\n", parent="TOP")
	assert [(x.parent_key, x.child_key, x.find_number) for x in bom.lines] == [
		("TOP", "A", "10"),
		("TOP", "B", "20"),
	]
	assert {part.number for part in bom.parts} == {"A", "B", "TOP"}


def test_a_single_level_without_parent_is_not_read() -> None:
	bom = read("Number;Qty\nA;2\n")
	assert (bom.parts, bom.lines) == ((), ())
	assert "neither a parent" in bom.errors[0].reason


def test_a_list_of_parts_with_everything() -> None:
	bom = read(
		"ID;Number;Name;Type;Category;Tags;Mass [g];Price;Currency;Min qty;MPN;Manufacturer;Supplier;SKU;Werkstoff\n"
		"77;A-1;Bolt;Kaufteil;Steel / Bolts;m4, ZINC;3,25;1,20;eur;100;M4X10;Würth;RS;123-4;Stahl\n"
		"77;A-1;Bolt;;;;;1,10;EUR;1000;M4X10;Würth;RS;123-4;\n",
		{"Werkstoff": "attribute"},
		scheme="erp",
	)
	assert bom.problems == ()
	assert len(bom.parts) == 1
	part = bom.parts[0]
	assert (part.source_key, part.number, part.name, part.type) == (
		"77",
		"A-1",
		"Bolt",
		"purchased",
	)
	assert (part.class_path, part.tags) == (("Steel", "Bolts"), ("m4", "zinc"))
	assert (part.mass, part.mass_unit) == (Decimal("3.25"), "g")
	assert part.attributes == {"Werkstoff": ImportedValue("Stahl")}
	assert part.identifiers == (
		ImportedIdentifier("erp", "77"),
		ImportedIdentifier("mpn", "M4X10", "Würth"),
		ImportedIdentifier("sku", "123-4", "RS"),
	)
	assert part.prices == (
		ImportedPrice(
			PriceKind.SUPPLIER, Decimal("1.20"), "EUR", Decimal(100), supplier="RS", sku="123-4"
		),
		ImportedPrice(
			PriceKind.SUPPLIER, Decimal("1.10"), "EUR", Decimal(1000), supplier="RS", sku="123-4"
		),
	)
	assert any("comma" in note for note in bom.notes)
	assert bom.scheme == "erp"


def test_every_bad_cell_is_reported() -> None:
	bom = read(
		"Parent;Number;Qty;UoM;Mass [kg];Price;Currency;Type;Optional;Scrap\n"
		"A;B;;pcs;1;1;EUR;made;no;0.1\n"
		"A;C;x;furlong;-1;abc;EUR;thing;perhaps;5\n"
		"A;D;1 kg;L;2 L;$3;;buy;yes;5 %\n"
		"A;;1;pcs;1;1;XXX;buy;no;\n"
		"A;E;0;pcs;1;-1;EUR;buy;no;150 %\n"
	)
	assert sorted(reasons(bom), key=str) == sorted(
		[
			(2, "Qty"),
			(3, "Qty"),
			(3, "Mass [kg]"),
			(3, "Price"),
			(3, "Type"),
			(4, None),
			(4, "Qty"),
			(4, "Mass [kg]"),
			(4, "Price"),
			(5, None),
			(6, None),
			(6, "Price"),
			(6, "Scrap"),
		],
		key=str,
	)
	assert all(p.remedy for p in bom.problems)


def test_bad_unit_truth_and_share_of_a_good_row_are_reported() -> None:
	bom = read(
		"Parent;Number;Qty;UoM;Optional;Scrap\nA;C;1;furlong;perhaps;5\n", {"Optional": "optional"}
	)
	assert sorted(reasons(bom), key=str) == [(2, "Optional"), (2, "Scrap"), (2, "UoM")]


def test_ambiguous_numbers_need_a_declared_format() -> None:
	text = "Parent;Number;Qty;UoM\nA;B;1.234;m\nA;C;2.345;m\n"
	assert reasons(read(text)) == [(2, "Qty"), (3, "Qty")]
	assert edges(read(text, number_format=NumberFormat.POINT)) == [
		("A", "B", "1.234"),
		("A", "C", "2.345"),
	]
	assert edges(read(text, number_format=NumberFormat.COMMA)) == [
		("A", "B", "1234"),
		("A", "C", "2345"),
	]


def test_one_clear_number_decides_for_the_file() -> None:
	bom = read("Parent;Number;Qty;UoM\nA;B;1.234;m\nA;C;2,5;m\n")
	assert edges(bom) == [("A", "B", "1234"), ("A", "C", "2.5")]
	assert any("comma" in note for note in bom.notes)


def test_contradictions_between_rows_are_named() -> None:
	bom = read("Parent;Number;Name;Qty;UoM;Mass [g]\nA;B;bolt;1;pcs;5\nC;B;screw;1;kg;6\n")
	assert reasons(bom) == [(3, "unit"), (3, "mass"), (3, None)]
	assert reasons(bom, Severity.WARNING) == [(3, "name")]


def test_the_same_part_in_two_units_of_one_kind_is_fine() -> None:
	bom = read("Parent;Number;Qty;UoM\nA;B;1;m\nC;B;20;mm\n")
	assert bom.problems == ()
	assert [line.unit for line in bom.lines] == ["m", "mm"]


def test_cycles_are_named() -> None:
	bom = read("Parent;Number;Qty\nA;B;1\nB;C;1\nC;A;1\n")
	assert len(bom.errors) == 1
	assert "contain each other" in bom.errors[0].reason
	assert {"A", "B", "C"} <= set(bom.errors[0].reason.replace(".", " ").split())


def test_designators_that_do_not_fit_the_quantity_are_a_warning() -> None:
	bom = read("Parent;Number;Qty;RefDes\nA;B;3;R1-R3\nA;C;3;C1, C2\nA;D;1;Large screw\n")
	assert [line.designators for line in bom.lines] == [
		("R1", "R2", "R3"),
		("C1", "C2"),
		("Large screw",),
	]
	assert reasons(bom, Severity.WARNING) == [(3, None)]
	assert bom.errors == ()


def test_repeated_lines_stay_two_and_are_told() -> None:
	bom = read("Parent;Number;Qty\nA;B;1\nA;B;1\n")
	assert len(bom.lines) == 2
	assert reasons(bom, Severity.WARNING) == [(3, None)]


def test_substitutes_are_parts_of_the_file_or_looked_for_in_the_record() -> None:
	bom = read("Parent;Number;Qty;Substitutes\nA;B;1;C\nA;C;1;Z\n")
	assert [line.substitutes for line in bom.lines] == [("C",), ("Z",)]
	assert [(part.number, part.row) for part in bom.parts if part.mentioned] == [("Z", 3)]
	assert reasons(bom) == []


def test_a_name_that_two_parts_share_does_not_name_a_parent() -> None:
	bom = read("Parent name;ID;Name;Qty\n;1;x;1\n;2;x;1\nx;3;y;1\n")
	assert reasons(bom) == [(4, "Parent name")]


def test_problems_of_the_table_are_carried_on() -> None:
	assert (2, None) in reasons(read("Parent;Number;Qty\nA;B;1;extra\n"))


@pytest.mark.skipif(not BOM_CSV.exists(), reason="the given data is not beside the checkout")
def test_the_given_table_says_the_same_as_the_fixture() -> None:
	table = read_csv(BOM_CSV.read_bytes())
	bom = read_bom(table, guess(table), scheme="inventree")
	other = read_fixture(FIXTURE.read_bytes())
	assert [p for p in bom.problems if p.severity is Severity.ERROR] == []
	assert Counter((x.parent_key, x.child_key, x.quantity) for x in bom.lines) == Counter(
		(x.parent_key, x.child_key, x.quantity) for x in other.lines if x.inherited_from is None
	)
	names = {part.source_key: part.name for part in other.parts}
	assert all(names[part.source_key] == part.name for part in bom.parts)
	assert all(
		ImportedIdentifier("inventree", part.source_key) in part.identifiers for part in bom.parts
	)
