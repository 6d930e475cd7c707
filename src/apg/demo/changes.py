"""Changes of the demo company: one released order with the baseline before it, one that waits.

The second swaps a part of the InvenTree set, the wooden leg of two tables and a chair, for a cheaper
one of steel. Cost falls, carbon rises, a policy fires, two of three people have signed: the third is
the administrator. Figures that the set lacks are estimates and say so; the hand calculation of the
deltas stands in `tests/demo/test_changes.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.capabilities.plm.baselines import service as baselines
from apg.capabilities.plm.baselines.schemas import BaselineIn
from apg.capabilities.plm.changes import implementing, package
from apg.capabilities.plm.changes import service as changes
from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.changes.schemas import (
	AffectedIn,
	ApproveIn,
	ChangeIn,
	ImplementIn,
	ReplaceIn,
)
from apg.capabilities.plm.impact import service as impacts
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.policies import service as policies
from apg.capabilities.plm.policies.schemas import PolicyIn
from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.models import Identifier, Item
from apg.capabilities.plm.products.schemas import CostIn, ProductIn
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.contents import ESTIMATED
from apg.capabilities.plm.structures.models import Line
from apg.capabilities.plm.structures.schemas import LinePatch
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import Work, open_work
from apg.platform.auth.confirmations import service as confirmations
from apg.platform.auth.confirmations.schemas import ConfirmIn

# primary keys of the parts in the InvenTree set
LEG, SCREW, ROUND_TOP, SQUARE_TOP = "95", "98", "96", "97"
ROUND_TABLE, SQUARE_TABLE, CHAIR = "94", "102", "106"
STEEL_LEG = "LEG-STEEL"
# Tops have no price in the set: EUR each.
TOPS = {ROUND_TOP: "42.00", SQUARE_TOP: "45.00"}
ESTIMATE = "estimate of the demo"

POLICY: dict[str, Any] = {
	"name": "Carbon of what we sell",
	"expression": "delta(co2e) > 2 %",
	"effect": "stage",
	"role": "plm_management_approver",
	"explanation": "More than two per cent of carbon on top is for management to decide.",
}
FIRST: dict[str, Any] = {
	"change_title": "Screws of the chair come in bags of eight",
	"change_description": "A whole bag goes with each chair; what is left of it is spare.",
	"change_type": "design",
	"reason_for_change": "Chairs came back for a lost screw",
	"business_impact": "Three screws more for each chair",
}
SECOND: dict[str, Any] = {
	"change_title": "Legs of steel instead of wood",
	"change_description": "A leg of steel tube for both tables and the chair; the round table stands "
	"on three of them. Painted ones keep their legs of wood.",
	"change_type": "quality_improvement",
	"reason_for_change": "Wooden legs warp, and cost more",
	"business_impact": "Cheaper and lighter; see the impact for what it does to carbon",
}


@dataclass(frozen=True, slots=True)
class Signer:
	"""Somebody who can sign: his account and the password that confirms it."""

	user_id: str
	password: str


@dataclass(frozen=True, slots=True)
class Company:
	"""The demo company and its people by their role in the story."""

	runtime: Runtime
	tenant_id: str
	people: Mapping[str, Signer]

	async def principal(self, who: str) -> Principal:
		authenticator = self.runtime.state["authenticator"]
		return await authenticator.principal_of(self.tenant_id, self.people[who].user_id)


async def load(company: Company) -> str:
	"""Makes both orders once."""
	engineer = await company.principal("engineer")
	action = "plm.changes.create"
	async with open_work(company.runtime, engineer, action=action, origin="cli") as work:
		titles = (FIRST["change_title"], SECOND["change_title"])
		held = bindparam("titles", list(titles), type_=ARRAY(Text()))
		if await work.scalar(select(Change.id).where(Change.title == any_(held)).limit(1)):
			return "no change"
		parts = await _parts(work)
		if parts is None:
			return "no change, because the furniture of the set is missing"
		await _released(work, parts)
		first = await _first(work, parts)
	await _sign(company, "technical", first, "Tried on ten chairs")
	async with open_work(
		company.runtime,
		await company.principal("administrator"),
		action="plm.changes.implement",
		origin="cli",
	) as work:
		await implementing.implement(work, first, ImplementIn())
		await policies.add(work, PolicyIn.model_validate(POLICY))
	async with open_work(company.runtime, engineer, action=action, origin="cli") as work:
		second = await _second(work, parts)
	await _sign(company, "technical", second, "Stands firm; tried with 150 kg")
	await _sign(company, "quality", second, "No leg warps. Look at the carbon before you decide")
	return "2 changes, 1 baseline, 1 policy"


async def _parts(work: Work) -> dict[str, str] | None:
	"""The ids of the furniture by its keys in the set."""
	keys = [LEG, SCREW, ROUND_TOP, SQUARE_TOP, ROUND_TABLE, SQUARE_TABLE, CHAIR]
	wanted = bindparam("keys", keys, type_=ARRAY(Text()))
	rows = await work.execute(
		select(Identifier.value, Identifier.item_id).where(
			Identifier.scheme == "inventree", Identifier.value == any_(wanted)
		)
	)
	found = {row.value: row.item_id for row in rows.all()}
	return found if len(found) == len(keys) else None


async def _released(work: Work, parts: Mapping[str, str]) -> None:
	"""The furniture as it is sold today, with prices of its tops."""
	for top, amount in TOPS.items():
		cost = {"amount": amount, "currency": "EUR", "source": ESTIMATE}
		await products.add_cost(work, parts[top], CostIn.model_validate(cost))
	await lock_structures(work)
	wanted = bindparam("items", list(parts.values()), type_=ARRAY(Item.id.type))
	current = await work.scalars(select(Item.current_revision_id).where(Item.id == any_(wanted)))
	await moves.release(work, current)


async def _first(work: Work, parts: Mapping[str, str]) -> str:
	"""Baseline, order, redline, submission: whole bags of screws for the chair."""
	chair = parts[CHAIR]
	given = {"product_id": chair, "title": "Chair before whole bags of screws"}
	await baselines.create(work, BaselineIn.model_validate(given))
	change = await changes.create(
		work, ChangeIn.model_validate({**FIRST, "affected_products": [chair]})
	)
	# Not the quantity: the set, read again, finds its own line unchanged.
	await _redline(work, change, chair, parts[SCREW], rounding_multiple=8)
	await package.refresh(work, change)
	await impacts.record(work, change, "edited")
	await changes.submit(work, change.id)
	return change.id


async def _second(work: Work, parts: Mapping[str, str]) -> str:
	"""A new leg, put in place of the old one in the three products without paint."""
	leg = await products.create(
		work,
		ProductIn.model_validate(
			{
				"product_name": "Leg, steel tube",
				"product_number": STEEL_LEG,
				"product_type": "purchased",
				"product_description": "Tube of 30 mm, powder coated, with a plate of four holes",
				"mass": "0.9",
				"mass_unit": "kg",
				"material": "Steel",
				"current_cost": "9.90",
				"currency": "USD",
				"custom_attributes": {
					ESTIMATED: ["mass", "material"],
					"estimate": "Tube 30 x 1.5 mm, 700 mm long, and a plate, at 7850 kg per m3",
				},
			}
		),
	)
	change = await changes.create(work, ChangeIn.model_validate(SECOND))
	await changes.add_items(work, change.id, [AffectedIn(product_id=leg.id)])
	above = [parts[key] for key in (ROUND_TABLE, SQUARE_TABLE, CHAIR)]
	swap = ReplaceIn(product_id=parts[LEG], with_product_id=leg.id, parents=above)
	await changes.replace_everywhere(work, change.id, swap)
	table = parts[ROUND_TABLE]
	await _redline(work, change, table, leg.id, quantity=3)
	await _redline(work, change, table, parts[SCREW], quantity=9)
	await package.refresh(work, change)
	await impacts.record(work, change, "edited")
	await changes.submit(work, change.id)
	return change.id


async def _redline(work: Work, change: Change, parent: str, child: str, **given: int) -> None:
	"""Other values for the line of a child in the order's revision of a product."""
	row = (
		await work.execute(
			select(Line.line_uid, Line.parent_revision_id)
			.join(ChangeItem, ChangeItem.to_revision_id == Line.parent_revision_id)
			.where(
				ChangeItem.change_id == change.id,
				ChangeItem.item_id == parent,
				Line.child_item_id == child,
			)
		)
	).one()
	patch = LinePatch.model_validate(given)
	await structures.change_line(work, parent, row.line_uid, patch, row.parent_revision_id)


async def _sign(company: Company, who: str, change_id: str, comments: str) -> None:
	"""One person confirms himself and approves."""
	signer = await company.principal(who)
	async with open_work(
		company.runtime, signer, action="plm.changes.approve", origin="cli"
	) as work:
		change = await changes.found(work, change_id)
		given = {"subject": change.package_hash, "password": company.people[who].password}
		proof = await confirmations.confirm(work, ConfirmIn.model_validate(given))
		signed = ApproveIn(comments=comments, proof=proof.text)
		await changes.approve(work, change_id, signed)
