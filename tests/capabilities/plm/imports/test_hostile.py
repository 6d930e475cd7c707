"""Any bytes and any cells end in a table, a list of problems or a refusal, and never in a crash."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apg.capabilities.plm.imports import designators
from apg.capabilities.plm.imports.bom_rows import read_bom
from apg.capabilities.plm.imports.columns import Field, guess
from apg.capabilities.plm.imports.inventree import read_fixture
from apg.capabilities.plm.imports.readers import Limits, Unreadable, read_csv
from apg.kernel.file_kinds import guess as guess_kind
from apg.kernel.tabular import write_csv
from apg.platform.reference import units

words = st.sampled_from(
	[
		"",
		" ",
		"A",
		"B",
		"C",
		"1",
		"2",
		"0",
		"-1",
		"1,5",
		"1.234",
		"1e9",
		"9" * 30,
		"x",
		"kg",
		"m",
		"mw",
		"5 %",
		"²",
		"١",
		"true",
		"EUR",
		"$3",
		"1.1",
		"1.1.1",
		"..2",
		"R1-R9",
		"=1+1",
		"'=1",
		"\x00",
		"a/b",
		"#" * 300,
	]
)
json_values = st.recursive(
	st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | words,
	lambda inner: (
		st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
	),
	max_leaves=4,
)
FIELDS = "name IPN units part sub_part quantity overage reference category parent variant_of data template is_template inherited pack_quantity_native price price_currency supplier SKU MPN manufacturer bom_item keywords active assembly definition revision".split()  # noqa: SIM905
MODELS = "part.part part.bomitem part.partcategory part.partparameter part.partparametertemplate part.partinternalpricebreak part.bomitemsubstitute company.company company.supplierpart company.supplierpricebreak company.manufacturerpart common.customunit other.model".split()  # noqa: SIM905


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
	guess_kind(content)
	try:
		table = read_csv(content, limits=Limits(columns=20, rows=20, field=50))
	except Unreadable as refusal:
		assert refusal.remedy  # noqa: PT017
		return
	assert all(len(row.cells) == len(table.headers) for row in table.rows)


@settings(max_examples=150)
@given(
	st.lists(
		st.sampled_from(
			[each.value.replace("_", " ") for each in Field] + ["Mass [kg]", "Price EUR", "x"]
		),
		min_size=1,
		max_size=6,
	),
	st.lists(st.lists(words, min_size=6, max_size=6), max_size=8),
	st.none() | st.just("TOP"),
)
def test_any_cells_are_read_or_reported(
	headings: list[str], rows: list[list[str]], parent: str | None
) -> None:
	content = "".join(write_csv([row[: len(headings)] for row in rows], headings)).encode()
	table = read_csv(content, delimiter=",", header_row=1)
	bom = read_bom(table, guess(table), parent=parent)
	keys = {part.source_key for part in bom.parts}
	assert all(line.parent_key in keys and line.child_key in keys for line in bom.lines)
	assert all(problem.reason and problem.remedy for problem in bom.problems)
	assert all(line.quantity > 0 for line in bom.lines) or bom.errors


@settings(max_examples=150)
@given(
	st.lists(
		st.builds(
			lambda model, pk, fields: {"model": model, "pk": pk, "fields": fields},
			st.sampled_from(MODELS),
			st.integers(1, 4),
			st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6),
		),
		max_size=12,
	)
)
def test_any_fixture_is_read_or_reported(records: list[dict[str, Any]]) -> None:
	records.append({"model": "part.part", "pk": 1, "fields": {"name": "P", "units": ""}})
	bom = read_fixture(json.dumps(records).encode())
	assert bom.parts
	assert all(problem.reason and problem.remedy for problem in bom.problems)


def test_long_headings_and_cells_end_quickly() -> None:
	for text in ("(" * 60_000, "a in " * 12_000, "1," * 30_000, "1 " * 30_000, "[" + "x" * 60_000):
		table = read_csv(f"Number;Quantity;{text}\nA;{text};1\n".encode(), delimiter=";")
		bom = read_bom(table, guess(table).correct({"Quantity": "quantity"}), parent="T")
		assert bom.lines == ()
		assert len(bom.errors) == 1


def test_ranges_cannot_fill_the_memory() -> None:
	text = ",".join(f"{a}{b}1-{a}{b}2000" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ")
	assert len(designators.split(text)) <= 20_000 + 100


def test_a_number_of_many_digits_is_refused_and_not_worked_on() -> None:
	records = [
		{"model": "part.part", "pk": 1, "fields": {"name": "P", "units": "1" * 60_000}},
		{"model": "part.partparametertemplate", "pk": 1, "fields": {"name": "R", "units": "ohms"}},
		{
			"model": "part.partparameter",
			"pk": 1,
			"fields": {"part": 1, "template": 1, "data": "1/" + "9" * 60_000},
		},
	]
	bom = read_fixture(json.dumps(records).encode())
	assert [problem.column for problem in bom.errors] == ["units"]
	assert bom.parts[0].attributes["R"].number is None


def test_unknown_units_of_a_long_table_are_looked_up_once() -> None:
	units._meaning.cache_clear()  # pyright: ignore[reportPrivateUsage]
	rows = "".join(f"A;B{n};1;furlong\n" for n in range(2_000))
	table = read_csv(f"Parent;Number;Qty;UoM\n{rows}".encode())
	bom = read_bom(table, guess(table))
	assert len(bom.errors) == 2_000
	assert units._meaning.cache_info().misses < 20  # pyright: ignore[reportPrivateUsage]
	assert bom.lines[0].quantity == Decimal(1)
