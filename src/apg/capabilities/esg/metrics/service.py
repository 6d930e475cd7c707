"""What can be done with metrics, and how a reading moves their state."""

import functools
from typing import Any

from sqlalchemy import ColumnElement, Text, all_, bindparam, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from apg.capabilities.esg.metrics import reading
from apg.capabilities.esg.metrics.models import Held, Measurement, Metric
from apg.capabilities.esg.metrics.schemas import MetricIn, MetricPatch, MetricPut
from apg.capabilities.esg.shared import computed
from apg.capabilities.esg.shared.vocabulary import MetricSource, standing
from apg.contracts.esg import MetricChanged, MetricCreated
from apg.kernel.database import AnySelect
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page, Prepared, Sorting
from apg.kernel.search import found_by
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work, human_name

MAY_BE_EMPTY = frozenset(
	{
		"subcategory",
		"description",
		"calculation_method",
		"target_value",
		"baseline_value",
		"framework_id",
	}
)
NEWEST: Sorting = (("updated_at", True),)
NOT_COLUMNS = frozenset({"tenant_id", "created_by"})


def check_identity(work: Work, new: MetricIn) -> None:
	"""Tenant and author may be named when they are the caller's own. Raises Invalid."""
	problems: list[Problem] = []
	if new.tenant_id not in (None, work.principal.tenant_id, work.principal.tenant_slug):
		problems.append(Problem("tenant_id", _("This is not your tenant; leave the field out.")))
	if new.created_by not in (None, work.principal.user_id, work.principal.username):
		problems.append(Problem("created_by", _("This is not you; leave the field out.")))
	if problems:
		raise Invalid(problems=problems)


async def create(work: Work, new: MetricIn) -> Metric:
	"""A new metric. Raises Invalid, Conflict when the code is taken."""
	check_identity(work, new)
	if new.framework_id is not None:
		raise Invalid.one("framework_id", _("There is no such framework."), "unknown")
	_check_source(new.source, new.automation_config, new.unit, new.measurement_period)
	metric = work.add(
		Metric(scope_id=work.principal.tenant_id, **new.model_dump(exclude=set(NOT_COLUMNS)))
	)
	await work.flush()
	work.publish(MetricCreated(metric_id=metric.id))
	return metric


_SOURCE_FIELDS = ("source", "automation_config", "unit", "measurement_period")


def _check_source(source: str, config: dict[str, Any], unit: str, period: str) -> None:
	"""A metric of source activity says which records it is made of. Raises Invalid."""
	if source == MetricSource.ACTIVITY:
		computed.check(config, unit, period)


async def computed_from_activities(work: Work) -> list[Metric]:
	"""The metrics whose values follow from activity records."""
	return await work.scalars(
		select(Metric)
		.where(Metric.source == MetricSource.ACTIVITY, ~Metric.is_deleted, Metric.is_active)
		.order_by(Metric.id)
	)


async def metric_of(work: Work, metric_id: str) -> Metric:
	"""The definition, for what depends on it. Raises NotFound."""
	return await work.get(Metric, metric_id)


_HELD = Prepared(
	select(
		cast(Metric.id, Text),
		Metric.code,
		Metric.source,
		Metric.is_active,
		Metric.measurement_period,
		Metric.aggregation,
		Metric.polarity,
		Metric.validation_rules,
	)
	.where(Metric.id == bindparam("metric_id"), ~Metric.is_deleted)
	.with_for_update(key_share=True)
)


async def hold(work: Work, metric_id: str) -> Held:
	"""The definition, kept as it is until the end of the transaction; its readings take turns.

	The lock lets others read and refer to the metric. It orders records, corrections and
	withdrawals of one metric, and holds back a change of its unit or rules. Raises NotFound.
	"""
	rows = await work.fetch(_HELD, metric_id=metric_id) if is_id(metric_id) else []
	if not rows:
		raise NotFound(_("{what} not found", what=human_name(Metric)))
	return Held(*rows[0])


async def find_by_code(work: Work, code: str) -> Metric | None:
	"""The metric with this code, or None."""
	return await work.session.scalar(select(Metric).where(Metric.code == code, ~Metric.is_deleted))


async def open_for_readings(work: Work, limit: int = 1_000) -> list[Metric]:
	"""Metrics that take readings, by name; for a choice."""
	computed = [str(one) for one in MetricSource if one.is_computed]
	statement = select(Metric).where(~Metric.is_deleted, Metric.is_active)
	return await work.scalars(
		statement.where(Metric.source != all_(literal(computed, ARRAY(Text))))
		.order_by(Metric.name, Metric.id)
		.limit(limit)
	)


async def read(work: Work, metric_id: str) -> One:
	"""Definition and state as JSON. Raises NotFound."""
	return await work.read_one(reading.ONE, Metric, metric_id=metric_id)


def matching(
	*,
	search: str | ColumnElement[Any] | None = None,
	metric_type: str | ColumnElement[str] | None = None,
	category: str | ColumnElement[str] | None = None,
	is_kpi: bool | None = None,
	is_active: bool | None = None,
	due: bool | None = None,
) -> AnySelect:
	"""Metrics that fit; text goes through the search function, `due` asks for a missing value."""
	statement = reading.select_metrics()
	if metric_type is not None:
		statement = statement.where(Metric.metric_type == metric_type)
	if category is not None:
		statement = statement.where(Metric.category == category)
	if is_kpi is not None:
		statement = statement.where(Metric.is_kpi == is_kpi)
	if is_active is not None:
		statement = statement.where(Metric.is_active == is_active)
	if due is not None:
		statement = statement.where(reading.is_due() if due else ~reading.is_due())
	if isinstance(search, ColumnElement):
		statement = statement.where(Metric.id.in_(found_by("esg_metrics", search)))
	elif search and search.strip():
		statement = statement.where(Metric.id.in_(found_by("esg_metrics", {"q": search.strip()})))
	return statement


async def categories(work: Work) -> list[str]:
	"""The categories that metrics of the tenant have, in order: from each to the next by index, since
	few stand for many."""
	live = select(func.min(Metric.category).label("category")).where(~Metric.is_deleted)
	found = live.cte("found", recursive=True)
	following = live.where(Metric.category > found.c.category).scalar_subquery()
	found = found.union_all(select(following).where(found.c.category.is_not(None)))
	named = select(found.c.category).where(found.c.category.is_not(None)).limit(200)
	return await work.scalars(named)


async def standings(work: Work, metric_ids: list[str]) -> dict[str, str]:
	"""How the current value of each metric came about: measured, calculated, estimated, unstated."""
	rows = (await work.execute(reading.select_current(metric_ids))).all()
	return {
		row.metric_id: standing(row.collection_method, row.metadata.get("generated") is True)
		for row in rows
	}


def ordered(statement: AnySelect, sort: Sorting) -> AnySelect:
	"""The metrics in a total order; `sort` holds (field, descending)."""
	for name, descending in sort:
		column = reading.SORTABLE[name]
		# NULLS LAST only where there may be one: an index in plain order serves the rest.
		falling = column.desc().nulls_last() if name in reading.NULLABLE else column.desc()
		statement = statement.order_by(falling if descending else column)
	return statement.order_by(Metric.id.desc() if sort and sort[-1][1] else Metric.id)


@functools.cache  # as many as there are combinations of filters and sort keys in use
def _listing(given: frozenset[str], flags: frozenset[tuple[str, bool]], sort: Sorting) -> Prepared:
	asked: dict[str, Any] = {name: bindparam(name, type_=Text) for name in given - {"search"}}
	if "search" in given:
		asked["search"] = bindparam("search", type_=JSONB)
	asked |= dict(flags)
	return Prepared(ordered(matching(**asked), sort))


async def listed(
	work: Work, *, limit: int, offset: int, sort: Sorting = NEWEST, **asked: Any
) -> Page:
	"""One page of the metrics that fit what `matching` may be asked."""
	flags = frozenset((name, value) for name, value in asked.items() if isinstance(value, bool))
	given = {name: value for name, value in asked.items() if value and value is not True}
	if text := str(given.pop("search", "")).strip():
		given["search"] = {"q": text}
	prepared = _listing(frozenset(given), flags, sort)
	return await work.read_list(prepared, limit=limit, offset=offset, **given)


async def change(work: Work, metric_id: str, patch: MetricPatch | MetricPut) -> Metric:
	"""Changes the definition; values and state stay. Raises NotFound, PreconditionFailed, Invalid."""
	metric = await work.edit(Metric, metric_id)
	whole = isinstance(patch, MetricPut)
	if isinstance(patch, MetricPut):
		check_identity(work, patch)
	given = patch.model_dump(exclude_unset=not whole, exclude=set(NOT_COLUMNS))
	empty = [name for name, value in given.items() if value is None and name not in MAY_BE_EMPTY]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	if given.get("framework_id") is not None:
		raise Invalid.one("framework_id", _("There is no such framework."), "unknown")
	if "unit" in given and given["unit"] != metric.unit and await _has_readings(work, metric_id):
		raise Conflict(
			_(
				"The metric has readings in {unit}; make a new metric for another unit.",
				unit=metric.unit,
			),
			code="UNIT_IN_USE",
		)
	now = {name: given.get(name, getattr(metric, name)) for name in _SOURCE_FIELDS}
	_check_source(*now.values())
	for name, value in given.items():
		if getattr(metric, name) != value:
			setattr(metric, name, value)
	await work.flush()
	work.publish(MetricChanged(metric_id=metric.id, fields=sorted(given)))
	return metric


async def _has_readings(work: Work, metric_id: str) -> bool:
	return bool(await work.scalar(select(exists().where(Measurement.metric_id == metric_id))))


async def remove(work: Work, metric_id: str) -> None:
	"""Soft delete; its code is free again and its readings stay in the record."""
	metric = await work.edit(Metric, metric_id)
	metric.is_deleted = True
	metric.deleted_at = utc_now()
	metric.deleted_by = work.principal.user_id
	work.publish(MetricChanged(metric_id=metric.id, fields=["is_deleted"]))
