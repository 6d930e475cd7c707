"""The carbon of the demo company: what it covers, what it says of itself, loaded twice."""

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.demo.conftest import Demo

from apg.capabilities.esg.activities.models import ActivityRecord
from apg.capabilities.esg.footprints import service as footprints
from apg.capabilities.esg.footprints.models import Footprint, FootprintLine, Material
from apg.capabilities.plm.imports import service as imports
from apg.capabilities.plm.products.models import Item, Revision
from apg.demo import carbon
from apg.kernel.settings import Settings
from apg.kernel.work import open_work

D = Decimal
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "plm"
STEEL = D("3894.2234")  # UK Government 2020, row 2098: kg CO2e a tonne, under AR4 as published
# The same source, electricity of the grid: CO2, and CH4 and N2O from AR4 (25, 298) to AR5 (28, 265).
GRID = D("0.23104") + D("0.00072") * 28 / 25 + D("0.00138") * 265 / 298


async def test_two_products_are_covered_and_say_that_they_are_estimated(
	demo: Demo, settings: Settings
) -> None:
	runtime, principal = demo.runtime, demo.principal
	assert demo.carbon_said == "80 estimates, 144 energy records, 2 footprints"
	async with open_work(runtime, principal, action="test", origin="task", read_only=True) as work:
		rows: dict[str, Footprint] = {
			row.product_number: row for row in await work.scalars(select(Footprint))
		}
		assert set(rows) == {"as1", "MAST"}
		for row in rows.values():
			assert row.coverage >= D("0.8")
			assert row.is_estimated is True
			assert row.total is not None
			assert (await footprints.verify(work, row.id))["intact"] is True
		assert rows["as1"].is_complete is True
		steel = (
			(2 * D("0.71") + D("4.24") + D("0.123") + 6 * D("0.046") + (6 + 2) * D("0.0116"))
			* STEEL
			/ 1000
		)
		work_of_it = (D("1.2") + 2 * D("0.6") + D("0.15")) * GRID
		assert abs(rows["as1"].total - steel - work_of_it) < D("1e-5")
		lines = await work.scalars(
			select(FootprintLine).where(FootprintLine.footprint_id == rows["as1"].id)
		)
		plate = next(
			one for one in lines if one.product_number == "plate" and one.source == "material"
		)
		assert plate.each == D("4.24") * STEEL / 1000
		assert all(one.is_estimated for one in lines)
		materials = await work.scalars(select(Material))
		assert all(one.is_estimate for one in materials)
		noted = (
			select(func.count())
			.select_from(Revision)
			.join(Item, Item.current_revision_id == Revision.id)
			.where(Revision.attributes.has_key("estimate"))
		)
		# the set's and the STEP example's; a part of the demo's own orders may be one more
		assert await work.scalar(noted) in (80, 81)
		made_up = select(func.count()).where(ActivityRecord.data_source == carbon.MADE_UP)
		assert await work.scalar(made_up) == 144
	again = await carbon.load(runtime, principal, settings)
	assert again == "0 estimates, 0 energy records, 0 footprints"


def test_every_estimate_names_its_assumption() -> None:
	rows = carbon.estimates()
	assert len({row["part"] for row in rows}) == len(rows)
	for row in rows:
		assert len(row["assumption"]) > 20
		assert bool(row["mass"]) == bool(row["mass_unit"]) == bool(row["material"])


@pytest.mark.skipif(not DATA.exists(), reason="the given data is not beside the checkout")
async def test_the_assembly_is_that_of_its_file(demo: Demo) -> None:
	file = DATA / "step" / "as1-oc-214.stp"
	told = await imports.import_now(
		demo.runtime, demo.principal, file.name, file.read_bytes(), dry_run=True
	)
	assert told["problems"] == []
	assert told["summary"] == "Nothing to change: 9 parts and 9 lines are as the file says."
