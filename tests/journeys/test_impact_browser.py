"""The impact of a change in a browser: numbers, end items, waterfall, trace; policies and compliance."""

import pytest
from playwright.sync_api import Browser, expect

from apg.capabilities.plm.changes import package, service
from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.changes.schemas import ChangeIn
from apg.capabilities.plm.impact import service as impacts
from apg.capabilities.plm.policies import service as policies
from apg.capabilities.plm.policies.schemas import PolicyIn
from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.schemas import ProductIn
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.schemas import LineIn
from apg.kernel.work import Work
from tests.journeys.browser import Site, assert_fits, screenshots, settled, watching

pytestmark = pytest.mark.browser

PARTS = (
	("SCR-1", "Screw M3 x 8", "0.5", 10),
	("BLT-1", "Bolt M4", 2, 25),
	("CAS-1", "Case", 10, 1000),
)
ABOVE = {
	"MOT-1": {"SCR-1": 4, "CAS-1": 1},
	"PMP-1": {"MOT-1": 2},
	"FAN-1": {"MOT-1": 1, "SCR-1": 3},
}


async def _plant(work: Work) -> str:
	"""A motor in a pump and a fan; the order takes a screw out and puts two bolts in."""
	ids: dict[str, str] = {}
	revisions: list[str] = []
	for number, name, price, mass in PARTS:
		new = ProductIn(
			product_name=name,
			product_number=number,
			product_type="purchased",
			current_cost=price,
			currency="EUR",
			mass=mass,
			mass_unit="g",
		)
		item = await products.create(work, new)
		ids[number], _unused = item.id, revisions.append(item.current_revision_id)
	for number, children in ABOVE.items():
		new = ProductIn(
			product_name=f"Product {number}", product_number=number, product_type="manufactured"
		)
		item = await products.create(work, new)
		ids[number], _unused = item.id, revisions.append(item.current_revision_id)
		for child, quantity in children.items():
			line = LineIn.model_validate({"product_id": ids[child], "quantity": quantity})
			await structures.add_line(work, item.id, line)
	await moves.release(work, revisions)
	await policies.add(
		work,
		PolicyIn(
			name="Cost budget",
			expression="delta(cost) > 10 %",
			explanation="More than a tenth is for the management.",
		),
	)
	change = await service.create(
		work, ChangeIn(change_title="Bolts hold better", affected_products=[ids["MOT-1"]])
	)
	[item] = await package.items_of(work, change.id)
	revision = str(item.to_revision_id)
	line = LineIn.model_validate({"product_id": ids["BLT-1"], "quantity": 2})
	await structures.add_line(work, ids["MOT-1"], line, revision)
	await package.refresh(work, change)
	return change.id


async def _calculated(work: Work, change_id: str) -> None:
	await impacts.record(work, await work.get(Change, change_id), "edited")


def test_an_impact_is_read_and_traced(chromium: Browser, site: Site) -> None:
	tenant = site.company()
	manager = site.person(tenant, "Mia Lund", "plm_manager")
	change_id = site.work(manager, _plant)

	async def calculated(work: Work) -> None:
		await _calculated(work, change_id)

	site.work(manager, calculated)
	change = f"/plm/changes/{change_id}?tab=impact"
	with watching(chromium, site) as desk:
		page = desk.enter(manager)
		desk.open(change)
		settled(page)
		expect(page.locator(".impact-numbers")).to_contain_text("+8.00")
		expect(page.locator("#impact")).to_contain_text("Cost budget")
		assert_fits(page)
		screenshots(page, "change-impact")
		page.get_by_role("link", name="+8.00").first.click()
		page.wait_for_selector("#panel-body >> text=Sum")
		screenshots(page, "change-impact-trace")
		for path, name in (
			("/plm/compliance", "compliance"),
			("/plm/changes/policies", "policies"),
		):
			desk.open(path)
			settled(page)
			assert_fits(page)
			screenshots(page, name)
	with watching(chromium, site, width=390) as phone:
		page = phone.enter(manager)
		phone.open(change)
		settled(page)
		assert_fits(page)
		screenshots(page, "change-impact-phone")
