"""A sheet as a PDF, read back: every script, every page, the same bytes again."""

import io

import pytest
from pypdf import PdfReader

from apg.capabilities.plm.paper.printing import printed
from apg.capabilities.plm.paper.sheets import Facts, Heading, Paragraph, Said, Sheet, Table, words

SCRIPTS = ("Grüße, žluťoučký kůň", "Ελληνικά", "Чертёж", "Δ ≤ 2 µm → 3 ▲", "変更 注文書", "도면")


def _sheet(rows: int = 1) -> Sheet:
	return Sheet(
		name="x.pdf",
		title="ECO-000001 <b>Stiffer & lighter</b>",
		author="Northwind",
		foot="ECO-000001 abcdef",
		page="Seite {n} von {m}",
		language="de",
		blocks=[
			Facts(tuple((f"Fact {n}", words(text)) for n, text in enumerate(SCRIPTS))),
			Paragraph(
				(Said("taken out", "removed"), Said(" "), Said("put in", "added")), boxed=True
			),
			Heading("Lines"),
			Table(
				("Find", "Product"),
				[(words(n), words(f"N-{n} \x00\u202e]]> " + "long" * 40)) for n in range(rows)],
				(1, 9),
				frozenset({0}),
			),
		],
	)


async def test_every_script_is_there_and_markup_is_text() -> None:
	content = await printed(_sheet())
	reader = PdfReader(io.BytesIO(content))
	[page] = reader.pages
	text = page.extract_text()
	for one in (*SCRIPTS, "<b>Stiffer & lighter</b>", "taken out", "put in", "Seite 1 von 1"):
		assert one in text, (one, text)
	assert reader.metadata is not None
	assert reader.metadata.title == "ECO-000001 <b>Stiffer & lighter</b>"
	assert await printed(_sheet()) == content


@pytest.mark.parametrize("rows", [600])
async def test_a_long_table_repeats_its_headings_and_every_page_is_numbered(rows: int) -> None:
	reader = PdfReader(io.BytesIO(await printed(_sheet(rows))))
	count = len(reader.pages)
	assert count > 12
	for place in (1, count - 1):
		text = reader.pages[place].extract_text()
		assert f"Seite {place + 1} von {count}" in text
		assert "Find" in text
		assert "ECO-000001 abcdef" in text
	assert f"N-{rows - 1}" in reader.pages[-1].extract_text()
