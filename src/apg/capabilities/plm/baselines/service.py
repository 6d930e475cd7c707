"""What can be done with baselines: make one, check that it holds, compare it. Never change it."""

from typing import Any

from sqlalchemy import select, text

from apg.capabilities.plm.baselines.making import Taken, taken
from apg.capabilities.plm.baselines.merkle import merkle_hashes
from apg.capabilities.plm.baselines.models import Baseline, BaselineLine, BaselineMember
from apg.capabilities.plm.baselines.schemas import BaselineIn
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.structures import answers, comparing
from apg.capabilities.plm.structures.demands import DemandIn, rule_of
from apg.capabilities.plm.structures.reading import HeadRow, head_of
from apg.capabilities.plm.structures.rules import AnyRule, Demand, Rule, View
from apg.capabilities.plm.structures.tree import demanded
from apg.kernel.database import AnySelect
from apg.kernel.errors import Invalid, NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.rows import insert_rows
from apg.kernel.stamps import is_id, new_id
from apg.kernel.texts import _
from apg.kernel.web.wire import moment_text
from apg.kernel.work import Work


def select_baselines() -> AnySelect:
	"""All baselines, the newest first; the root's name as it was."""
	root = BaselineMember
	return (
		select(
			Baseline.id.label("baseline_id"),
			Baseline.number.label("number"),
			Baseline.title.label("title"),
			Baseline.note.label("note"),
			Baseline.item_id.label("product_id"),
			root.number.label("product_number"),
			root.name.label("product_name"),
			Baseline.revision_id.label("revision_id"),
			root.label.label("revision"),
			Baseline.view.label("view"),
			Baseline.rule.label("rule"),
			Baseline.demand.label("demand"),
			Baseline.member_count.label("member_count"),
			Baseline.line_count.label("line_count"),
			Baseline.merkle_hash.label("merkle_hash"),
			Baseline.created_at.label("created_at"),
			Baseline.created_by.label("created_by"),
			Baseline.version.label("etag"),
		)
		.join(root, (root.baseline_id == Baseline.id) & (root.node_id == Baseline.revision_id))
		.order_by(Baseline.created_at.desc(), Baseline.id.desc())
	)


async def page(work: Work, *, number: int, size: int, product_id: str | None = None) -> Page:
	"""Of one product only where one is named."""
	statement = select_baselines()
	if product_id is not None:
		statement = statement.where(Baseline.item_id == product_id)
	return await work.read_list(statement, limit=size, offset=(number - 1) * size)


async def named(work: Work, name: str) -> Baseline:
	"""By id or number. Raises NotFound."""
	chosen = (Baseline.id == name) if is_id(name) else (Baseline.number == name)
	found = await work.session.scalar(select(Baseline).where(chosen))
	if found is None:
		raise NotFound(_("{what} not found", what=_("baseline")))
	return found


async def read(work: Work, name: str) -> One:
	"""By id or number. Raises NotFound."""
	found = await named(work, name)
	return await work.read_one(select_baselines().where(Baseline.id == found.id), Baseline)


async def create(work: Work, new: BaselineIn) -> Baseline:
	"""Resolves a structure and keeps it for good.

	Raises Invalid for an unknown product or a rule that lacks something, NotFound where nothing is
	effective, StructureCycle, BaselineRefused for retired products, Conflict for a number that is
	taken.
	"""
	product_id = await _product(work, new)
	rule = await rule_of(work, product_id, new)
	await lock_structures(work)  # nobody changes a line between two reads of it
	head = await head_of(work, product_id, revision=new.revision, rule=rule)
	held = await taken(work, head.revision_id, rule, new.view)
	hashes = merkle_hashes({each["node_id"]: each for each in held.members}, held.lines)
	made = work.add(
		Baseline(
			id=new_id(),
			number=new.number or await _next_number(work),
			title=new.title,
			note=new.note or None,
			item_id=head.product_id,
			revision_id=head.revision_id,
			view=new.view,
			rule=str(rule),
			demand=_told(rule),
			member_count=len(held.members),
			line_count=len(held.lines),
			merkle_hash=hashes[head.revision_id],
		)
	)
	await work.flush()
	await _keep(work, made.id, held, hashes)
	return made


async def _keep(work: Work, baseline_id: str, held: Taken, hashes: dict[str, str]) -> None:
	await insert_rows(
		work,
		BaselineMember,
		[
			{**each, "baseline_id": baseline_id, "merkle_hash": hashes[each["node_id"]]}
			for each in held.members
		],
	)
	await insert_rows(
		work, BaselineLine, [{**each, "baseline_id": baseline_id} for each in held.lines]
	)


async def _product(work: Work, new: BaselineIn) -> str:
	if (new.product_id is None) == (new.product_number is None):
		raise Invalid.one("product_number", _("Name one product by its number, or by product_id."))
	chosen = Item.id == new.product_id if new.product_id else Item.number == new.product_number
	found = await work.scalar(select(Item.id).where(chosen, ~Item.is_deleted))
	if found is None:
		field = "product_id" if new.product_id else "product_number"
		name = new.product_id or new.product_number
		raise Invalid.one(field, _("There is no product {name}.", name=name), "unknown")
	return found


def _told(rule: AnyRule) -> dict[str, Any]:
	given = {name: value for name, value in demanded(rule).items() if value is not None}
	if "at" in given:
		given["at"] = moment_text(given["at"])
	return given


_COUNT = text(
	"insert into plm_number_series (id, tenant_id, class_path, prefix, width, next_number, "
	"created_at, updated_at) values (gen_random_uuid(), :tenant, '#baselines', 'BL-', 6, 2, now(), "
	"now()) on conflict (tenant_id, class_path) do update "
	"set next_number = plm_number_series.next_number + 1, updated_at = now() "
	"returning prefix || lpad((next_number - 1)::text, greatest(width, "
	"length((next_number - 1)::text)), '0')"
)


async def _next_number(work: Work) -> str:
	"""The next number nobody typed before; two callers never get the same."""
	while True:
		number = await work.scalar(_COUNT, {"tenant": work.principal.tenant_id})
		if await work.scalar(select(Baseline.id).where(Baseline.number == number)) is None:
			return number


# -- checking and comparing --------------------------------------------------------------------


async def verified(work: Work, name: str) -> dict[str, Any]:
	"""Reads all that is stored, hashes it anew and holds it against the record. Raises NotFound."""
	held = await named(work, name)
	members = await work.execute(
		select(*BaselineMember.__table__.c).where(BaselineMember.baseline_id == held.id)
	)
	lines = await work.execute(
		select(*BaselineLine.__table__.c).where(BaselineLine.baseline_id == held.id)
	)
	by_node = {row["node_id"]: row for row in members.mappings()}
	every = list(lines.mappings())
	again = merkle_hashes(by_node, every).get(held.revision_id, "")
	return {
		"baseline_id": held.id,
		"number": held.number,
		"recorded_hash": held.merkle_hash,
		"resolved_hash": again,
		"holds": again == held.merkle_hash
		and (len(by_node), len(every)) == (held.member_count, held.line_count),
		"members": len(by_node),
		"lines": len(every),
	}


def demand_of(held: Baseline) -> Demand:
	"""The rule that reads a structure out of the baseline."""
	return Demand(Rule.BASELINE, baseline=held.id)


TODAY = "today"


async def other_side(work: Work, held: Baseline, name: str) -> tuple[HeadRow, AnyRule]:
	"""What a baseline is compared with: `today`, another baseline by number or id, or a revision of
	its product by label or id. Raises NotFound."""
	if name == TODAY:
		return await head_of(work, held.item_id), Rule.DEFAULT
	chosen = (Baseline.id == name) if is_id(name) else (Baseline.number == name)
	found = await work.session.scalar(select(Baseline).where(chosen))
	if found is not None:
		rule = demand_of(found)
		return await head_of(work, found.item_id, revision=found.revision_id, rule=rule), rule
	try:
		return await head_of(work, held.item_id, revision=name), Rule.DEFAULT
	except NotFound:
		raise NotFound(
			_("There is neither a baseline nor a revision {name} to compare with.", name=name)
		) from None


async def comparison(work: Work, name: str, other: str, *, depth: int) -> dict[str, Any]:
	"""What turns the baseline into the other side. Raises NotFound."""
	held = await named(work, name)
	rule = demand_of(held)
	before = await head_of(work, held.item_id, revision=held.revision_id, rule=rule)
	after, other_rule = await other_side(work, held, other)
	return await comparing.compared(
		work, before, after, rules=(rule, other_rule), view=View(held.view), depth=depth
	)


async def structure(work: Work, name: str, *, depth: int) -> dict[str, Any]:
	"""The structure the baseline holds, to a depth. Raises NotFound."""
	held = await named(work, name)
	given = DemandIn(baseline=held.id)
	rule = await rule_of(work, held.item_id, given)
	found, _etag = await answers.structure(
		work,
		held.item_id,
		revision=held.revision_id,
		rule=rule,
		view=View(held.view),
		depth=depth,
	)
	return found


async def siblings(work: Work, product_id: str, but: str) -> list[tuple[str, str]]:
	"""What a baseline of the product may be compared with: today, other baselines, its revisions."""
	others = await work.execute(
		select(Baseline.number, Baseline.title)
		.where(Baseline.item_id == product_id, Baseline.id != but)
		.order_by(Baseline.created_at.desc())
		.limit(100)
	)
	revisions = await work.execute(
		select(Revision.id, Revision.label, Revision.state)
		.where(Revision.item_id == product_id, Revision.state != "cancelled")
		.order_by(Revision.ordinal.desc())
		.limit(100)
	)
	return [
		(TODAY, _("today")),
		*((row.number, f"{row.number} · {row.title}") for row in others),
		*((row.id, f"{_('revision')} {row.label} · {row.state}") for row in revisions),
	]
