"""Products in a browser: find one, read its structure, mend what is missing, change it, release it."""

import re
from dataclasses import dataclass
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.schemas import CostIn, ProductIn
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.schemas import LineIn
from apg.kernel.work import Work
from tests.journeys.browser import (
	Site,
	Someone,
	Watched,
	assert_accessible,
	assert_fits,
	screenshots,
	settled,
	watching,
)

pytestmark = pytest.mark.browser

PARTS = {
	"BRG-01": ("Bearing 608-2RS", "2.50", "0.012"),
	"SCR-01": ("Screw M3 x 8", "0.04", "0.0009"),
	"MOT-01": ("Motor 24 V", None, "0.35"),
	"HSG-01": ("Housing, top shell", "7.20", None),
}
LINES = (
	("PUMP-1", "DRV-1", 1, None),
	("PUMP-1", "HSG-01", 2, None),
	("PUMP-1", "SCR-01", 8, "S1-S8"),
	("DRV-1", "MOT-01", 1, "M1"),
	("DRV-1", "BRG-01", 2, "B1, B2"),
)


@dataclass
class Company:
	"""A company with a pump of two levels, which lacks one price and one mass."""

	admin: Someone
	viewer: Someone
	ids: dict[str, str]

	def path(self, number: str) -> str:
		return f"/plm/products/{self.ids[number]}"


async def _pump(work: Work) -> dict[str, str]:
	ids: dict[str, str] = {}
	for number, (name, price, mass) in PARTS.items():
		new = ProductIn(
			product_name=name,
			product_number=number,
			product_type="purchased",  # pyright: ignore[reportArgumentType]
			mass=None if mass is None else Decimal(mass),
			mass_unit=None if mass is None else "kg",
			tags=["pump"],
		)
		ids[number] = (await products.create(work, new)).id
		if price is not None:
			cost = CostIn(
				kind="purchase", amount=Decimal(price), currency="EUR", supplier="Nordwind"
			)
			await products.add_cost(work, ids[number], cost)
	for number, name in (("DRV-1", "Drive unit"), ("PUMP-1", "Hydraulic pump, size 2")):
		new = ProductIn(
			product_name=name,
			product_number=number,
			product_type="manufactured",  # pyright: ignore[reportArgumentType]
			target_cost=Decimal(40) if number == "PUMP-1" else None,
		)
		ids[number] = (await products.create(work, new)).id
	for parent, child, quantity, places in LINES:
		line = LineIn(product_number=child, quantity=Decimal(quantity), designators=places)
		await structures.add_line(work, ids[parent], line)
	return ids


@pytest.fixture
def company(site: Site) -> Company:
	tenant = site.company()
	admin = site.person(tenant, "Alice Bergström", "tenant_admin")
	viewer = site.person(tenant, "Vera Ito", "plm_viewer")
	return Company(admin, viewer, site.work(admin, _pump))


@pytest.fixture
def signed_in(watched: Watched, company: Company) -> Watched:
	watched.enter(company.admin)
	return watched


def figure(page: Page, label: str) -> str:
	"""The text of a key figure."""
	box = page.locator(".kpi").filter(has=page.get_by_text(label, exact=True))
	return (box.locator(".kpi-value").inner_text()).replace("\u202f", " ").strip()


def row(page: Page, number: str):
	return page.locator("[data-tree] tbody tr:visible").filter(has_text=number)


# -- the list ----------------------------------------------------------------------------------


def test_an_empty_list_offers_the_first_steps(page: Page) -> None:
	page.goto(page.url.rstrip("/") + "/plm/products")
	settled(page)
	expect(page.get_by_role("heading", name="No products yet")).to_be_visible()
	expect(page.get_by_role("link", name="Import a bill of materials")).to_be_visible()
	page.get_by_role("link", name="Create a product").click()
	page.wait_for_url("**/plm/products/new")
	screenshots(page, "product-new")


def test_filters_stand_in_the_address_and_the_export_holds_what_is_shown(
	signed_in: Watched,
) -> None:
	page = signed_in.open("/plm/products")
	expect(page.locator(".list-total")).to_have_text("6 entries")
	screenshots(page, "products")
	page.get_by_label("Search products").fill("screw")
	expect(page.locator(".list-total")).to_have_text("1 entry")
	assert "search=screw" in page.url
	page.goto(page.url)  # what is in the address is what comes back
	settled(page)
	expect(page.locator("tbody tr")).to_have_count(1)
	expect(page.locator("tbody tr")).to_contain_text("SCR-01")
	with page.expect_download() as taken:
		page.get_by_role("link", name="CSV").click()
	text = taken.value.path().read_text("utf-8-sig")
	assert text.splitlines()[0].startswith("Number,Name,Type,Phase")
	assert len(text.splitlines()) == 2
	assert "SCR-01" in text
	assert "0.04,EUR" in text


def test_a_row_opens_by_keyboard(signed_in: Watched, company: Company) -> None:
	page = signed_in.open("/plm/products?sort=product_number")
	page.locator("tbody tr").first.focus()
	page.keyboard.press("ArrowDown")
	page.keyboard.press("Enter")
	page.wait_for_url(f"**{company.path('DRV-1')}")


# -- the structure -----------------------------------------------------------------------------


def test_the_tree_opens_level_by_level_and_keeps_the_path_to_a_hit(
	signed_in: Watched, company: Company
) -> None:
	page = signed_in.open(company.path("PUMP-1"))
	screenshots(page, "product-structure")
	expect(row(page, "DRV-1")).to_have_attribute("aria-expanded", "false")
	expect(row(page, "MOT-01")).to_have_count(0)
	row(page, "DRV-1").focus()
	page.keyboard.press("ArrowRight")
	expect(row(page, "MOT-01")).to_be_visible()
	expect(row(page, "BRG-01").locator("td").nth(2)).to_have_text("2")
	settled(page)
	assert_accessible(page)
	page.keyboard.press("ArrowLeft")
	expect(row(page, "MOT-01")).to_have_count(0)
	page.reload()
	settled(page)
	page.get_by_label("Filter the tree").fill("bearing")
	expect(row(page, "BRG-01")).to_be_visible()
	expect(row(page, "DRV-1")).to_be_visible()
	expect(row(page, "SCR-01")).to_have_count(0)
	expect(page.locator("[data-tree-count]")).to_have_text("1 found")
	page.get_by_label("Filter the tree").fill("")
	expect(row(page, "SCR-01")).to_be_visible()
	page.get_by_role("button", name="All").click()
	expect(row(page, "MOT-01")).to_be_visible()
	expect(row(page, "SCR-01").locator("td").nth(4)).to_have_text("S1-S8")


def test_quantities_multiply_on_the_way_down(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("PUMP-1") + "?quantity=10")
	page.get_by_role("button", name="All").click()
	expect(row(page, "BRG-01").locator("td").nth(1)).to_contain_text("2")
	expect(row(page, "BRG-01").locator("td").nth(2)).to_have_text("20")
	expect(row(page, "SCR-01").locator("td").nth(2)).to_have_text("80")


def test_mending_a_price_changes_the_parents(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("PUMP-1"))
	# 2 × 7.20 + 8 × 0.04 + 2 × 2.50: the motor has no price and counts for nothing
	assert figure(page, "Cost of one").startswith("19.72 EUR")
	cost = page.locator(".kpi").filter(has_text="Cost of one").first
	cost.get_by_role("link", name="1 item missing").click()
	page.wait_for_url("**/missing?of=cost")
	settled(page)
	screenshots(page, "product-missing")
	expect(page.locator("main tbody tr")).to_have_count(1)
	page.get_by_role("link", name="Record a price for MOT-01").click()
	settled(page)
	screenshots(page, "product-costs-form")
	page.get_by_label("Cost of one").fill("12,5")
	page.get_by_role("button", name="Record the cost").click()
	page.wait_for_url("**/missing?of=cost")
	settled(page)
	expect(page.get_by_text("Nothing is missing")).to_be_visible()
	page.get_by_role("link", name="Back to the structure").click()
	settled(page)
	assert figure(page, "Cost of one").startswith("32.22 EUR")
	expect(page.locator(".kpi").filter(has_text="Target cost of one")).to_contain_text("−7.78")
	page.goto(signed_in.site.address + company.path("DRV-1"))
	settled(page)
	assert figure(page, "Cost of one").startswith("17.50 EUR")


def test_a_figure_opens_its_trace_beside_the_page(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("PUMP-1"))
	page.locator(".kpi").filter(has_text="Cost of one").first.locator("a.figure-value").click()
	panel = page.locator("#panel.show")
	expect(panel.get_by_role("table")).to_contain_text("HSG-01")
	expect(panel.get_by_role("table")).to_contain_text("14.40")
	settled(page)
	assert_accessible(page)
	screenshots(page, "product-trace", check=False)


# -- lines -------------------------------------------------------------------------------------


def test_a_line_is_added_changed_and_taken_out(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("DRV-1"))
	page.get_by_role("link", name="Add a line").click()
	panel = page.locator("#panel")
	panel.get_by_label("Product", exact=True).fill("SCR-99")
	panel.get_by_label("Quantity", exact=False).first.fill("4")
	panel.get_by_role("button", name="Add the line").click()
	expect(panel.locator("#error-product_number")).to_contain_text("There is no product SCR-99")
	expect(panel.locator("#field-quantity")).to_have_value("4")
	assert_accessible(page)
	panel.locator("#field-product_number").fill("SCR-")
	expect(panel.locator("datalist option")).to_have_count(1)
	panel.locator("#field-product_number").fill("SCR-01")
	panel.get_by_role("button", name="Add the line").click()
	expect(page.locator(".toast-box")).to_contain_text("Line 30 is added.")
	settled(page)
	expect(row(page, "SCR-01").locator("td").first).to_have_text("30")
	row(page, "SCR-01").hover()
	row(page, "SCR-01").get_by_role("link", name="Edit line 30").click()
	panel.locator("#field-quantity").fill("6")
	panel.get_by_role("button", name="Save").click()
	expect(page.locator(".toast-box")).to_contain_text("The line is saved.")
	settled(page)
	expect(row(page, "SCR-01").locator("td").nth(1)).to_contain_text("6")
	row(page, "SCR-01").hover()
	row(page, "SCR-01").get_by_role("link", name="Edit line 30").click()
	panel.get_by_role("button", name="Take this line out").click()
	expect(page.locator("#confirm")).to_contain_text("Take line 30 with SCR-01 out")
	page.locator("#confirm").get_by_role("button", name="Continue").click()
	expect(page.locator(".toast-box")).to_contain_text("The line is taken out.")
	settled(page)
	expect(row(page, "SCR-01")).to_have_count(0)


def test_a_product_cannot_come_to_contain_itself(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("DRV-1") + "/structure/lines/new")
	page.locator("#field-product_number").fill("PUMP-1")
	page.get_by_role("button", name="Add the line").click()
	summary = page.locator(".error-summary")
	expect(summary).to_be_visible()
	expect(summary).to_contain_text("DRV-1")
	expect(summary).to_contain_text("PUMP-1")
	screenshots(page, "line-refused")


# -- changing, conflicts, releases -------------------------------------------------------------


def test_two_people_save_at_once(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("HSG-01") + "/edit")
	other = page.context.new_page()
	other.goto(page.url)
	settled(other)
	other.get_by_label("Name", exact=True).fill("Housing, top shell, cast")
	other.get_by_label("Material").fill("AlSi9Cu3")
	other.get_by_role("button", name="Save").click()
	other.wait_for_url("**/facts")
	other.close()
	page.get_by_label("Name", exact=True).fill("Housing, upper shell")
	page.get_by_label("Tags").fill("pump, casting")
	page.get_by_role("button", name="Save").click()
	conflict = page.locator("form.conflict")
	expect(conflict).to_contain_text("Alice Bergström saved this meanwhile")
	expect(conflict).to_contain_text("Housing, upper shell")
	expect(conflict).to_contain_text("Housing, top shell, cast")
	expect(conflict.locator("tbody tr")).to_have_count(1)
	expect(conflict).to_contain_text("Also saved, because only you changed it: Tags")
	screenshots(page, "product-conflict")
	conflict.get_by_label("Housing, top shell, cast").check()
	conflict.get_by_role("button", name="Save these values").click()
	page.wait_for_url("**/facts")
	settled(page)
	expect(page.locator("h1")).to_have_text("Housing, top shell, cast")
	expect(page.locator(".chips")).to_contain_text("casting")
	expect(page.locator("main")).to_contain_text("AlSi9Cu3")


def test_release_a_new_revision_and_the_difference(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("DRV-1"))
	page.get_by_role("link", name="Release").click()
	panel = page.locator("#panel")
	expect(panel).to_contain_text("MOT-01 is not released; release it first.")
	for number in ("MOT-01", "BRG-01", "DRV-1"):
		signed_in.open(company.path(number) + "/release")
		page.get_by_role("button", name="Release").click()
		expect(page.locator(".toast-box")).to_contain_text("Revision A is released.")
		settled(page)
	expect(page.locator(".chips")).to_contain_text("Released")
	expect(page.get_by_role("link", name="Add a line")).to_have_count(0)
	page.get_by_role("link", name="New revision").click()
	panel.get_by_role("button", name="Open the revision").click()
	expect(page.locator(".toast-box")).to_contain_text("Revision B is open.")
	settled(page)
	expect(page.locator(".note")).to_contain_text("You are looking at revision B")
	row(page, "BRG-01").hover()
	row(page, "BRG-01").get_by_role("link", name="Edit line 20").click()
	panel.locator("#field-quantity").fill("3")
	panel.locator("#field-designators").fill("B1-B3")
	panel.get_by_role("button", name="Save").click()
	expect(page.locator(".toast-box")).to_contain_text("The line is saved.")
	settled(page)
	expect(row(page, "BRG-01").locator("td").nth(1)).to_contain_text("3")
	signed_in.open(company.path("DRV-1"))
	expect(row(page, "BRG-01").locator("td").nth(1)).to_contain_text("2")
	signed_in.open(company.path("DRV-1") + "/revisions")
	changed = page.locator(".redline tr.is-changed")
	expect(changed).to_have_count(1)
	expect(changed.locator(".sign")).to_contain_text("±")
	expect(changed.locator("del")).to_have_text(["B1, B2", "2"])
	expect(changed.locator("ins")).to_have_text(["B1-B3", "3"])
	screenshots(page, "product-revisions")


def test_deletion_says_what_goes_and_is_undone(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("SCR-01"))
	page.get_by_role("link", name="Delete").click()
	panel = page.locator("#panel")
	expect(panel).to_contain_text("costs: 1")
	assert_accessible(page)
	panel.get_by_role("button", name="Delete the product").click()
	expect(panel.get_by_role("alert")).to_contain_text("PUMP-1 still uses this product")
	signed_in.open(company.path("PUMP-1") + "/delete")
	page.get_by_role("button", name="Delete the product").click()
	page.wait_for_url("**/facts")
	settled(page)
	expect(page.locator(".note")).to_contain_text("This product is deleted")
	signed_in.open("/plm/products")
	expect(page.locator(".list-total")).to_have_text("5 entries")
	signed_in.open(company.path("PUMP-1") + "/facts")
	page.get_by_role("button", name="Restore").click()
	expect(page.locator(".toast-box")).to_contain_text("The product is back.")
	signed_in.open("/plm/products")
	expect(page.locator(".list-total")).to_have_text("6 entries")


def test_the_other_tabs(signed_in: Watched, company: Company) -> None:
	page = signed_in.open(company.path("BRG-01") + "/where-used")
	expect(row(page, "DRV-1").locator("td").first).to_contain_text("2")
	expect(row(page, "PUMP-1").locator("td").first).to_contain_text("2")
	expect(row(page, "PUMP-1")).to_contain_text("end item")
	screenshots(page, "product-where-used")
	for tab in ("facts", "costs", "identifiers", "history"):
		signed_in.open(company.path("BRG-01") + f"/{tab}")
		expect(page.locator(".tab[aria-current=page]")).to_have_count(1)
		screenshots(page, f"product-{tab}")
	expect(page.locator(".history")).to_contain_text("Alice Bergström")
	expect(page.locator(".history")).to_contain_text("created the cost 2.5 EUR")


def test_who_may_only_read_is_offered_nothing_else(
	chromium: Browser, site: Site, company: Company
) -> None:
	with watching(chromium, site) as watched:
		page = watched.enter(company.viewer)
		watched.open("/plm/products")
		expect(page.get_by_role("link", name="New product")).to_have_count(0)
		watched.open(company.path("PUMP-1"))
		for name in ("Edit", "Delete", "Release", "Add a line"):
			expect(page.get_by_role("link", name=re.compile(f"^{name}"))).to_have_count(0)
		watched.open(company.path("PUMP-1") + "/missing")
		expect(page.get_by_role("link", name=re.compile("Record"))).to_have_count(0)
		assert_fits(page)
