"""The selects behind answers about structures: lines as recorded, the head, rows of a tree."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, case, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import aliased

from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.lifecycle import TERMINAL_PHASES
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.capabilities.plm.structures.plain_sql import fetched, mapped
from apg.capabilities.plm.structures.rules import AnyRule, Demand, Rule, View, pick_of, source_of
from apg.kernel.database import AnySelect
from apg.kernel.errors import NotFound
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work

DESIGNATORS_DIFFER = "designators_differ_from_quantity"
PRODUCT_RETIRED = "product_obsolete"


def warning_text(code: str) -> str:
	"""What a person should look at although it can be recorded."""
	if code == DESIGNATORS_DIFFER:
		return _("The number of designators is not the quantity.")
	return _("The product is obsolete or discontinued; a structure with it cannot be released.")


def _warnings(differ: Any, retired: Any) -> Any:
	def listed(*codes: str) -> Any:
		names = ", ".join(f'"{code}"' for code in codes)
		return literal_column(f"'[{names}]'::jsonb", JSONB)

	return case(
		(and_(differ, retired), listed(DESIGNATORS_DIFFER, PRODUCT_RETIRED)),
		(differ, listed(DESIGNATORS_DIFFER)),
		(retired, listed(PRODUCT_RETIRED)),
		else_=listed(),
	)


def _substitutes() -> Any:
	item, shown = aliased(Item), aliased(Revision)
	each = func.json_build_object(
		"product_id",
		item.id,
		"product_number",
		item.number,
		"product_name",
		shown.name,
		"rank",
		LineSubstitute.rank,
		"quantity_ratio",
		func.trim_scale(LineSubstitute.quantity_ratio),
	)
	listed = func.json_agg(aggregate_order_by(each, LineSubstitute.rank, item.number))
	return (
		select(func.coalesce(listed, literal_column("'[]'::json")))
		.join(item, item.id == LineSubstitute.item_id)
		.join(shown, shown.id == item.current_revision_id)
		.where(LineSubstitute.line_id == Line.id)
		.correlate(Line)
		.scalar_subquery()
	)


def select_lines(revision_id: str) -> AnySelect:
	"""The lines of a revision as they are recorded, by view and find number."""
	child, pinned, shown = aliased(Item), aliased(Revision), aliased(Revision)
	parent, owner = aliased(Revision), aliased(Item)
	count = func.jsonb_array_length(Line.designators)
	differ = and_(count > 0, Line.quantity_kind == "per", Line.quantity != count)
	retired = or_(*(child.lifecycle_phase == str(phase) for phase in sorted(TERMINAL_PHASES)))
	return (
		select(
			Line.line_uid.label("line_uid"),
			owner.id.label("parent_product_id"),
			Line.parent_revision_id.label("parent_revision_id"),
			parent.label.label("parent_revision"),
			Line.find_number.label("find_number"),
			child.id.label("product_id"),
			child.number.label("product_number"),
			shown.name.label("product_name"),
			child.lifecycle_phase.label("lifecycle_phase"),
			Line.child_revision_id.label("revision_id"),
			pinned.label.label("revision"),
			Line.child_revision_id.is_not(None).label("pinned"),
			Line.quantity.label("quantity"),
			Line.quantity_kind.label("quantity_kind"),
			Line.unit.label("unit"),
			child.unit_of_measure.label("base_unit"),
			Line.designators.label("designators"),
			Line.attrition.label("attrition"),
			Line.setup_quantity.label("setup_quantity"),
			Line.rounding_multiple.label("rounding_multiple"),
			Line.view.label("view"),
			Line.note.label("note"),
			Line.is_optional.label("is_optional"),
			Line.is_consumable.label("is_consumable"),
			Line.allow_variants.label("allow_variants"),
			Line.source.label("source"),
			_substitutes().label("substitutes"),
			_warnings(differ, retired).label("warnings"),
			Line.created_at.label("created_at"),
			Line.updated_at.label("updated_at"),
			Line.created_by.label("created_by"),
			Line.updated_by.label("updated_by"),
			func.concat(owner.version, "-", parent.version).label("etag"),
		)
		.join(parent, parent.id == Line.parent_revision_id)
		.join(owner, owner.id == parent.item_id)
		.join(child, child.id == Line.child_item_id)
		.join(pinned, pinned.id == Line.child_revision_id, isouter=True)
		.join(shown, shown.id == func.coalesce(Line.child_revision_id, child.current_revision_id))
		.where(Line.parent_revision_id == revision_id)
		.order_by(Line.view, Line.find_number, Line.line_uid)
	)


@dataclass(frozen=True, slots=True)
class HeadRow:
	"""The product and the revision an answer is about; `etag` is the product's."""

	product_id: str
	product_number: str
	product_name: str
	product_type: str
	lifecycle_phase: str
	unit_of_measure: str
	revision: str
	revision_id: str
	revision_state: str
	content: dict[str, Any]
	target_cost: Decimal | None
	target_currency: str | None
	etag: str

	def wire(self) -> dict[str, Any]:
		return {
			name: getattr(self, name)
			for name in (
				"product_id",
				"product_number",
				"product_name",
				"product_type",
				"lifecycle_phase",
				"unit_of_measure",
				"revision",
				"revision_id",
				"revision_state",
			)
		}


async def head_of(
	work: Work, product_id: str, *, revision: str | None = None, rule: AnyRule = Rule.DEFAULT
) -> HeadRow:
	"""The revision named by label or id, else the one the rule picks. Raises NotFound."""
	if not is_id(product_id):
		raise NotFound(_("{what} not found", what=_("product")))
	by_name = "" if revision is None else ("r.id = $2::uuid" if is_id(revision) else "r.label = $2")
	source = source_of(rule)
	query = _HEAD.format(
		chosen=by_name or f"r.id = {_standing(rule)}",
		items=source.items,
		revisions=source.revisions,
	)
	given: tuple[Any, ...] = (product_id,) if revision is None else (product_id, revision)
	rows = await mapped(work, query, *given)
	if not rows and revision is not None:
		await head_of(work, product_id)
		raise NotFound(_("The product has no revision {label}.", label=revision))
	if not rows and isinstance(rule, Demand):
		await head_of(work, product_id)
		raise NotFound(_nothing(rule))
	if not rows:
		raise NotFound(_("{what} not found", what=_("product")))
	held = rows[0]
	content = {
		name: held.pop(f"c_{name}")
		for name in ("description", "attributes", "mass", "mass_unit", "material")
	}
	return HeadRow(content=content, **held)


def _standing(rule: AnyRule) -> str:
	"""The revision that an answer is about: what a demand picks, and nothing in its place."""
	if isinstance(rule, Demand) and rule.rule is not Rule.BASELINE:
		return pick_of(rule)
	return f"coalesce({pick_of(rule)}, i.current_revision_id)"


def _nothing(rule: Demand) -> str:
	if rule.rule is Rule.BASELINE:
		return _("The baseline does not hold this product.")
	return _("No revision of the product is effective there; nothing was released before.")


_HEAD = """
	select i.id::text as product_id, i.number as product_number, r.name as product_name,
		i.product_type, i.lifecycle_phase, i.unit_of_measure, r.label as revision,
		r.id::text as revision_id, r.state as revision_state,
		r.description as c_description, r.attributes as c_attributes, r.mass as c_mass,
		r.mass_unit as c_mass_unit, r.material as c_material,
		i.target_cost, i.target_currency, i.version || '-' || r.version as etag
	from {items} i join {revisions} r on r.item_id = i.id
	where i.id = $1::uuid and not i.is_deleted and {chosen}
	order by r.state = 'cancelled', r.ordinal desc limit 1
"""

# Ids once as text and read by index; the name of the current revision only where none stands.
_ROWS = """
	select l.line_uid::text, l.parent_revision_id::text, l.find_number,
		l.child_item_id::text as product_id, i.number as product_number,
		coalesce(r.name, s.name) as product_name, i.product_type, i.lifecycle_phase,
		case when i.is_deleted then 'deleted' when i.is_active then 'active' else 'inactive' end
			as status,
		coalesce(stands.id, i.id)::text as revision_id, r.label as revision,
		r.state as revision_state, {pinned} as pinned,
		l.quantity, l.quantity_kind, l.unit, i.unit_of_measure as base_unit, l.attrition,
		l.setup_quantity, l.rounding_multiple, nullif(l.designators, '[]') as designators, l.note,
		l.is_optional, l.is_consumable, {substitute_count} as substitute_count,
		{has_children} as has_children, l.id::text as line_id, l.allow_variants
	from {lines} l join {items} i on i.id = l.child_item_id
	cross join lateral (select coalesce(l.child_revision_id, {pick}) as id offset 0) stands
	left join lateral (
		select r.name, r.label, r.state from {revisions} r where r.id = stands.id offset 0
	) r on true
	left join lateral (
		select s.name from {revisions} s where r.name is null and s.id = i.current_revision_id offset 0
	) s on true
	where l.parent_revision_id = any($1::uuid[]) and l.view = $2
	order by l.parent_revision_id, l.find_number, l.line_uid
"""
_HAS_CHILDREN = """exists (
	select from {lines} x where x.parent_revision_id = stands.id and x.view = $2
)"""
_WITH_LINES = """
	select u.id::text from unnest($1::uuid[]) u (id)
	where exists (select from {lines} x where x.parent_revision_id = u.id and x.view = $2)
"""
Row = dict[str, Any]


@lru_cache(256)
def _rows(rule: AnyRule, children: bool) -> str:
	source = asdict(source_of(rule))
	told = _HAS_CHILDREN.format(**source) if children else "null::boolean"
	return _ROWS.format(pick=pick_of(rule), has_children=told, **source)


async def rows_below(
	work: Work,
	revisions: Collection[str],
	rule: AnyRule,
	view: View,
	*,
	children: bool = True,
) -> dict[str, list[Row]]:
	"""The lines of several revisions at once, with the children a rule resolves them to.

	`has_children` is left empty for whoever reads the next level anyhow.
	"""
	by_parent: dict[str, list[Row]] = {}
	for row in await mapped(work, _rows(rule, children), sorted(revisions), str(view)):
		row["designators"] = row["designators"] or []
		by_parent.setdefault(row["parent_revision_id"], []).append(row)
	return by_parent


async def with_lines(
	work: Work, revisions: Collection[str], rule: AnyRule, view: View
) -> frozenset[str]:
	"""Those of the revisions that have lines."""
	if not revisions:
		return frozenset()
	query = _WITH_LINES.format(lines=source_of(rule).lines)
	return frozenset(row[0] for row in await fetched(work, query, sorted(revisions), str(view)))


# An expression is no condition of an index under a policy, a column is: hence `k`.
_FACTS = """
	select u.id::text as node, i.id::text as product_id, i.number as product_number,
		coalesce(r.name, s.name) as product_name, i.product_type, i.lifecycle_phase,
		i.unit_of_measure, coalesce(r.id, i.id)::text as revision_id, r.label as revision,
		r.state as revision_state, i.current_revision_id = r.id as current
	from unnest($1::uuid[]) u (id)
	left join lateral (select r.* from {revisions} r where r.id = u.id offset 0) r on true
	cross join lateral (select coalesce(r.item_id, u.id) as item offset 0) k
	cross join lateral (select i.* from {items} i where i.id = k.item offset 0) i
	left join lateral (
		select s.name from {revisions} s where r.name is null and s.id = i.current_revision_id offset 0
	) s on true
"""


async def facts_of(
	work: Work, nodes: Sequence[str], rule: AnyRule = Rule.DEFAULT
) -> dict[str, Row]:
	"""What a person knows the nodes of a structure by; those of a baseline as they were."""
	if not nodes:
		return {}
	query = _FACTS.format(**asdict(source_of(rule)))
	return {row["node"]: row for row in await mapped(work, query, list(nodes))}
