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
	page = watched.enter(admin)
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
	page = watched.enter(admin)
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


NETLIST = "".join(
	f'<comp ref="R{n}"><value>{value}</value><footprint>Resistor_SMD:R_0805</footprint>{more}'
	'<libsource lib="Device" part="R" description="Resistor"/></comp>'
	for n, (value, more) in enumerate(
		[
			("10k", ""),
			("10000", ""),
			("4K7", '<fields><field name="Config">DNF</field></fields>'),
			("4.7k", '<fields><field name="Config">DNC</field></fields>'),
		],
		start=1,
	)
)
RAGGED = (
	"Stückliste Leiterplatte\n;;;\nPos;Teilenummer;Bezeichnung;Menge;Referenz\n"
	"10;RES-100;Widerstand 10k;6;R1-R4, R7..R8\n20;CAP-100;Kondensator;2,5\n;;;\nSumme;;;8,5;\n"
)


def step_file() -> str:
	"""A pump of a housing and four screws, as a CAD system writes it."""
	body, at = "", 1
	for number, name in (("PUMP-1", r"Pumpengeh\X2\00E4\X0\use"), ("SCR-M4", "Screw M4")):
		body += f"#{at}=PRODUCT('{number}','{name}','',(#900));\n"
		body += f"#{at + 1}=PRODUCT_DEFINITION_FORMATION('','',#{at});\n"
		body += f"#{at + 2}=PRODUCT_DEFINITION('design','',#{at + 1},#901);\n"
		at += 10
	for n in range(4):
		body += f"#{50 + n}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{n}','s','',#3,#13,$);\n"
	return f"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n{body}ENDSEC;\nEND-ISO-10303-21;\n"


def test_netlist_assembly_and_ragged_table_come_in(
	watched: Watched, admin: Someone, tmp_path: Path
) -> None:
	page = watched.enter(admin)
	netlist = tmp_path / "board.xml"
	netlist.write_text(
		"<?xml version='1.0'?><export version='E'><design><sheet><title_block><title>Controller"
		f"</title></title_block></sheet></design><components>{NETLIST}</components></export>"
	)
	watched.open("/plm/imports/new")
	upload(page, netlist)
	page.wait_for_url("**/plm/imports/0*")
	settled(page)
	assert "KiCad netlist" in page.inner_text("main")
	screenshots(page, "wizard-kicad")
	page.click(".import-steps >> text=Matches")
	page.wait_for_url("**tab=matches")
	settled(page)
	assert page.locator(".data-table tbody tr").count() == 3
	screenshots(page, "wizard-matches")
	page.click("text=Accept all changes")
	page.wait_for_selector(".state >> text=Done")
	assembly = tmp_path / "pump.stp"
	assembly.write_text(step_file())
	watched.open("/plm/imports/new")
	upload(page, assembly)
	page.wait_for_url("**/plm/imports/0*")
	page.click(".tabs >> text=Lines")
	page.wait_for_url("**tab=lines")
	settled(page)
	assert "Quantity 4" in page.inner_text(".data-table")
	screenshots(page, "wizard-step")
	page.click("text=Accept all changes")
	page.wait_for_selector(".state >> text=Done")
	table = tmp_path / "ragged.csv"
	table.write_bytes(RAGGED.encode("cp1252"))
	watched.open("/plm/imports/new")
	page.fill("[name=parent]", "PCB-100")
	upload(page, table)
	page.wait_for_url("**/plm/imports/0*")
	page.click(".import-steps >> text=Matches")
	page.wait_for_url("**tab=matches")
	settled(page)
	first = page.locator(".data-table tbody tr").first
	first.locator("summary").click()
	first.locator("[name=number]").fill("SCR-M4")
	first.locator("button").click()
	page.wait_for_selector(".data-table >> text=by hand")
	settled(page)
	screenshots(page, "wizard-chosen")
	row = page.locator(".data-table tbody tr", has_text="by hand")
	row.locator("summary").click()
	row.locator("select").select_option("")
	row.locator("button").click()
	page.wait_for_selector(".data-table >> text=by hand", state="detached")
	page.click(".import-steps >> text=Columns")
	page.wait_for_url("**tab=columns")
	settled(page)
	screenshots(page, "wizard-columns")
	page.click("text=Accept all changes")
	page.wait_for_selector(".state >> text=Done")
