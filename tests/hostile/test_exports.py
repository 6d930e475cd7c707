"""Cells that a spreadsheet would run leave as text, and numbers leave as numbers."""

import csv
import io

import httpx
import pytest
from openpyxl import load_workbook

from tests.people import Person

FORMULAS = (
	"=1+1",
	'=HYPERLINK("http://evil.example","x")',
	"+1+1",
	"-2+3",
	"@SUM(A1)",
	"  =1+1",
	"=cmd|' /C calc'!A0",
)
HARMLESS = ("Pump", "a=b", "3-4", "O'Brien", "'quoted'")


async def whole_of(client: httpx.AsyncClient, alice: Person, names: tuple[str, ...]) -> str:
	"""A product whose parts bear these names."""
	ids = []
	for name in ("Whole", *names):
		made = await client.post(
			"/api/v1/plm/products",
			headers=alice.headers,
			json={"product_name": name, "product_type": "manufactured"},
		)
		assert made.status_code == 201, made.text
		ids.append(made.json()["data"]["product_id"])
	for child in ids[1:]:
		added = await client.post(
			f"/api/v1/plm/products/{ids[0]}/structure/lines",
			headers=alice.headers,
			json={"product_id": child, "quantity": "1.5", "unit": "each"},
		)
		assert added.status_code == 201, added.text
	return ids[0]


@pytest.mark.parametrize("raw", [False, True])
async def test_formulas_leave_csv_as_text(
	client: httpx.AsyncClient, alice: Person, raw: bool
) -> None:
	product = await whole_of(client, alice, FORMULAS + HARMLESS)
	answer = await client.get(
		f"/api/v1/plm/products/{product}/structure/export",
		headers=alice.headers,
		params={"format": "csv"} | ({"raw": "true"} if raw else {}),
	)
	assert answer.status_code == 200, answer.text
	cells = [
		cell for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))) for cell in row
	]
	for name in FORMULAS:
		stored = name.strip()
		assert (stored if raw else "'" + stored) in cells, name
		assert raw or stored not in cells
	for name in HARMLESS:
		assert name in cells
	assert "1.5" in cells


async def test_formulas_are_strings_in_a_workbook(client: httpx.AsyncClient, alice: Person) -> None:
	product = await whole_of(client, alice, FORMULAS + HARMLESS)
	answer = await client.get(
		f"/api/v1/plm/products/{product}/structure/export",
		headers=alice.headers,
		params={"format": "xlsx"},
	)
	assert answer.status_code == 200
	assert "attachment" in answer.headers["content-disposition"]
	found = {}
	for row in load_workbook(io.BytesIO(answer.content)).active.iter_rows():
		for cell in row:
			found[str(cell.value)] = cell.data_type
	for name in (*FORMULAS, *HARMLESS):
		assert found[name.strip()] == "s", name
	assert found["1.5"] == "n"
	assert "f" not in found.values()
