"""Which revision a floating line means, and which lines a view shows; the SQL that says so."""

# ruff: noqa: S608 - constants of ours; ids are checked, numbers and moments are typed
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from apg.kernel.stamps import is_id
from apg.kernel.web.wire import moment_text


class Rule(StrEnum):
	"""How floating links are resolved.

	default: the latest released revision, else the latest working one.
	latest_working: the open revision where there is one, else the default.
	latest_released: released revisions alone; an item without one has no content.
	as_of, unit, lot: what is effective at a moment, for a unit or a lot of an end item (see Demand).
	baseline: what the baseline holds, and nothing else.
	"""

	DEFAULT = "default"
	LATEST_WORKING = "latest_working"
	LATEST_RELEASED = "latest_released"
	AS_OF = "as_of"
	UNIT = "unit"
	LOT = "lot"
	BASELINE = "baseline"


PLAIN = (Rule.DEFAULT, Rule.LATEST_WORKING, Rule.LATEST_RELEASED)


class View(StrEnum):
	ENGINEERING = "engineering"
	MANUFACTURING = "manufacturing"
	SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Demand:
	"""A rule and what it is asked for: the demand's moment, unit or lot, never the present one.

	`context` is the end item whose dates, units and lots are meant; a range for it beats one for
	every context. `at` beside a unit or lot decides where no unit or lot was recorded.
	"""

	rule: Rule
	at: datetime | None = None
	number: int | None = None
	context: str | None = None
	baseline: str | None = None

	def __str__(self) -> str:
		return str(self.rule)


AnyRule = Rule | Demand

OPEN = "('working', 'in_review')"
LIVE = "('working', 'in_review', 'released')"
FIXED = "('released', 'superseded', 'obsolete')"

_OPEN_ONE = f"""(
	select o.id from plm_revisions o where o.tenant_id = i.tenant_id and o.item_id = i.id
	and o.state in {OPEN} order by o.ordinal desc limit 1)"""
_RELEASED_ONE = (
	"(select o.id from plm_revisions o where o.tenant_id = i.tenant_id and o.item_id = i.id "
	"and o.state = 'released')"
)

# The revision that stands for the item `i` under a rule; null when there is none.
PICKS: dict[Rule, str] = {
	Rule.DEFAULT: "i.current_revision_id",
	Rule.LATEST_WORKING: f"coalesce({_OPEN_ONE}, i.current_revision_id)",
	Rule.LATEST_RELEASED: _RELEASED_ONE,
}


def pick_of(rule: AnyRule) -> str:
	"""The SQL of the revision that stands for the item `i`; null when there is none."""
	if isinstance(rule, Demand):
		return "null::uuid" if rule.rule is Rule.BASELINE else _effective(rule)
	return PICKS[rule]


def _effective(demand: Demand) -> str:
	"""What is effective: in the context, else in every context, else the latest release before the
	moment that has no range of its own. The database lets no two ranges overlap, so each is one."""
	context = f"'{demand.context}'::uuid" if demand.context and is_id(demand.context) else "i.id"
	column = {Rule.UNIT: "units", Rule.LOT: "lots"}.get(demand.rule, "dates")
	ways: list[str] = []
	tests: list[str] = []
	if demand.rule is not Rule.AS_OF:
		tests.append(f"e.{column} @> {int(demand.number or 0)}::bigint")
	moment = f"'{moment_text(demand.at)}'::timestamptz" if demand.at is not None else None
	if moment is not None:
		tests.append(f"e.dates @> {moment}")
	for test in tests:
		for place in (context, "i.id") if context != "i.id" else ("i.id",):
			ways.append(
				"(select e.revision_id from plm_effectivities e where e.tenant_id = i.tenant_id "
				f"and e.item_id = i.id and e.context_item_id = {place} and {test})"
			)
	before = f"and o.released_at <= {moment} " if moment is not None else ""
	kinds = dict.fromkeys((column, "dates") if moment is not None else (column,))
	ranged = " or ".join(f"e.{kind} is not null" for kind in kinds)
	ways.append(
		"(select o.id from plm_revisions o where o.tenant_id = i.tenant_id and o.item_id = i.id "
		f"and o.state in {FIXED} {before}and not exists (select from plm_effectivities e "
		"where e.tenant_id = o.tenant_id and e.revision_id = o.id "
		f"and e.context_item_id in (i.id, {context}) and ({ranged})) "
		"order by o.released_at desc, o.ordinal desc limit 1)"
	)
	return f"coalesce({', '.join(ways)})"


@dataclass(frozen=True, slots=True)
class Source:
	"""Where lines, items and revisions are read from: the tables, or a baseline's copies of them."""

	lines: str = "plm_lines"
	items: str = "plm_items"
	revisions: str = "plm_revisions"
	pinned: str = "l.child_revision_id is not null"
	substitute_count: str = "(select count(*) from plm_line_substitutes x where x.line_id = l.id)"


_LIVE_SOURCE = Source()


@lru_cache(256)
def source_of(rule: AnyRule) -> Source:
	"""The names to put after `from` and `join`, each followed by an alias."""
	if not isinstance(rule, Demand) or rule.rule is not Rule.BASELINE:
		return _LIVE_SOURCE
	if rule.baseline is None or not is_id(rule.baseline):
		raise ValueError("a baseline is named by its id")
	held = f"m.baseline_id = '{rule.baseline}'::uuid"
	return Source(
		lines=f"(select m.* from plm_baseline_lines m where {held})",
		items=(
			"(select m.tenant_id, m.item_id as id, m.number, m.product_type, m.lifecycle_phase, "
			"m.unit_of_measure, m.node_id as current_revision_id, false as is_deleted, "
			"true as is_active, null::numeric as target_cost, null::text as target_currency, "
			f"1 as version from plm_baseline_members m where {held} and m.is_first)"
		),
		revisions=(
			"(select m.tenant_id, m.node_id as id, m.item_id, m.name, m.label, m.state, "
			"m.description, m.attributes, m.mass, m.mass_unit, m.material, 1 as ordinal, "
			f"1 as version from plm_baseline_members m where {held})"
		),
		pinned="l.is_pinned",
		substitute_count="jsonb_array_length(l.substitutes)",
	)
