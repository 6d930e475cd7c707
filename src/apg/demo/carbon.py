"""Carbon of the demo company: the British factors, what materials mean, estimates, energy of two sites.

`estimates.csv` gives mass, material and process of each part of some products: the deepest one of the
InvenTree set, its furniture, and the assembly as1 of the STEP example file; its last column says the assumption behind
each row, and every figure that rests on one is marked as estimated. All other parts keep their gaps.
"""

import csv
import random
from asyncio import to_thread
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

from sqlalchemy import any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.capabilities.esg.activities import service as activities
from apg.capabilities.esg.activities.models import ActivityRecord
from apg.capabilities.esg.activities.schemas import ActivityIn
from apg.capabilities.esg.footprints import materials
from apg.capabilities.esg.footprints import service as footprints
from apg.capabilities.esg.footprints.models import Footprint, MaterialName
from apg.capabilities.esg.footprints.own import key_of
from apg.capabilities.esg.footprints.schemas import FootprintIn, MaterialIn
from apg.capabilities.esg.sites import service as sites
from apg.capabilities.esg.sites.models import Site
from apg.capabilities.esg.sites.schemas import SiteIn
from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.models import Identifier, Item, Revision
from apg.capabilities.plm.products.schemas import ProductIn, ProductPatch
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.contents import ESTIMATED
from apg.capabilities.plm.structures.schemas import LineIn
from apg.demo.factors import approve, load_published
from apg.kernel.database import id_type
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.work import Work, open_work

SEED = 11
FIRST_YEAR, YEARS = 2023, 3
DAY = date(2025, 12, 31)
"""The day of the recorded footprints: the end of the generated years."""

MADE_UP = f"generated for the demo, seed {SEED}"
WHOLE = "as1"
# products of the STEP example as1-oc-214.stp and how many of each the one above takes
AS1: tuple[tuple[str, str, int], ...] = (
	("as1", "plate", 1),
	("as1", "l-bracket-assembly", 2),
	("as1", "rod-assembly", 1),
	("l-bracket-assembly", "l-bracket", 1),
	("l-bracket-assembly", "nut-bolt-assembly", 3),
	("nut-bolt-assembly", "bolt", 1),
	("nut-bolt-assembly", "nut", 1),
	("rod-assembly", "rod", 1),
	("rod-assembly", "nut", 2),
)
BOUGHT = frozenset({"bolt", "nut"})
DEEPEST = "inventree:113"

MATERIALS: tuple[dict[str, Any], ...] = (
	{
		"name": "Steel",
		"aliases": ["Stainless steel", "Steel, zinc plated"],
		"activity_code": "material_use.construction.metals.primary_material_production",
		"note": "Metals for construction, primary production, stand in for steel of any kind",
	},
	{
		"name": "Wood",
		"aliases": ["Beech", "Timber"],
		"activity_code": "material_use.construction.wood.primary_material_production",
		"note": "Wood for construction, primary production, stands in for any kind",
	},
	{
		"name": "Rigid plastic",
		"aliases": ["ABS", "Plastic"],
		"activity_code": "material_use.plastic.average_plastic_rigid.primary_material_production",
		"note": "The average of rigid plastics stands in for the resin",
	},
	{
		"name": "Electronic component",
		"aliases": ["FR4", "Printed circuit board"],
		"activity_code": ("material_use.electrical_items.weee_small.primary_material_production"),
		"note": "Small electrical items stand in for parts on boards; silicon is likely more",
	},
)

SITES = (
	{"code": "LEEDS-1", "name": "Leeds works", "country": "GB", "region": "GB-ENG"},
	{"code": "GLASGOW-1", "name": "Glasgow warehouse", "country": "GB", "region": "GB-SCT"},
)
# site, activity, unit, level of a month, winter on top, meter
METERS = (
	("LEEDS-1", "electricity.grid", "kWh", 41_000, 0.08, "E-4471"),
	("LEEDS-1", "fuels.gaseous_fuels.natural_gas", "kWh (gross CV)", 36_000, 0.75, "G-1180"),
	("GLASGOW-1", "electricity.grid", "kWh", 9_500, 0.12, "E-9052"),
	("GLASGOW-1", "fuels.gaseous_fuels.natural_gas", "kWh (gross CV)", 14_000, 0.85, "G-2207"),
)


async def load(runtime: Runtime, principal: Principal, settings: Settings) -> str:
	"""Makes what is missing; what is there stays as it is."""
	if not await approve(runtime, principal):
		await to_thread(load_published, settings.database_admin_url)
		await approve(runtime, principal)
	async with open_work(runtime, principal, action="plm.products.create", origin="cli") as work:
		parts = await _assembly(work)
	async with open_work(runtime, principal, action="esg.materials.update", origin="cli") as work:
		await _materials(work)
	async with open_work(runtime, principal, action="plm.products.update", origin="cli") as work:
		estimated = await _estimates(work, parts)
	async with open_work(runtime, principal, action="esg.activities.create", origin="cli") as work:
		readings = await _energy(work)
	async with open_work(runtime, principal, action="esg.footprints.create", origin="cli") as work:
		recorded = await _footprints(work, parts)
	return f"{estimated} estimates, {readings} energy records, {recorded} footprints"


async def _assembly(work: Work) -> dict[str, str]:
	"""The products of as1, numbered and named as in the file, made where they are missing."""
	names = list(dict.fromkeys(name for above, below, _n in AS1 for name in (above, below)))
	wanted = bindparam("numbers", names, type_=ARRAY(Text()))
	rows = await work.execute(select(Item.number, Item.id).where(Item.number == any_(wanted)))
	held = {row.number: row.id for row in rows.all()}
	above = {line[0] for line in AS1}
	made: dict[str, str] = {}
	for name in names:
		if name in held:
			continue
		kind = "manufactured" if name in above or name not in BOUGHT else "purchased"
		item = await products.create(
			work,
			ProductIn.model_validate(
				{
					"product_name": name,
					"product_number": name,
					"product_type": kind,
					"product_description": "From the STEP example as1-oc-214",
				}
			),
		)
		made[name] = item.id
	parts = {name: held.get(name) or made[name] for name in names}
	for parent, child, quantity in AS1:
		if parent in made:
			line = LineIn.model_validate({"product_id": parts[child], "quantity": quantity})
			await structures.add_line(work, parts[parent], line)
	return {f"as1:{name}": product for name, product in parts.items()}


async def _materials(work: Work) -> None:
	known = set(await work.scalars(select(MaterialName.key)))
	for material in MATERIALS:
		if key_of(material["name"]) not in known:
			given = {**material, "region": "GB", "is_estimate": True}
			await materials.create(work, MaterialIn.model_validate(given))


def estimates() -> list[dict[str, str]]:
	"""The rows of `estimates.csv`."""
	text = files("apg.demo").joinpath("estimates.csv").read_text("utf-8")
	return list(csv.DictReader(text.splitlines()))


async def _estimates(work: Work, parts: Mapping[str, str]) -> int:
	"""Mass and material of parts that have neither, and records of processes."""
	rows = estimates()
	keys = [row["part"].removeprefix("inventree:") for row in rows]
	wanted = bindparam("keys", keys, type_=ARRAY(Text()))
	found = await work.execute(
		select(Identifier.value, Identifier.item_id).where(
			Identifier.scheme == "inventree", Identifier.value == any_(wanted)
		)
	)
	place = {f"inventree:{row.value}": row.item_id for row in found.all()} | dict(parts)
	current = await _current(work, list(place.values()))
	recorded = await _recorded(work, [one.id for one in current.values()])
	made = 0
	for row in rows:
		product = place.get(row["part"])
		if product is None:
			continue
		held = current[product]
		if row["mass"] and held.mass is None:
			attributes = {
				**held.attributes,
				ESTIMATED: ["mass", "material"],
				"estimate": row["assumption"],
			}
			patch = {
				"mass": row["mass"],
				"mass_unit": row["mass_unit"],
				"material": row["material"],
				"custom_attributes": attributes,
			}
			await products.change(work, product, ProductPatch.model_validate(patch))
			made += 1
		if row["activity_code"] and held.id not in recorded:
			await activities.record(work, _process(product, held.id, row))
	return made


async def _current(work: Work, product_ids: list[str]) -> dict[str, Revision]:
	"""The current revision of each product."""
	ids = bindparam("ids", product_ids, type_=ARRAY(id_type))
	found = await work.scalars(
		select(Revision)
		.join(Item, Item.current_revision_id == Revision.id)
		.where(Item.id == any_(ids))
	)
	return {one.item_id: one for one in found}


async def _recorded(work: Work, revision_ids: list[str]) -> set[str]:
	"""Those of the revisions that have records."""
	row = ActivityRecord
	ids = bindparam("ids", revision_ids, type_=ARRAY(id_type))
	return set(await work.scalars(select(row.revision_id).where(row.revision_id == any_(ids))))


def _process(product_id: str, revision_id: str, row: Mapping[str, str]) -> ActivityIn:
	return ActivityIn.model_validate(
		{
			"kind": "product",
			"product_id": product_id,
			"revision_id": revision_id,
			"activity_code": row["activity_code"],
			"quantity": row["quantity"],
			"unit": row["unit"],
			"period_start": datetime(DAY.year, 1, 1, tzinfo=UTC),
			"period_end": datetime(DAY.year + 1, 1, 1, tzinfo=UTC),
			"region": "GB",
			"stage": row["stage"],
			"quality": "estimated",
			"estimate_method": row["assumption"],
			"data_source": "estimates of the demo",
		}
	)


async def _energy(work: Work) -> int:
	"""Three years of monthly readings at two sites, once."""
	codes = [site["code"] for site in SITES]
	wanted = bindparam("codes", codes, type_=ARRAY(Text()))
	held = set(await work.scalars(select(Site.code).where(Site.code == any_(wanted))))
	for site in SITES:
		if site["code"] not in held:
			await sites.create(work, SiteIn.model_validate(site))
	row = ActivityRecord
	if await work.scalar(select(row.id).where(row.data_source == MADE_UP).limit(1)):
		return 0
	dice = random.Random(SEED)
	rows: list[ActivityIn] = []
	for code, activity, unit, level, winter, meter in METERS:
		for place in range(12 * YEARS):
			start, end = _month(place), _month(place + 1)
			cold = 1 if start.month in (11, 12, 1, 2, 3) else -1 if start.month in (6, 7, 8) else 0
			value = level * (1 - 0.004 * place) * (1 + winter * cold + dice.gauss(0, 0.03))
			rows.append(
				ActivityIn.model_validate(
					{
						"kind": "site",
						"site_code": code,
						"activity_code": activity,
						"quantity": Decimal(f"{max(0.0, value):.1f}"),
						"unit": unit,
						"period_start": start,
						"period_end": end,
						"quality": "estimated",
						"estimate_method": MADE_UP,
						"meter": meter,
						"data_source": MADE_UP,
					}
				)
			)
	await activities.record_many(work, rows)
	return len(rows)


def _month(place: int) -> datetime:
	return datetime(FIRST_YEAR + place // 12, place % 12 + 1, 1, tzinfo=UTC)


async def _footprints(work: Work, parts: Mapping[str, str]) -> int:
	"""The footprints of the two products, where none is on record."""
	key = DEEPEST.removeprefix("inventree:")
	deepest = await work.scalar(
		select(Identifier.item_id).where(Identifier.scheme == "inventree", Identifier.value == key)
	)
	made = 0
	for product in (parts[f"as1:{WHOLE}"], deepest):
		if product is None:
			continue
		if await work.scalar(select(Footprint.id).where(Footprint.product_id == product).limit(1)):
			continue
		await footprints.create(work, FootprintIn(product_id=product, day=DAY))
		made += 1
	return made
