"""Matching by the strongest key, ambiguity named; the same file again changes nothing."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apg.capabilities.plm.imports.differences import (
	Change,
	Diff,
	ExistingLine,
	Kind,
	diff,
)
from apg.capabilities.plm.imports.inventree import read_fixture
from apg.capabilities.plm.imports.matching import ExistingPart, Key, Outcome, match
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedLine,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
	PriceKind,
)

FIXTURE = (
	Path(__file__).parents[4] / "src/apg/demo/inventree/inventree_demo_2024-02-28_parts_bom.json"
)
INTERNAL = PriceKind.INTERNAL
EUR = ImportedPrice(INTERNAL, Decimal(2), "EUR")


def mpn(value: str, maker: str = "Maker") -> ImportedIdentifier:
	return ImportedIdentifier("mpn", value, maker)


def key(value: str) -> ImportedIdentifier:
	return ImportedIdentifier("inventree", value, "InvenTree")


def part(
	source_key: str,
	number: str | None = None,
	name: str | None = None,
	*identifiers: ImportedIdentifier,
) -> ImportedPart:
	return ImportedPart(source_key, number, name, identifiers=identifiers)


def existing(*parts: ImportedPart) -> list[ExistingPart]:
	return [ExistingPart(f"id-{each.source_key}", each) for each in parts]


@pytest.mark.parametrize(
	("new", "old", "by", "id_"),
	[
		(part("1", "A-1"), [part("x", "a-1"), part("y", "A-2")], Key.NUMBER, "id-x"),
		(
			part("1", None, None, mpn("M4")),
			[part("x", "N", None, mpn("m4"))],
			Key.MANUFACTURER_PART,
			"id-x",
		),
		(part("1", None, None, key("7")), [part("x", "N", None, key("7"))], Key.IDENTIFIER, "id-x"),
		(
			part("1", None, "Bolt"),
			[part("x", "N", "bolt"), part("y", "M", "nut")],
			Key.NAME,
			"id-x",
		),
		(
			part("1", "A", "Bolt", key("7")),
			[part("x", "B", "Bolt", key("7"))],
			Key.IDENTIFIER,
			"id-x",
		),
		(
			part("1", None, None, mpn("M4"), key("7")),
			[part("x", "N", None, mpn("M4")), part("y", "O", None, mpn("M4"), key("7"))],
			Key.IDENTIFIER,
			"id-y",
		),
		(
			part("1", None, "nut", mpn("M4")),
			[part("x", "N", "bolt", mpn("M4")), part("y", "O", "nut", mpn("M4"))],
			Key.NAME,
			"id-y",
		),
	],
)
def test_the_strongest_key_that_leaves_one(
	new: ImportedPart, old: list[ImportedPart], by: Key, id_: str
) -> None:
	found = match([new], existing(*old))["1"]
	assert (found.outcome, found.by, found.id) == (Outcome.MATCHED, by, id_)


@pytest.mark.parametrize(
	("new", "old"),
	[
		(part("1", "A"), [part("x", "B")]),
		(part("1", "A", "Bolt"), [part("x", "B", "Bolt")]),
		(part("1", None, "Bolt", key("7")), [part("x", None, "Bolt", key("8"))]),
		(part("1", "A", None, mpn("M4")), [part("x", "B", None, mpn("M4"))]),
		(part("1", None, None, mpn("M4", "One")), [part("x", None, None, mpn("M4", "Other"))]),
		(part("1"), [part("1")]),
	],
)
def test_what_only_looks_alike_is_new(new: ImportedPart, old: list[ImportedPart]) -> None:
	found = match([new], existing(*old))["1"]
	assert (found.outcome, found.id) == (Outcome.NEW, None)


@pytest.mark.parametrize(
	("new", "old", "candidates"),
	[
		(
			part("1", None, "Bolt"),
			[part("x", "A", "Bolt"), part("y", "B", "Bolt")],
			("id-x", "id-y"),
		),
		(
			part("1", None, None, mpn("M")),
			[part("x", "A", None, mpn("M")), part("y", "B", None, mpn("M"))],
			("id-x", "id-y"),
		),
		(
			part("1", "A", None, key("7")),
			[part("x", "A"), part("y", "B", None, key("7"))],
			("id-x", "id-y"),
		),
		(
			part("1", None, None, mpn("M"), key("7")),
			[part("x", "A", None, mpn("M")), part("y", "B", None, key("7"))],
			("id-x", "id-y"),
		),
	],
)
def test_what_needs_a_person_is_ambiguous(
	new: ImportedPart, old: list[ImportedPart], candidates: tuple[str, ...]
) -> None:
	found = match([new], existing(*old))["1"]
	assert (found.outcome, found.id, found.candidates) == (Outcome.AMBIGUOUS, None, candidates)
	assert found.reason


def test_two_parts_of_a_file_never_become_one() -> None:
	found = match(
		[part("1", None, "Bolt"), part("2", None, "Bolt")], existing(part("x", "A", "Bolt"))
	)
	assert [each.outcome for each in found.values()] == [Outcome.AMBIGUOUS, Outcome.AMBIGUOUS]


# --- the demonstration set, taken and imported again ---------------------------------------------


@pytest.fixture(scope="module")
def bom() -> ImportedBom:
	return read_fixture(FIXTURE.read_bytes())


def recorded(bom: ImportedBom) -> tuple[list[ExistingPart], list[ExistingLine]]:
	"""The set as the product keeps it: every part has a number, keys are ids."""
	parts = [
		ExistingPart(
			f"id-{p.source_key}",
			replace(p, number=p.number or f"P-{p.source_key}", source_key=f"id-{p.source_key}"),
		)
		for p in bom.parts
	]
	lines = [
		ExistingLine(
			f"line-{n}",
			replace(
				line,
				parent_key=f"id-{line.parent_key}",
				child_key=f"id-{line.child_key}",
				substitutes=tuple(f"id-{each}" for each in line.substitutes),
				find_number=str(10 * n),
				quantity=line.quantity.normalize(),
			),
		)
		for n, line in enumerate(bom.lines, start=1)
	]
	return parts, lines


def compared(new: ImportedBom, parts: list[ExistingPart], lines: list[ExistingLine]) -> Diff:
	return diff(new, match(new.parts, parts), parts, lines)


def changed(change: Any) -> ImportedBom:
	records = json.loads(FIXTURE.read_bytes())
	change({(each["model"], each["pk"]): each["fields"] for each in records}, records)
	return read_fixture(json.dumps(records).encode())


def test_into_an_empty_record_everything_is_added(bom: ImportedBom) -> None:
	found = compared(bom, [], [])
	assert found.count("parts")[Kind.ADDED] == 414
	assert found.count("lines")[Kind.ADDED] == 255
	assert not found.empty


def test_the_same_file_again_is_an_empty_difference(bom: ImportedBom) -> None:
	found = compared(bom, *recorded(bom))
	assert found.empty
	assert {kind: n for kind, n in found.count("parts").items() if n} == {Kind.SAME: 414}
	assert found.count("lines")[Kind.SAME] == 255


def test_a_changed_copy_shows_exactly_its_changes(bom: ImportedBom) -> None:
	def change(by: dict[tuple[str, int], dict[str, Any]], records: list[dict[str, Any]]) -> None:
		by["part.part", 43]["description"] = "another text"
		by["part.partinternalpricebreak", 1]["price"] = "80.00"
		by["part.partparameter", 1]["data"] = "0603"
		by["part.bomitem", 3]["quantity"] = "7"
		records.remove(next(r for r in records if (r["model"], r["pk"]) == ("part.bomitem", 12)))
		records.append({"model": "part.part", "pk": 9999, "fields": {"name": "New", "units": ""}})
		records.append(
			{
				"model": "part.bomitem",
				"pk": 9999,
				"fields": {"part": 87, "sub_part": 9999, "quantity": "1"},
			}
		)

	parts, lines = recorded(bom)
	found = compared(changed(change), parts, lines)
	by_key = {each.key: each for each in found.parts if each.kind is not Kind.SAME}
	assert {k: (d.kind, [c.field for c in d.changes]) for k, d in by_key.items()} == {
		"43": (Kind.CHANGED, ["description"]),
		"73": (Kind.CHANGED, ["prices"]),
		"1": (Kind.CHANGED, ["attributes.Package"]),
		"9999": (Kind.ADDED, []),
	}
	assert by_key["43"].changes[0] == Change(
		"description", "100K resistor in 0402 SMD package", "another text"
	)
	old = next(line for line in bom.lines if line.row == _row("part.bomitem", 12))
	moved = next(line for line in bom.lines if line.row == _row("part.bomitem", 3))
	assert {(d.parent, d.child, d.kind) for d in found.lines if d.kind is not Kind.SAME} == {
		(moved.parent_key, moved.child_key, Kind.CHANGED),
		(old.parent_key, old.child_key, Kind.REMOVED),
		("87", "9999", Kind.ADDED),
	}


def _row(model: str, pk: int) -> int:
	records = json.loads(FIXTURE.read_bytes())
	return next(n for n, r in enumerate(records, start=1) if (r["model"], r["pk"]) == (model, pk))


def test_what_people_added_by_hand_stays(bom: ImportedBom) -> None:
	parts, lines = recorded(bom)
	first = parts[0].part
	unpriced = next(n for n, each in enumerate(parts) if not each.part.prices)
	parts[0] = ExistingPart(
		parts[0].id,
		replace(
			first,
			tags=(*first.tags, "mine"),
			attributes={**first.attributes, "Mine": ImportedValue("x")},
			identifiers=(*first.identifiers, ImportedIdentifier("erp", "9")),
			mass=Decimal(1),
			mass_unit="g",
		),
	)
	parts[unpriced] = ExistingPart(parts[unpriced].id, replace(parts[unpriced].part, prices=(EUR,)))
	by_hand = ImportedLine("id-87", "id-1", Decimal(3))
	lines.append(ExistingLine("by-hand", by_hand, imported=False))
	assert compared(bom, parts, lines).empty
	lines[-1] = ExistingLine("imported", by_hand)
	removed = [each for each in compared(bom, parts, lines).lines if each.kind is Kind.REMOVED]
	assert [(each.parent, each.child, each.id) for each in removed] == [("87", "1", "imported")]


def test_a_line_whose_child_is_not_in_the_file_is_removed() -> None:
	old = [*existing(part("a", "A"), part("b", "B"), part("c", "C"))]
	lines = [
		ExistingLine("1", ImportedLine("id-a", "id-b", Decimal(1))),
		ExistingLine("2", ImportedLine("id-a", "id-c", Decimal(1))),
	]
	new = ImportedBom(
		"csv", (part("A", "A"), part("B", "B")), (ImportedLine("A", "B", Decimal(1)),)
	)
	assert [(d.child, d.kind) for d in compared(new, old, lines).lines] == [
		("B", Kind.SAME),
		("id-c", Kind.REMOVED),
	]


def test_assemblies_the_file_does_not_describe_keep_their_lines() -> None:
	old = existing(part("a", "A"), part("b", "B"))
	lines = [ExistingLine("1", ImportedLine("id-a", "id-b", Decimal(1)))]
	listed = ImportedBom("csv", (part("A", "A"), part("B", "B")), ())
	assert compared(listed, old, lines).lines == ()
	assert [d.kind for d in compared(replace(listed, complete=True), old, lines).lines] == [
		Kind.REMOVED
	]


def test_the_same_child_twice_stays_two_lines() -> None:
	old = existing(part("a", "A"), part("b", "B"))
	before = [
		ExistingLine(
			"1", ImportedLine("id-a", "id-b", Decimal(1), designators=("R1",), find_number="10")
		),
		ExistingLine(
			"2",
			ImportedLine("id-a", "id-b", Decimal(2), designators=("R2", "R3"), find_number="20"),
		),
	]
	new = ImportedBom(
		"csv",
		(part("A", "A"), part("B", "B")),
		(
			ImportedLine("A", "B", Decimal(3), designators=("R2", "R3", "R4"), find_number="20"),
			ImportedLine("A", "B", Decimal(1), designators=("R1",), find_number="10"),
		),
		stated=frozenset({"quantity", "designators", "find_number", "lines"}),
	)
	found = {d.id: (d.kind, [c.field for c in d.changes]) for d in compared(new, old, before).lines}
	assert found == {"1": (Kind.SAME, []), "2": (Kind.CHANGED, ["quantity", "designators"])}


def test_only_stated_fields_are_compared() -> None:
	old = [
		ExistingPart(
			"x", ImportedPart("x", "A", "Bolt", "text", unit="kg", mass=Decimal(2), mass_unit="kg")
		)
	]
	new = ImportedPart("1", "A", "Nut", None, unit="g", mass=Decimal(2000), mass_unit="g")
	found = match([new], old)
	silent = ImportedBom("csv", (new,), ())
	assert diff(silent, found, old, ()).empty
	telling = replace(silent, stated=frozenset({"name", "description", "unit", "mass"}))
	assert diff(telling, found, old, ()).parts[0].changes == (
		Change("name", "Bolt", "Nut"),
		Change("unit", "kg", "g"),
	)


def test_prices_are_compared_by_break() -> None:
	hundred = ImportedPrice(INTERNAL, Decimal(1), "EUR", Decimal(100))
	supplier = ImportedPrice(PriceKind.SUPPLIER, Decimal(3), "USD", supplier="S")
	old = [ExistingPart("x", ImportedPart("x", "A", prices=(EUR, hundred, supplier)))]
	new = ImportedPart("1", "A", prices=(replace(EUR, amount=Decimal("2.50")),))
	bom = ImportedBom("csv", (new,), (), stated=frozenset({"prices"}))
	changes = diff(bom, match(bom.parts, old), old, ()).parts[0].changes
	assert changes == (Change("prices", EUR, new.prices[0]), Change("prices", hundred, None))
