"""Files of a structure, read back by the import's own readers."""

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import by

from apg.capabilities.plm.imports import columns, readers
from apg.capabilities.plm.structures import exporting


async def _file(shop: Workshop, name: str, **query: Any) -> Any:
	asked = "&".join(f"{key}={value}" for key, value in query.items())
	path = shop.path(name, "/structure/export")
	return await shop.api.get(f"{path}?{asked}", headers=by(shop.who))


async def _bike(shop: Workshop) -> None:
	await shop.product("spoke", kind="purchased", price="0.25", mass=6)
	await shop.product("=rim", kind="purchased")
	await shop.lines({"wheel": {"spoke": 32}})
	await shop.line("wheel", "=rim", "1.5", designators="R1-R3, X9", note='He said "no", twice')
	await shop.lines({"bike": {"wheel": 2}})
	await shop.line("bike", "spoke", 4, attrition="0.025")


EXPECTED = [
	("0", "N-bike", "1", "each", "", ""),
	("1", "N-wheel", "2", "each", "", ""),
	("2", "N-spoke", "32", "each", "", ""),
	("2", "N-=rim", "1.5", "each", "R1-R3, X9", 'He said "no", twice'),
	("1", "N-spoke", "4", "each", "", ""),
]


async def test_csv_reads_back(shop: Workshop):
	await _bike(shop)
	file = await _file(shop, "bike")
	assert file.status_code == 200
	assert file.headers["content-type"].startswith("text/csv")
	assert file.headers["content-disposition"] == 'attachment; filename="N-bike-A-structure.csv"'
	table = readers.read_csv(file.content)
	mapping = columns.guess(table)
	assert mapping.shape == columns.Shape.INDENTED
	wanted = (
		columns.Field.LEVEL,
		columns.Field.NUMBER,
		columns.Field.QUANTITY,
		columns.Field.UNIT,
		columns.Field.DESIGNATORS,
		columns.Field.NOTE,
	)
	places = [column.index for field in wanted if (column := mapping.column(field)) is not None]
	assert len(places) == len(wanted)
	assert [tuple(row.cells[n] for n in places) for row in table.data] == EXPECTED
	scrap = mapping.column(columns.Field.ATTRITION)
	assert scrap is not None
	assert scrap.unit == "%"
	assert [row.cells[scrap.index] for row in table.data] == ["", "", "", "", "2.5"]


async def test_xlsx_and_csv_say_the_same(shop: Workshop):
	await _bike(shop)
	book = load_workbook(io.BytesIO((await _file(shop, "bike", format="xlsx")).content))
	rows = [
		["" if cell is None else str(cell) for cell in row]
		for row in book.worksheets[0].iter_rows(values_only=True)
	]
	table = readers.read_csv((await _file(shop, "bike")).content)
	assert rows[0] == list(table.headers)
	assert rows[1:] == [list(row.cells) for row in table.data]
	assert isinstance(book.worksheets[0]["G2"].value, int)


async def test_json_is_the_tree(shop: Workshop):
	await _bike(shop)
	file = await _file(shop, "bike", format="json")
	whole = json.loads(file.content, parse_float=Decimal)
	tree = (await shop.get("bike", "/structure", depth=50)).data
	assert whole == {"product": tree["product"], "lines": tree["lines"]}


async def test_flat_with_figures(shop: Workshop):
	await _bike(shop)
	file = await _file(shop, "bike", flat="true", rollup="true", currency="EUR", quantity=10)
	assert 'filename="N-bike-A-parts.csv"' in file.headers["content-disposition"]
	table = readers.read_csv(file.content)
	cells = {row.cells[0]: dict(zip(table.headers, row.cells, strict=True)) for row in table.data}
	assert set(cells) == {"N-spoke", "N-=rim"}
	spoke = cells["N-spoke"]
	assert spoke["Quantity"] == "681"  # 10 × (2 × 32 + 4 × 1.025)
	assert spoke["Unit cost [EUR]"] == "0.25"
	assert spoke["Total cost [EUR]"] == "170.25"
	assert spoke["Total mass [kg]"] == "4.086"
	assert cells["N-=rim"]["Total cost [EUR]"] == ""  # missing is empty, never 0


async def test_a_text_never_becomes_a_formula(shop: Workshop):
	await shop.parts("x")
	await shop.product("box")
	await shop.line("box", "x", 1, note="=1+1")
	await shop.call("PATCH", shop.path("x"), {"product_name": "@SUM(A1)"})
	text = (await _file(shop, "box")).content.decode("utf-8-sig")
	assert "'=1+1" in text
	assert "'@SUM(A1)" in text


async def test_too_large_is_refused_with_the_remedy(
	shop: Workshop, monkeypatch: pytest.MonkeyPatch
):
	await _bike(shop)
	monkeypatch.setattr(exporting, "MOST_ROWS", 3)
	file = await _file(shop, "bike")
	assert file.status_code == 400
	assert "flat" in file.json()["details"]["depth"][0]
	assert (await _file(shop, "bike", depth=1)).status_code == 200
