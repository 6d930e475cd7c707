"""Any order of deeds on two orders keeps the invariants of a release."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import text
from tests.capabilities.plm.changes.conftest import Company

from apg.kernel.work import open_work

DEEDS = ("redline", "submit", "sign", "return", "hold", "resume", "implement", "rebase", "cancel")

# What leads on from a state; a quarter of all deeds are any, also those that are refused.
FITTING = {
	"draft": ("redline", "rebase", "submit", "submit"),
	"submitted": ("sign", "sign", "sign", "return"),
	"under_review": ("sign", "sign", "sign", "hold"),
	"approved": ("implement", "implement", "hold"),
	"on_hold": ("resume",),
}

# Each query names what must never be: rows of it are violations.
NEVER = {
	"two released revisions of one product": """
		select item_id from plm_revisions where state = 'released' group by item_id having count(*) > 1
	""",
	"a released revision with a child that is not released": """
		select l.id from plm_lines l join plm_revisions r on r.id = l.parent_revision_id
		where r.state = 'released' and not exists (select from plm_revisions c
			where c.item_id = l.child_item_id and c.state = 'released')
	""",
	"a revision of an order that is released without it": """
		select r.id from plm_change_items i join plm_changes c on c.id = i.change_id
		join plm_revisions r on r.id = i.to_revision_id
		where r.state in ('released', 'superseded') and c.status not in ('implemented', 'closed')
	""",
	"an order half released": """
		select c.id from plm_changes c join plm_change_items i on i.change_id = c.id
		join plm_revisions r on r.id = i.to_revision_id
		where c.status = 'implemented' and r.state not in ('released', 'superseded')
	""",
	"content that moves while it is approved": """
		select c.id from plm_changes c join plm_change_items i on i.change_id = c.id
		join plm_revisions r on r.id = i.to_revision_id
		where c.status in ('submitted', 'under_review', 'approved', 'on_hold')
		and r.state <> 'in_review'
	""",
	"a signature that counts for another package": """
		select a.id from plm_change_approvals a join plm_approval_stages s on s.id = a.stage_id
		join plm_changes c on c.id = a.change_id where a.decision = 'approved'
		and s.round = c.round and s.state <> 'void' and a.package_hash <> c.package_hash
	""",
	"an author who signed": """
		select a.id from plm_change_approvals a join plm_changes c on c.id = a.change_id
		where a.decision = 'approved' and a.user_id in (c.created_by, c.submitted_by)
	""",
	"approved with somebody still asked": """
		select c.id from plm_changes c join plm_approval_stages s on s.change_id = c.id
		where c.status in ('approved', 'implemented') and s.round = c.round
		and s.state in ('open', 'waiting')
	""",
	"two revisions of one label": """
		select item_id from plm_revisions where state in ('released', 'superseded', 'obsolete')
		group by item_id, label having count(*) > 1
	""",
}


async def violated(company: Company) -> list[str]:
	principal = company.admin.principal
	assert principal is not None
	async with open_work(
		company.runtime, principal, action="t", origin="task", read_only=True
	) as work:
		return [
			name
			for name, query in NEVER.items()
			if (await work.execute(text(query))).first() is not None
		]


async def do(company: Company, deed: str, change_id: str, chance: random.Random) -> Any:
	author = company.author
	match deed:
		case "redline":
			return await author.redlined(
				change_id, "bracket", "screw", quantity=chance.randint(1, 9)
			)
		case "sign":
			if (await author.seen(change_id))["package_hash"] is None:
				return await company.ada.do(change_id, "approve", {"proof": "x"})
			return await chance.choice((company.ada, company.ben)).sign(change_id)
		case "implement":
			return await company.manager.do(change_id, "implement")
		case "rebase":
			path = f"items/{author.ids['bracket']}/rebase"
			looked = await author.do(change_id, path, {})
			if looked.status != 200:
				return looked
			choices = [
				{"line_uid": c["line_uid"], "field": c["field"], "side": "mine"}
				for c in looked.data["clashes"]
			]
			return await author.do(change_id, path, {"choices": choices})
		case "return":
			return await author.do(change_id, "return", {"comments": "again"})
		case _:
			return await author.do(change_id, deed)


@pytest.mark.parametrize("seed", range(3))
async def test_no_order_of_deeds_breaks_an_invariant(stocked: Company, seed: int):
	chance = random.Random(seed)
	orders = [await stocked.author.raised("bracket") for _n in range(2)]
	taken: set[str] = set()
	for step in range(30):
		change_id = chance.choice(orders)
		status = (await stocked.author.seen(change_id))["status"]
		fitting = FITTING.get(status, DEEDS) if chance.random() < 0.75 else DEEDS[:8]
		deed = "cancel" if step == 28 else chance.choice(fitting)
		if chance.random() < 0.15:
			other = orders[1 - orders.index(change_id)]
			answers = await asyncio.gather(
				do(stocked, deed, change_id, chance), do(stocked, deed, other, chance)
			)
		else:
			answers = [await do(stocked, deed, change_id, chance)]
		for answer in answers:
			assert answer.status in (200, 201, 400, 403, 404, 409, 503), answer.response.text
			if answer.status == 200:
				taken.add(deed)
		assert await violated(stocked) == [], (seed, step, deed)
	assert {"submit", "sign"} <= taken
