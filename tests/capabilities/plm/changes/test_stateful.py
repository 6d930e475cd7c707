"""Any order of deeds on two orders of one product keeps the twelve invariants of a release.

A machine of Hypothesis chooses what is done next; after each step the database is asked for what must
never be there. `pytest -m soak` lets it run long.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import event, select, text
from tests.capabilities.plm.changes.conftest import CHANGES, Company

from apg.capabilities.plm.baselines import service as baselines
from apg.capabilities.plm.changes import implementing
from apg.capabilities.plm.changes.schemas import ImplementIn
from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.revisions.content import hashes_of
from apg.kernel.errors import AppError
from apg.kernel.work import Origin, Work, open_work

# What leads on from a state; one of six deeds is any, also those that are refused.
FITTING = {
	"draft": ("redline", "rebase", "submit", "submit"),
	"submitted": ("sign", "sign", "sign", "edit"),
	"under_review": ("sign", "sign", "sign", "hold"),
	"approved": ("implement", "implement", "crash", "hold"),
	"on_hold": ("resume",),
}
STRAIGHT = (("rebase", 0), ("submit", 0), ("sign", 0), ("sign", 1), ("implement", 0))
DEEDS = (
	*("redline", "edit", "submit", "sign", "reject", "return", "hold", "resume", "implement"),
	*("crash", "rebase", "cancel", "close"),
)

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
	"an order released from another base than the one before": """
		select i.id from plm_change_items i join plm_changes c on c.id = i.change_id
		join plm_revisions r on r.id = i.to_revision_id
		where c.status = 'implemented' and c.kind = 'change_order'
		and r.supersedes_id is distinct from i.from_revision_id
	""",
	"a product that contains itself": """
		with recursive edges as materialized (
			select r.item_id as above, l.child_item_id as below from plm_lines l
			join plm_revisions r on r.id = l.parent_revision_id where r.state = 'released'),
		reach as (select above, below from edges union
			select reach.above, edges.below from reach join edges on edges.above = reach.below)
		select above from reach where above = below
	""",
	"two revisions effective at one moment": """
		select a.id from plm_effectivities a join plm_effectivities b on b.item_id = a.item_id
			and b.context_item_id = a.context_item_id and b.id > a.id and b.dates && a.dates
	""",
	"one number twice": """
		select number from plm_changes group by number having count(*) > 1
	""",
}


class BrokenOff(BaseException):
	"""A process that dies in the middle of a transaction."""


class Deeds:
	"""What people do to the orders of one bracket, which a frame contains four times."""

	def __init__(self, company: Company, name: str, taken: Counter[str]) -> None:
		self.taken = taken  # what was accepted on the straight way
		self.company, self.bracket, self.frame = company, f"bracket{name}", f"frame{name}"
		self.orders: list[str] = []
		self.baselines: dict[str, str] = {}

	async def begin(self) -> None:
		manager = self.company.manager
		await manager.lines({self.bracket: {"screw": 2, "plate": 1}, self.frame: {self.bracket: 4}})
		await manager.release(self.bracket, self.frame)
		# Both at once: numbers are given to one after the other.
		self.orders = list(
			await asyncio.gather(*(self.company.author.raised(self.bracket) for _n in range(2)))
		)

	async def status(self, change: str) -> str:
		return (await self.company.author.seen(change))["status"]

	async def fitting(self, change: str, chance: int) -> str:
		choices = FITTING.get(await self.status(change), DEEDS)
		return choices[chance % len(choices)]

	async def do(self, deed: str, change: str, chance: int) -> Any:
		author, company = self.company.author, self.company
		match deed:
			case "through":
				return await self.through(change)
			case "redline":
				return await author.redlined(change, self.bracket, "screw", quantity=1 + chance)
			case "edit":
				path = f"{CHANGES}/{change}"
				return await author.call("PATCH", path, {"change_title": f"Title {chance}"})
			case "sign":
				if (await author.seen(change))["package_hash"] is None:
					return await company.ada.do(change, "approve", {"proof": "x"})
				return await (company.ada if chance % 2 else company.ben).sign(change)
			case "reject":
				return await company.ada.do(change, "reject", {"comments": "no"})
			case "return":
				return await author.do(change, "return", {"comments": "again"})
			case "implement" | "close":
				return await company.manager.do(change, deed)
			case "crash":
				return await self.crash(change, 3 + 7 * chance)
			case "rebase":
				return await self.rebase(change)
			case _:
				return await author.do(change, deed)

	async def through(self, change: str) -> Any:
		"""The straight way, from wherever the order stands to where it is refused or released."""
		answer: Any = None
		status = await self.status(change)
		if status in ("rejected", "on_hold"):
			await self.do("return" if status == "rejected" else "resume", change, 0)
		for deed, chance in STRAIGHT:
			answer = await self.do(deed, change, chance)
			self.taken[deed] += answer.status < 300
		return answer

	async def rebase(self, change: str) -> Any:
		author = self.company.author
		path = f"items/{author.ids[self.bracket]}/rebase"
		looked = await author.do(change, path, {})
		if looked.status != 200:
			return looked
		choices = [
			{"line_uid": c["line_uid"], "field": c["field"], "side": "mine"}
			for c in looked.data["clashes"]
		]
		return await author.do(change, path, {"choices": choices})

	async def crash(self, change: str, left: int) -> None:
		"""A release that is broken off at a statement; everything is as before."""
		before = await self.stored()
		engine = self.company.runtime.engine.sync_engine

		def count(*_given: Any) -> None:
			nonlocal left
			left -= 1
			if left == 0:
				raise BrokenOff

		assert self.company.manager.principal is not None
		work = Work(self.company.runtime, self.company.manager.principal, "test", Origin("task"))
		event.listen(engine, "before_cursor_execute", count)
		try:
			await implementing.implement(work, change, ImplementIn())
			if left > 0:
				raise BrokenOff  # it would have been through: never committed
		except (BrokenOff, AppError):
			pass
		finally:
			event.remove(engine, "before_cursor_execute", count)
			await work.close()
		assert await self.stored() == before

	async def read(self, ask: Callable[[Work], Awaitable[Any]]) -> Any:
		principal = self.company.admin.principal
		assert principal is not None
		async with open_work(
			self.company.runtime, principal, action="t", origin="task", read_only=True
		) as work:
			return await ask(work)

	async def stored(self) -> Any:
		"""States and contents, as the database has them."""

		async def ask(work: Work) -> Any:
			return await work.scalar(text(STORED))

		return await self.read(ask)

	async def released_stand(self) -> None:
		"""Neither the API nor SQL writes what was released (1); a product is like itself (9)."""
		author = self.company.author
		rows = (await author.get(self.bracket, "/structure/lines", revision="A")).data
		path = author.path(self.bracket, f"/structure/lines/{rows[0]['line_uid']}?revision=A")
		assert (await author.call("PATCH", path, {"quantity": 77})).status == 409
		principal = self.company.admin.principal
		assert principal is not None
		for statement in POKES:
			with pytest.raises(Exception, match=r"cannot (change|go from)"):
				async with open_work(
					self.company.runtime, principal, action="t", origin="task"
				) as work:
					await work.execute(text(statement))
		same = (await author.get(self.bracket, "/compare", with_="A", revision="A")).data
		assert (same["lines"], same["attributes"]) == ([], [])

	async def no_cycle(self, change: str) -> None:
		"""What contains the bracket cannot come into it (3)."""
		answer = await self.company.author.order_line(change, self.bracket, self.frame, 1)
		assert answer.status in (400, 409), answer.response.text

	async def baseline(self) -> None:
		body = {"product_id": self.company.author.ids[self.frame], "title": "As it is"}
		made = (await self.company.manager.call("POST", "/api/v1/plm/baselines", body)).data
		self.baselines[made["baseline_id"]] = made["merkle_hash"]

	async def strangers(self, change: str, deed: str) -> None:
		"""Another company's administrator finds nothing to act on (12)."""
		outsider = self.company.outsider
		body = {"comments": "x", "proof": "x"} if deed in ("approve", "reject") else None
		assert (await outsider.do(change, deed, body)).status in (400, 404)
		assert (await outsider.call("GET", f"{CHANGES}/{change}")).status == 404
		assert (await outsider.call("GET", CHANGES)).json["pagination"]["total_count"] == 0

	async def broken(self) -> list[str]:
		"""Invariants that do not hold now."""

		async def ask(work: Work) -> list[str]:
			found = [
				name
				for name, query in NEVER.items()
				if (await work.execute(text(query))).first() is not None
			]
			fixed = Revision.state.in_(("in_review", "released", "superseded"))
			revisions = await work.scalars(select(Revision).where(fixed))
			again = await hashes_of(work, revisions)
			if any(one.content_hash != again[one.id] for one in revisions):
				found.append("content that is not what its hash says")
			for name, merkle in self.baselines.items():
				held = await baselines.verified(work, name)
				if not held["holds"] or held["resolved_hash"] != merkle:
					found.append("a baseline with another hash")
			return found

		return await self.read(ask)


STORED = """
	select json_build_object(
		'revisions', (select json_agg(concat(id, state, label, content_hash, version) order by id)
			from plm_revisions),
		'items', (select json_agg(concat(id, current_revision_id, version) order by id)
			from plm_items),
		'changes', (select json_agg(concat(id, status, package_hash, version) order by id)
			from plm_changes),
		'effective', (select count(*) from plm_effectivities),
		'lines', (select json_agg(concat(id, version) order by id) from plm_lines))
"""
_FIXED = "select id from plm_revisions where state in ('released', 'superseded')"
POKES = (
	f"update plm_lines set quantity = 99 where parent_revision_id = any(array({_FIXED}))",
	"update plm_revisions set name = 'x' where state in ('released', 'superseded')",
)


PLACE, CHANCE = st.integers(0, 1), st.integers(0, 8)


class Machine(RuleBasedStateMachine):
	"""One example: a bracket, a frame, two orders raised at once."""

	company: ClassVar[Company]
	loop: ClassVar[asyncio.AbstractEventLoop]
	examples: ClassVar[int] = 0
	taken: ClassVar[Counter[str]] = Counter()

	def __init__(self) -> None:
		super().__init__()
		Machine.examples += 1
		self.deeds = Deeds(self.company, str(Machine.examples), Machine.taken)
		if Machine.examples % 4 == 0:
			self.run(self.company.sign_in_anew())
		self.run(self.deeds.begin())

	def run(self, awaited: Any) -> Any:
		return self.loop.run_until_complete(awaited)

	def did(self, deed: str, answer: Any) -> None:
		if answer is None:
			Machine.taken[deed] += 1
			return
		assert answer.status in (200, 201, 400, 403, 404, 409, 503), answer.response.text
		if answer.status < 300:
			Machine.taken[deed] += 1

	def act(self, place: int, deed: str, chance: int, together: bool) -> None:
		orders = self.deeds.orders
		if deed == "fitting":
			deed = self.run(self.deeds.fitting(orders[place], chance))
		chosen = orders if together and deed != "crash" else [orders[place]]

		async def all_at_once() -> list[Any]:
			return await asyncio.gather(*(self.deeds.do(deed, one, chance) for one in chosen))

		for answer in self.run(all_at_once()):
			self.did(deed, answer)

	@rule(place=PLACE, chance=CHANCE, together=st.sampled_from((False,) * 4 + (True,)))
	def go_on(self, place: int, chance: int, together: bool) -> None:
		self.act(place, "fitting", chance, together)

	@rule(place=PLACE, chance=CHANCE, deed=st.sampled_from(DEEDS))
	def try_anything(self, place: int, chance: int, deed: str) -> None:
		self.act(place, deed, chance, together=False)

	@rule(place=PLACE, together=st.booleans())
	def go_through(self, place: int, together: bool) -> None:
		self.act(place, "through", 0, together)

	@rule(place=PLACE, deed=st.sampled_from(("poke", "ring", "keep", "submit", "implement")))
	def do_beside(self, place: int, deed: str) -> None:
		change = self.deeds.orders[place]
		match deed:
			case "poke":
				self.run(self.deeds.released_stand())
			case "ring":
				self.run(self.deeds.no_cycle(change))
			case "keep":
				self.run(self.deeds.baseline())
			case _:
				self.run(self.deeds.strangers(change, deed))

	@invariant()
	def nothing_is_broken(self) -> None:
		assert self.run(self.deeds.broken()) == []


@pytest.fixture
async def machine(stocked: Company) -> type[Machine]:
	Machine.company, Machine.loop = stocked, asyncio.get_running_loop()
	Machine.taken = Counter()
	return Machine


def _settings(examples: int, steps: int) -> settings:
	return settings(
		max_examples=examples,
		stateful_step_count=steps,
		deadline=None,
		derandomize=True,
		database=None,
		suppress_health_check=list(HealthCheck),
	)


def test_no_order_of_deeds_breaks_an_invariant(machine: type[Machine]) -> None:
	run_state_machine_as_test(machine, settings=_settings(5, 14))
	assert {"submit", "through"} <= set(machine.taken), machine.taken


@pytest.mark.soak
def test_no_long_order_of_deeds_breaks_an_invariant(machine: type[Machine]) -> None:
	run_state_machine_as_test(machine, settings=_settings(60, 50))
	assert {"submit", "sign", "through", "rebase", "crash"} <= set(machine.taken)
