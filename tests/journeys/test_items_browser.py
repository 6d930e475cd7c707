"""Classes, sources, alternates, effectivity and baselines in a browser."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from apg.capabilities.plm.alternates import service as alternates
from apg.capabilities.plm.alternates.schemas import AlternateIn
from apg.capabilities.plm.baselines import service as baselines
from apg.capabilities.plm.baselines.schemas import BaselineIn
from apg.capabilities.plm.classes import service as classes
from apg.capabilities.plm.classes.schemas import AttributeIn, ClassIn, LabelSchemeIn
from apg.capabilities.plm.effectivity import service as effectivity
from apg.capabilities.plm.effectivity.schemas import EffectivityIn
from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.schemas import ProductIn
from apg.capabilities.plm.revisions import service as revisions
from apg.capabilities.plm.revisions.schemas import ReleaseIn, RevisionIn
from apg.capabilities.plm.shared.attributes import AttributeKind
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase, ProductType
from apg.capabilities.plm.shared.numbering import LabelSeries
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.schemas import LineIn, LinePatch, SubstituteIn
from apg.capabilities.plm.suppliers import service as suppliers
from apg.capabilities.plm.suppliers.schemas import ApprovedPartIn, OfferIn, PriceBreak
from apg.kernel.work import Work
from tests.journeys.browser import Site, Watched, screenshots, settled

pytestmark = pytest.mark.browser


@dataclass
class Company:
	ids: dict[str, str]

	def path(self, number: str) -> str:
		return f"/plm/products/{self.ids[number]}"


async def _stocked(work: Work) -> dict[str, str]:
	ids: dict[str, str] = {}
	top = await classes.create(work, ClassIn(name="Fasteners", description="What holds the rest"))
	below = await classes.create(work, ClassIn(name="Screws", parent_id=top.id))
	ids["top"], ids["class"] = top.id, below.id
	await classes.add_attribute(
		work, top.id, AttributeIn(name="rohs", kind=AttributeKind.BOOLEAN, is_required=True)
	)
	for new in (
		AttributeIn(
			name="length", title="Length", kind=AttributeKind.NUMBER, unit="mm", minimum=Decimal(1)
		),
		AttributeIn(name="head", kind=AttributeKind.CHOICE, choices=["hex", "torx"]),
	):
		await classes.add_attribute(work, below.id, new)
	scheme = LabelSchemeIn(phase=LifecyclePhase.PROTOTYPE, series=LabelSeries.NUMBERS, width=2)
	await classes.add_scheme(work, scheme)
	for number, path in (
		("SCR-01", "Fasteners/Screws"),
		("SCR-02", "Fasteners/Screws"),
		("ARM-01", None),
		("ROB-01", None),
	):
		new = ProductIn(
			product_name=f"Part {number}",
			product_number=number,
			product_type=ProductType.MANUFACTURED,
			class_path=path,
			custom_attributes={"rohs": True, "length": 12, "head": "torx"} if path else {},
		)
		ids[number] = (await products.create(work, new)).id
	stand_in = SubstituteIn(product_number="SCR-02", quantity_ratio=Decimal(2))
	line = await structures.add_line(
		work,
		ids["ARM-01"],
		LineIn(product_number="SCR-01", quantity=Decimal(4), substitutes=[stand_in]),
	)
	await structures.add_line(
		work, ids["ROB-01"], LineIn(product_number="ARM-01", quantity=Decimal(2))
	)
	for number in ("SCR-01", "SCR-02", "ARM-01", "ROB-01"):
		await revisions.release(work, ids[number], ReleaseIn())
	await work.flush()
	new = BaselineIn(product_number="ROB-01", title="Design review 1")
	ids["baseline"] = (await baselines.create(work, new)).id
	await revisions.open_revision(work, ids["ARM-01"], RevisionIn())
	await work.flush()
	await structures.change_line(work, ids["ARM-01"], line.line_uid, LinePatch(quantity=Decimal(6)))
	await revisions.release(work, ids["ARM-01"], ReleaseIn())
	await effectivity.add(
		work,
		ids["ARM-01"],
		EffectivityIn.model_validate({"revision": "B", "kind": "units", "from": 100}),
	)
	await alternates.add(
		work,
		ids["SCR-01"],
		AlternateIn(product_number="SCR-02", is_two_way=True, evidence="Same thread and head"),
	)
	await suppliers.approve(
		work,
		ids["SCR-01"],
		ApprovedPartIn(manufacturer="Würth Elektronik", part_number="0012 3 8"),
	)
	prices = [
		PriceBreak(quantity_break=Decimal(n), amount=Decimal(a))
		for n, a in ((1, "0.04"), (1000, "0.012"))
	]
	await suppliers.add_offer(
		work,
		ids["SCR-01"],
		OfferIn(supplier="Nordwind", sku="N-77-1", lead_time_days=12, prices=prices),
	)
	return ids


@pytest.fixture(scope="module")
def company(site: Site) -> tuple[Company, object]:
	tenant = site.company()
	admin = site.person(tenant, "Alice Bergström", "tenant_admin")
	return Company(site.work(admin, _stocked)), admin


@pytest.fixture
def desk(watched: Watched, company: tuple[Company, object]) -> Watched:
	watched.enter(company[1])  # pyright: ignore[reportArgumentType]
	return watched


def test_every_page_of_items_stands(desk: Watched, company: tuple[Company, object]) -> None:
	ids, path = company[0].ids, company[0].path
	for name, place in (
		("classes", "/plm/classes"),
		("class", f"/plm/classes/{ids['class']}"),
		("manufacturers", "/plm/manufacturers"),
		("suppliers", "/plm/suppliers"),
		("sources", path("SCR-01") + "/sources"),
		("alternates", path("SCR-01") + "/alternates"),
		("effectivity", path("ARM-01") + "/effectivity?serial=99"),
		("baselines", "/plm/baselines"),
		("baseline-new", "/plm/baselines/new?product=ROB-01"),
		("baseline", f"/plm/baselines/{ids['baseline']}?with=today"),
		("structure-baseline", path("ROB-01") + "?baseline=BL-000001"),
	):
		page = desk.open(place)
		screenshots(page, f"items-{name}")


def test_a_class_an_attribute_and_a_baseline_by_hand(
	desk: Watched, company: tuple[Company, object]
) -> None:
	page: Page = desk.open("/plm/classes")
	page.fill("#field-name", "Springs")
	page.get_by_role("button", name="Make the class").click()
	expect(page.locator("h1")).to_have_text("Springs")
	settled(page)
	page.locator("#attribute_block #field-name").fill("rate")
	page.get_by_role("button", name="Define", exact=True).click()
	expect(page.locator("main table")).to_contain_text("rate")
	page = desk.open("/plm/baselines/new?product=ROB-01")
	page.fill("#field-title", "Design review 2")
	page.get_by_role("button", name="Make the baseline").click()
	expect(page.locator("main")).to_contain_text("gives the same")


def test_what_may_stand_in_opens_beside_the_tree(
	desk: Watched, company: tuple[Company, object]
) -> None:
	page = desk.open(company[0].path("ARM-01"))
	page.get_by_label("1 products may stand in").click()
	expect(page.locator("#panel-body")).to_contain_text("SCR-02")
	expect(page.locator("#panel-body")).to_contain_text("2 for one")
