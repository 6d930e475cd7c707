"""A change in a browser: raised, redlined, its impact read, approved by three of whom one is on a
phone, released, compared, printed."""

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import service as impacts
from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.schemas import ProductIn
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.schemas import LineIn
from apg.kernel.work import Work
from tests.journeys.browser import PASSWORD, Site, assert_fits, screenshots, settled, watching

pytestmark = pytest.mark.browser
PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


async def _bracket(work: Work) -> str:
	ids: dict[str, str] = {}
	revisions: list[str] = []
	for number, name in (
		("SCR-1", "Screw M3 x 8"),
		("WSH-1", "Washer M3"),
		("PLT-1", "Plate, 2 mm"),
		("BRK-1", "Bracket"),
	):
		item = await products.create(
			work, ProductIn(product_name=name, product_number=number, product_type="manufactured")
		)
		ids[number] = item.id
		revisions.append(item.current_revision_id)
	for number, quantity in (("SCR-1", 2), ("PLT-1", 1)):
		new = LineIn.model_validate({"product_id": ids[number], "quantity": quantity})
		await structures.add_line(work, ids["BRK-1"], new)
	await moves.release(work, revisions)
	return ids["BRK-1"]


def test_raised_redlined_approved_by_three_released_and_compared(
	chromium: Browser, site: Site
) -> None:
	drawing = FilePayload(name="bracket.pdf", mimeType="application/pdf", buffer=PDF)
	tenant = site.company()
	author = site.person(tenant, "Alice Bergström", "plm_engineer")
	approver = site.person(tenant, "Ben Okafor", "plm_technical_approver")
	quality = site.person(tenant, "Quinn Sato", "plm_quality_approver")
	boss = site.person(tenant, "Dara Nowak", "plm_management_approver")
	manager = site.person(tenant, "Mia Lund", "plm_manager")
	bracket = site.work(manager, _bracket)
	with watching(chromium, site) as desk:
		page = desk.sign_in(author)
		desk.open(f"/plm/products/{bracket}")
		line = page.get_by_role("link", name="Raise a change about line 10 with SCR-1")
		assert line.get_attribute("href").startswith("/plm/changes/new?revision=")
		page.get_by_role("link", name="Raise a change", exact=True).click()
		settled(page)
		page.fill("[name=change_title]", "Four screws hold better than two")
		page.fill("[name=reason_for_change]", "Two returns from the field with a bent bracket.")
		page.select_option("[name=change_type]", "quality_improvement")
		page.select_option("[name=priority]", "high")
		screenshots(page, "change-new")
		page.get_by_role("button", name="Raise it").click()
		page.wait_for_url("**/plm/changes/*tab=redline*")
		settled(page)
		change = page.url.split("?")[0].removeprefix(site.address)
		page.get_by_role("link", name="Change lines").click()
		settled(page)
		page.get_by_label("Quantity of SCR-1").fill("4")
		page.get_by_role("button", name="Save").first.click()
		page.wait_for_selector("text=The line is saved.")
		settled(page)
		expect(page.get_by_label("Quantity of SCR-1")).to_have_value("4")
		page.fill("#field-product_number", "WSH-1")
		page.fill("#field-quantity", "4")
		page.get_by_role("button", name="Add", exact=True).click()
		page.wait_for_selector("text=Washer M3")
		settled(page)
		screenshots(page, "change-lines")
		desk.open(f"{change}?tab=redline")
		page.get_by_role("link", name="Change fields").click()
		settled(page)
		page.fill("[name=material]", "EN AW-6082")
		screenshots(page, "change-fields")
		page.get_by_role("button", name="Save").click()
		page.wait_for_url("**tab=redline*")
		settled(page)
		page.get_by_role("link", name="Documents").click()
		settled(page)
		page.select_option("[name=kind]", "drawing")
		page.set_input_files("[name=file]", [drawing])
		screenshots(page, "change-documents")
		page.get_by_role("button", name="Attach").click()
		page.wait_for_selector("text=bracket.pdf")
		settled(page)
		screenshots(page, "change-documents-attached")
		desk.open(f"{change}?tab=redline")
		expect(page.locator("tr.is-added")).to_have_count(1)
		expect(page.locator("tr.is-changed")).to_have_count(3)
		expect(page.locator("main")).to_contain_text("EN AW-6082")
		expect(page.locator("main")).to_contain_text("bracket.pdf")
		screenshots(page, "change-redline")
		page.get_by_role("button", name="Submit for approval").click()
		page.wait_for_url("**tab=approvals*")
		settled(page)
		screenshots(page, "change-approvals")

	async def calculated(work: Work) -> None:
		await impacts.record(work, await work.get(Change, change.rsplit("/", 1)[1]), "edited")

	site.work(manager, calculated)
	with watching(chromium, site, width=390) as phone:
		page = phone.enter(approver)
		phone.open("/plm/changes?waiting=true")
		assert_fits(page)
		page.get_by_role("link", name="ECO-000001").first.click()
		settled(page)
		page.get_by_role("link", name="Impact", exact=True).click()
		settled(page)
		expect(page.locator(".impact-numbers")).to_contain_text("Mass")
		assert_fits(page)
		screenshots(page, "change-impact-of-approver")
		approve = page.locator("summary", has_text="Approve")
		box = approve.bounding_box()
		assert box is not None
		assert box["y"] + box["height"] <= 900, "the decision is in reach without scrolling"
		approve.click()
		page.fill("#approve-words", "Looks right")
		page.fill("#approve-secret", "not my password")
		page.get_by_role("button", name="Sign and approve").click()
		expect(page.locator("#approve-form .error-summary")).to_be_visible()
		expect(page.locator("#approve-words")).to_have_value("Looks right")
		page.fill("#approve-secret", PASSWORD)
		screenshots(page, "change-approve-phone")
		page.get_by_role("button", name="Sign and approve").click()
		page.wait_for_url("**tab=approvals*")
		settled(page)
		expect(page.locator("main")).to_contain_text("Looks right")

	for one in (quality, boss):
		with watching(chromium, site) as desk:
			page = desk.enter(one)
			desk.open(f"{change}/approve")
			page.fill("#approve-secret", PASSWORD)
			page.get_by_role("button", name="Sign and approve").click()
			page.wait_for_url("**tab=approvals*")
			settled(page)

	with watching(chromium, site) as desk:
		page = desk.enter(manager)
		screenshots(desk.open("/plm/changes"), "changes")
		screenshots(desk.open("/plm/changes/rules"), "change-rules")
		desk.open(change)
		page.locator("summary", has_text="Release").click()
		page.locator("#implement-form").get_by_role("button", name="Release").click()
		page.wait_for_selector("text=Implemented")
		settled(page)
		screenshots(page, "change-released")
		paper = page.request.get(f"{site.address}{change}/pdf")
		assert (paper.status, paper.body()[:5]) == (200, b"%PDF-")
		screenshots(desk.open(f"{change}?tab=history"), "change-history")
		desk.open(f"/plm/products/{bracket}/revisions")
		expect(page.locator("main")).to_contain_text("What changed from A to B")
		expect(page.locator("tr.is-added")).to_contain_text("WSH-1")
