"""An import as a person does it: the demo set, the same again, a changed copy, a CSV with mistakes."""

import json
from importlib.resources import files
from pathlib import Path

from playwright.sync_api import Page

from tests.journeys.browser import Someone, Watched, screenshots, settled

SET = files("apg.demo").joinpath("inventree", "inventree_demo_2024-02-28_parts_bom.json")
CSV = (
	"Teilenummer;Bezeichnung;Menge;Oberteil;Gewicht [g];Preis;Lieferant;Bemerkung\n"
	"PMP-100;Pumpe;;;1250,5;;;\n"
	"PMP-110;Gehäuse;1;PMP-100;800;42,50;Guss GmbH;\n"
	"PMP-120;Welle aus Edelstahl 1.4301 mit einer ziemlich langen Bezeichnung;zwei;PMP-100;120;17,9;;=1+1\n"
)


def upload(page: Page, path: Path) -> None:
	page.set_input_files("[name=file]", path)
	page.click("main form button[type=submit]")


def test_a_file_is_compared_accepted_and_compared_again(
	watched: Watched, admin: Someone, tmp_path: Path
) -> None:
	page = watched.sign_in(admin)
	watched.open("/plm/imports")
	screenshots(page, "imports-empty")
	page.click("text=Import a file")
	page.wait_for_url("**/new")
	settled(page)
	screenshots(page, "imports-new")
	page.click("text=Load the InvenTree demo set")
	page.wait_for_url("**/plm/imports/0*")
	settled(page)
	assert page.inner_text(".kpis").split()[:3] == ["Products", "+414", "added"]
	screenshots(page, "imports-preview")
	page.click(".tabs >> text=Lines")
	page.wait_for_url("**tab=lines")
	settled(page)
	screenshots(page, "imports-lines")
	page.click("text=Accept all changes")
	page.wait_for_selector(".state >> text=Done")
	settled(page)
	screenshots(page, "imports-done")
	records = json.loads(SET.read_bytes())
	again = tmp_path / "again.json"
	again.write_text(json.dumps(records))
	watched.open("/plm/imports/new")
	upload(page, again)
	page.wait_for_selector("text=Nothing to change")
	assert page.locator("text=Accept all changes").count() == 0
	for record in records:
		if record["model"] == "part.part" and record["pk"] == 1:
			record["fields"]["description"] = "10R resistor, thick film"
	again.write_text(json.dumps(records))
	watched.open("/plm/imports/new")
	upload(page, again)
	page.wait_for_selector(".data-table ins")
	settled(page)
	assert page.inner_text(".data-table del") == "10R resistor in 0402 SMD package"
	assert page.inner_text(".data-table ins") == "10R resistor, thick film"
	screenshots(page, "imports-changed")
	watched.open("/plm/imports")
	screenshots(page, "imports-list")


def test_columns_are_corrected_until_the_file_can_be_taken(
	watched: Watched, admin: Someone, tmp_path: Path
) -> None:
	page = watched.sign_in(admin)
	table = tmp_path / "pump.csv"
	table.write_text(CSV)
	watched.open("/plm/imports/new")
	upload(page, table)
	page.wait_for_selector("text=3 problems")
	settled(page)
	screenshots(page, "imports-problems")
	page.click(".tabs >> text=Columns")
	page.wait_for_url("**tab=columns")
	settled(page)
	screenshots(page, "imports-columns")
	page.select_option("[name=currency]", "EUR")
	page.click("text=Read it like this")
	page.wait_for_selector("text=1 problem")
	assert "“zwei” does not begin with a number." in page.inner_text("main")
	table.write_text(CSV.replace("zwei", "2"))
	watched.open("/plm/imports/new")
	page.select_option("[name=currency]", "EUR")
	upload(page, table)
	page.click("text=Accept all changes")
	page.wait_for_selector(".state >> text=Done")
	settled(page)
	assert page.locator(".data-table tbody tr").count() == 3
