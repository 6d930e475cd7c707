"""The selects behind every answer about calculations."""

from typing import Any

from sqlalchemy import ARRAY, Numeric, Text, and_, case, cast, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import aliased

from apg.capabilities.esg.activities import reading as activities
from apg.capabilities.esg.activities.models import ActivityRecord
from apg.capabilities.esg.calculations.models import CalculationLine, CalculationRun
from apg.capabilities.esg.calculations.schemas import Selection
from apg.capabilities.esg.shared.activity_words import Kind, State
from apg.kernel.database import AnySelect
from apg.kernel.rows import texts

R, L = CalculationRun, CalculationLine
SORTABLE: dict[str, Any] = {"created_at": R.created_at, "title": R.title, "co2e": R.co2e}
LINES_SORTABLE: dict[str, Any] = {"co2e": L.co2e, "activity_code": L.activity_code}


def select_runs() -> AnySelect:
	"""Runs as the wire shows them."""
	return select(
		R.id.label("id"),
		R.title.label("title"),
		R.mode.label("mode"),
		R.rerun_of_id.label("rerun_of"),
		R.selection.label("selection"),
		R.gwp_set.label("gwp_set"),
		R.method.label("method"),
		R.engine.label("engine"),
		R.as_of.label("as_of"),
		R.state.label("state"),
		R.failure.label("failure"),
		R.record_count.label("record_count"),
		R.line_count.label("line_count"),
		R.missing_count.label("missing_count"),
		R.estimated_count.label("estimated_count"),
		R.as_published_count.label("as_published_count"),
		R.unapproved_count.label("unapproved_count"),
		R.co2e.label("co2e"),
		R.biogenic_co2.label("biogenic_co2"),
		R.seal.label("seal"),
		R.finished_at.label("finished_at"),
		R.created_at.label("created_at"),
		R.updated_at.label("updated_at"),
		R.created_by.label("created_by"),
		R.version.label("etag"),
	)


def select_lines() -> AnySelect:
	"""Lines as the wire shows them."""
	return select(
		L.id.label("id"),
		L.record_id.label("activity_id"),
		L.record_version.label("activity_version"),
		L.activity_code.label("activity_code"),
		L.quantity.label("quantity"),
		L.unit.label("unit"),
		L.normalised.label("normalised"),
		L.normalised_unit.label("normalised_unit"),
		L.conversions.label("conversions"),
		L.factor_version_id.label("factor_version_id"),
		L.fallback_level.label("fallback_level"),
		L.factor_reason.label("factor_reason"),
		L.masses.label("masses"),
		L.by_gas.label("by_gas"),
		L.co2e.label("co2e"),
		L.biogenic_co2.label("biogenic_co2"),
		L.low.label("low"),
		L.high.label("high"),
		L.gwp_set.label("gwp_set"),
		L.as_published.label("as_published"),
		L.is_estimated.label("is_estimated"),
		L.missing.label("missing"),
		L.seal.label("seal"),
	)


def selected(statement: AnySelect, chosen: Selection) -> AnySelect:
	"""Records of a selection. A product's records are per piece, so they never join the others."""
	A = ActivityRecord
	kinds = [chosen.kind] if chosen.kind else [Kind.SITE, Kind.REPORTED_TOTAL]
	statement = statement.where(A.kind == texts(kinds))
	for name in ("site_id", "revision_id", "activity_code", "batch_id"):
		value = getattr(chosen, name)
		if value is not None:
			statement = statement.where(getattr(A, name) == value)
	if chosen.start is not None:
		statement = statement.where(A.period_start >= chosen.start)
	if chosen.end is not None:
		statement = statement.where(A.period_start < chosen.end)
	if chosen.approved_only:
		statement = statement.where(A.state == texts([State.APPROVED, State.LOCKED]))
	return statement


def records_at(run: CalculationRun) -> AnySelect:
	"""The records a run is about, as they stood at its moment."""
	chosen = Selection.model_validate(run.selection)
	return activities.stood_at(selected(activities.select_records(), chosen), run.as_of)


def select_groups(run_id: str) -> AnySelect:
	"""Lines of a run by activity code."""
	return (
		select(
			L.activity_code.label("activity_code"),
			func.sum(L.co2e).label("co2e"),
			func.count().label("lines"),
			func.count(L.missing).label("missing"),
		)
		.where(L.run_id == run_id)
		.group_by(L.activity_code)
		.order_by(func.sum(L.co2e).desc().nulls_last(), L.activity_code)
		.limit(500)
	)


def select_gases(run_id: str) -> AnySelect:
	"""kg CO2e of a run by gas."""
	each = func.jsonb_each_text(L.by_gas).table_valued("key", "value", name="g").lateral("g")
	total = func.sum(cast(each.c.value, Numeric))
	return (
		select(each.c.key.label("gas"), total.label("co2e"))
		.select_from(L)
		.join(each, literal_column("true"))
		.where(L.run_id == run_id)
		.group_by(each.c.key)
		.order_by(total.desc())
	)


def _causes(*causes: Any) -> Any:
	return array(causes, type_=Text)


def select_differences(old_id: str, new_id: str) -> AnySelect:
	"""Records whose lines differ between two runs, the largest difference first."""
	old, new = aliased(L, name="old"), aliased(L, name="new")
	olds = select(old).where(old.run_id == old_id).subquery("o")
	news = select(new).where(new.run_id == new_id).subquery("n")
	o, n = olds.c, news.c
	both = and_(o.id.is_not(None), n.id.is_not(None))
	causes = func.array_remove(
		_causes(
			case((o.id.is_(None), "new")),
			case((n.id.is_(None), "gone")),
			case((and_(both, o.record_version != n.record_version), "record")),
			case(
				(
					and_(both, o.factor_version_id.is_distinct_from(n.factor_version_id)),
					"factor",
				)
			),
			case((and_(both, o.gwp_set != n.gwp_set), "gwp_set")),
			case((and_(both, o.missing.is_distinct_from(n.missing)), "missing")),
		),
		None,
		type_=ARRAY(Text),
	)
	difference = func.coalesce(n.co2e, 0) - func.coalesce(o.co2e, 0)
	return (
		select(
			func.coalesce(n.record_id, o.record_id).label("activity_id"),
			func.coalesce(n.activity_code, o.activity_code).label("activity_code"),
			o.id.label("old_line_id"),
			n.id.label("new_line_id"),
			o.record_version.label("old_version"),
			n.record_version.label("new_version"),
			o.factor_version_id.label("old_factor_version_id"),
			n.factor_version_id.label("new_factor_version_id"),
			o.co2e.label("old_co2e"),
			n.co2e.label("new_co2e"),
			case(
				(or_(n.co2e.is_not(None), o.co2e.is_not(None)), difference),
			).label("difference"),
			causes.label("why"),
		)
		.select_from(olds.join(news, o.record_id == n.record_id, full=True))
		.where(o.seal.is_distinct_from(n.seal))
		.order_by(
			func.abs(func.coalesce(difference, literal_column("0"))).desc(),
			func.coalesce(n.record_id, o.record_id),
		)
	)
