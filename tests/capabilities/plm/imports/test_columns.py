"""Headings in three languages, corrections, and what a mapping must have."""

import pytest

from apg.capabilities.plm.imports.columns import (
	ColumnMapping,
	Field,
	Shape,
	check,
	guess,
	normalised,
)
from apg.capabilities.plm.imports.neutral import Severity
from apg.capabilities.plm.imports.readers import read_csv
from apg.kernel.errors import Invalid


def mapping(headings: str, row: str = "") -> ColumnMapping:
	return guess(read_csv(f"{headings}\n{row}\n".encode(), delimiter=";"))


def fields(headings: str, row: str = "") -> list[str | None]:
	return list(mapping(headings, row).choices.values())


@pytest.mark.parametrize(
	("headings", "expected"),
	[
		("Part Number;Name;Qty;UoM", ["number", "name", "quantity", "unit"]),
		("partNumber;partName;Rev.", ["number", "name", "revision"]),
		(
			"Teilenummer;Bezeichnung;Menge;ME;Pos.",
			["number", "name", "quantity", "unit", "find_number"],
		),
		(
			"Stücklistenkopf;Artikel-Nr.;Anzahl;Währung;Preis",
			["parent", "number", "quantity", "currency", "price"],
		),
		(
			"Référence article;Désignation;Quantité;Unité;Repères",
			["number", "name", "quantity", "unit", "designators"],
		),
		("Niveau;Numéro;Libellé;Qté;Poids (kg)", ["level", "number", "name", "quantity", "mass"]),
		(
			"Level;Item No.;Part Number;Reference Designator",
			["level", "find_number", "number", "designators"],
		),
		(
			"Parent;Child;Quantity;Manufacturer Part Number;Mfr",
			["parent", "number", "quantity", "manufacturer_part_number", "manufacturer"],
		),
		(
			"parent_pk;sub_pk;sub_name;quantity;reference",
			["parent_key", "source_key", "name", "quantity", "designators"],
		),
		(
			"Hersteller-Teilenummer;Lieferant;Bestellnummer",
			["manufacturer_part_number", "supplier", "supplier_part_number"],
		),
		("Colour;Supplier stock", [None, None]),
	],
)
def test_headings_are_understood(headings: str, expected: list[str | None]) -> None:
	assert fields(headings) == expected


@pytest.mark.parametrize(
	("heading", "field", "unit"),
	[
		("Mass [kg]", Field.MASS, "kg"),
		("Gewicht (g)", Field.MASS, "g"),
		("Mass in kg", Field.MASS, "kg"),
		("Unit price (EUR)", Field.PRICE, "EUR"),
		("Price EUR", Field.PRICE, "EUR"),
		("Preis/USD", Field.PRICE, "USD"),
		("Scrap %", Field.ATTRITION, "%"),
		("Scrap [%]", Field.ATTRITION, "%"),
		("Mass (unknown)", None, None),
	],
)
def test_units_in_headings(heading: str, field: Field | None, unit: str | None) -> None:
	column = mapping(heading).columns[0]
	assert (column.field, column.unit) == (field, unit)


def test_contents_decide_between_two_meanings() -> None:
	assert fields("Item;Part Number;Qty", "1;A-1;2") == ["find_number", "number", "quantity"]
	assert fields("Item;Name;Qty", "LM-324;Amplifier;2") == ["number", "name", "quantity"]


def test_a_heading_whose_contents_do_not_fit_is_left_out() -> None:
	assert fields("Number;Quantity", "A;see drawing") == ["number", None]


def test_no_field_is_given_twice() -> None:
	assert fields("Part Number;Article number;Qty;Menge") == ["number", None, "quantity", None]


def test_confidence_is_stated() -> None:
	assert [c.confidence for c in mapping("Part Number;Reference;Colour").columns] == [100, 75, 0]


def test_a_person_corrects_and_the_guess_gives_way() -> None:
	found = mapping("Part Number;Article number;Colour;Qty").correct(
		{"Article number": "number", "Colour": "attribute", "Qty": None}
	)
	assert found.choices == {
		"Part Number": None,
		"Article number": "number",
		"Colour": "attribute",
		"Qty": None,
	}
	assert [c.corrected for c in found.columns] == [False, True, True, True]


@pytest.mark.parametrize("choices", [{"Nope": "number"}, {"Qty": "amount of things"}])
def test_wrong_corrections_are_refused(choices: dict[str, str | None]) -> None:
	with pytest.raises(Invalid) as caught:
		mapping("Part Number;Qty").correct(choices)
	assert caught.value.problems[0].field == "columns"


@pytest.mark.parametrize(
	("headings", "shape"),
	[
		("Parent;Number;Qty", Shape.PARENT_CHILD),
		("Level;Number;Qty", Shape.INDENTED),
		("Number;Qty", Shape.SINGLE_LEVEL),
		("Number;Price EUR", Shape.PART_LIST),
	],
)
def test_shape_follows_from_the_columns(headings: str, shape: Shape) -> None:
	assert mapping(headings).shape is shape


@pytest.mark.parametrize(
	("headings", "parent", "words", "severity"),
	[
		("Parent;Qty", None, "names the part", Severity.ERROR),
		("Parent;Number", None, "No column is the quantity", Severity.ERROR),
		("Level;Number", None, "No column is the quantity", Severity.ERROR),
		("Number;Qty", None, "neither a parent nor a level", Severity.ERROR),
		("Parent;Level;Number;Qty", None, "both a parent and a level", Severity.ERROR),
		("Number;Mass", None, "mass has no unit", Severity.WARNING),
		("Number;Price", None, "price has no currency", Severity.WARNING),
	],
)
def test_what_a_mapping_lacks(
	headings: str, parent: str | None, words: str, severity: Severity
) -> None:
	found = check(mapping(headings), parent=parent)
	assert [each.severity for each in found] == [severity]
	assert words in found[0].reason
	assert found[0].remedy


def test_a_complete_mapping_has_no_problem() -> None:
	assert check(mapping("Number;Qty;Mass [kg];Price;Currency"), parent="A-1") == ()
	assert check(mapping("Level;Number;Qty")) == ()


def test_two_columns_for_one_field_are_a_problem() -> None:
	found = mapping("Number;Colour;Qty;Level")
	twice = ColumnMapping((*found.columns, *found.columns))
	assert [p.column for p in check(twice)] == ["Number", "Level", "Qty"]


def test_normalised_headings() -> None:
	assert normalised(" Réf-Des. (all) ") == "ref des all"
	assert normalised("Größe_Maß") == "grosse mass"
