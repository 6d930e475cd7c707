"""Readings in columns against their fields, their metrics and what is on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import orjson
from pydantic import TypeAdapter
from sqlalchemy import select

from apg.capabilities.esg.bulk import columns
from apg.capabilities.esg.bulk.columns import EMPTY, Rows, Sheet
from apg.capabilities.esg.measurements import ingest_scores as scores
from apg.capabilities.esg.measurements import states
from apg.capabilities.esg.measurements.schemas import MeasurementIn
from apg.capabilities.esg.metrics.models import Metric
from apg.capabilities.esg.settings import esg_settings
from apg.capabilities.esg.shared import quality
from apg.kernel.bulk import BulkImport
from apg.kernel.errors import Conflict, Invalid
from apg.kernel.later import numpy as np
from apg.kernel.rows import ids, texts
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work

if TYPE_CHECKING:
	from numpy.typing import NDArray

MOST_METRICS = 2_000
FIELDS: Mapping[str, TypeAdapter[Any]] = {
	**columns.fields_of(MeasurementIn),
	"metric_code": TypeAdapter(str),
	"unit": TypeAdapter(str),
}
HEADINGS: Mapping[str, str] = {
	"date": "measurement_date",
	"start": "period_start",
	"from": "period_start",
	"end": "period_end",
	"to": "period_end",
	"source": "data_source",
	"method": "collection_method",
	"metric": "metric_code",
	"code": "metric_code",
	"note": "notes",
}


def fields(rows: Rows, held: BulkImport) -> Sheet:
	"""Each field by itself, as the schema of a single reading has it."""
	rows = columns.renamed(rows, FIELDS, HEADINGS)
	sheet = Sheet(rows, FIELDS)
	first, last = esg_settings().dates()

	def in_range(moment: datetime) -> str | None:
		if first <= moment <= last:
			return None
		return _(
			"The date must lie between {first} and {last}.",
			first=first.date().isoformat(),
			last=last.date().isoformat(),
		)

	def start(cell: Any) -> Any:
		return columns.moment_of_cell(cell) if rows.is_text else cell

	def end(cell: Any) -> Any:
		return columns.moment_of_cell(cell, end=True) if rows.is_text else cell

	def opened(cell: Any) -> Any:
		try:
			return orjson.loads(cell) if rows.is_text else cell
		except ValueError:
			return cell

	sheet.values("value", required=True)
	sheet.values("measurement_date", required=True, read=start, check=in_range)
	sheet.values("period_start", read=start, check=in_range)
	sheet.values("period_end", read=end, check=in_range)
	sheet.values("metadata", read=opened, check=_stated)
	sheet.default("metadata", {})
	for name in FIELDS:
		sheet.values(name)
	return sheet


def _stated(metadata: dict[str, Any]) -> str | None:
	"""What is wrong with indicators that a person states."""
	try:
		quality.stated_indicators(metadata.get("quality") or None)
	except Invalid as error:
		return " ".join(problem.message for problem in error.problems)
	return None


def own_names(work: Work, sheet: Sheet) -> None:
	principal = work.principal
	for name, own, told in (
		("tenant_id", (principal.tenant_id, principal.tenant_slug), _("This is not your tenant.")),
		("created_by", (principal.user_id, principal.username), _("This is not you.")),
	):
		values, codes = sheet.values(name)
		others = [code for code, value in enumerate(values) if value not in own]
		sheet.refuse(np.flatnonzero(np.isin(codes, others)), name, told, "extra_forbidden")


async def metrics_of(work: Work, sheet: Sheet, held: BulkImport) -> list[Metric]:
	"""The metrics that rows name. They stay as they are until the end of this transaction."""
	named = {value for value in sheet.values("metric_id")[0] if is_id(value or "")}
	if held.options.get("metric_id"):
		named.add(held.options["metric_id"])
	codes = {value for value in sheet.values("metric_code")[0] if value}
	if len(named) + len(codes) > MOST_METRICS:
		raise Invalid.one(
			"rows", _("The rows name more than {n} metrics; split them.", n=MOST_METRICS)
		)
	return await work.scalars(
		select(Metric)
		.where((Metric.id == ids(named)) | (Metric.code == texts(codes)), ~Metric.is_deleted)
		.order_by(Metric.id)
		.with_for_update(key_share=True)
	)


def numbered(sheet: Sheet, metrics: Sequence[Metric], held: BulkImport) -> NDArray[np.int64]:
	"""The number of its metric for each row; rows that cannot have one are refused."""
	by_id = {one.id: n for n, one in enumerate(metrics)}
	by_code = {one.code: n for n, one in enumerate(metrics)}

	def numbers(name: str, known: Mapping[str, int], empty: int) -> NDArray[np.int64]:
		values, codes = sheet.values(name)
		found = [known.get(value, EMPTY) for value in values]
		return np.array([*found, empty], np.int64)[codes]

	default = by_id.get(held.options.get("metric_id") or "", EMPTY)
	named = sheet.codes("metric_id") != EMPTY
	coded = sheet.codes("metric_code") != EMPTY
	metric = numbers("metric_id", by_id, default)
	if coded.any():
		code = numbers("metric_code", by_code, EMPTY)
		unlike = np.flatnonzero(named & coded & (metric != code))
		sheet.refuse(unlike, "metric_code", _("The code belongs to another metric than the id."))
		metric = np.where(coded & ~named, code, metric)
	unknown = np.flatnonzero((metric == EMPTY) & (named | coded))
	name = "metric_code" if coded.any() else "metric_id"
	sheet.refuse(unknown, name, _("There is no such metric."), "unknown")
	sheet.refuse(
		np.flatnonzero((metric == EMPTY) & ~named & ~coded),
		"metric_code",
		_("The row names no metric."),
		"missing",
	)
	for n, one in enumerate(metrics):
		try:
			one.must_take_readings()
		except Conflict as closed:
			sheet.refuse(np.flatnonzero(metric == n), name, closed.message)
	_units(sheet, metrics, metric)
	return metric


def _units(sheet: Sheet, metrics: Sequence[Metric], metric: NDArray[np.int64]) -> None:
	"""A unit beside the value is that of the metric, or the row is refused: nothing is converted."""
	values, codes = sheet.values("unit")
	if not values:
		return
	for n, one in enumerate(metrics):
		same = [code for code, text in enumerate(values) if text in (one.unit, None)]
		other = np.flatnonzero((metric == n) & (codes != EMPTY) & ~np.isin(codes, same))
		sheet.refuse(other, "unit", _("The metric is in {unit}.", unit=one.unit), "unit")


def times(sheet: Sheet) -> None:
	starts, ends = sheet.codes("period_start") != EMPTY, sheet.codes("period_end") != EMPTY
	sentence = _("Give both period_start and period_end, or neither.")
	sheet.refuse(np.flatnonzero(ends & ~starts), "period_start", sentence)
	sheet.refuse(np.flatnonzero(starts & ~ends), "period_end", sentence)
	both = sheet.good & starts & ends
	wrong = both & (sheet.moments("period_end") <= sheet.moments("period_start"))
	sentence = _("The end of the period must lie after its start.")
	sheet.refuse(np.flatnonzero(wrong), "period_end", sentence)


def repeated(sheet: Sheet, metric: NDArray[np.int64], dates: NDArray[np.int64]) -> None:
	"""Rows that say the same moment, period and source as an earlier row."""
	at = np.flatnonzero(sheet.good)
	values, codes = sheet.values("data_source")
	known: dict[Any, int] = {}
	numbers = np.array([*(known.setdefault(each, len(known)) for each in values), EMPTY], np.int64)
	keys = (
		sheet.moments("period_end")[at],
		sheet.moments("period_start")[at],
		numbers[codes[at]],
		dates[at],
		metric[at],
	)
	order = np.lexsort((at, *keys))
	same = np.ones(max(0, len(at) - 1), np.bool_)
	for key in keys:
		same &= key[order][1:] == key[order][:-1]
	places, later = sheet.rows.places, np.flatnonzero(same) + 1
	first = {int(at[order[n]]): int(places[at[order[n - 1]]]) for n in later.tolist()}
	sheet.refuse(
		np.sort(at[order[later]]),
		"measurement_date",
		lambda n: _("Row {other} has the same moment, period and source.", other=first[n]),
		"duplicate",
	)


# (number of the metric, microseconds, value) of readings on record, oldest first
Known = tuple[int, int, Decimal]
_BESIDE = """
	select g.n::int - 1, (extract(epoch from m.measurement_date) * 1000000)::bigint, m.value
	from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) with ordinality
		as g(metric, first, last, n),
	lateral (
		(select b.measurement_date, b.id, b.value from esg_measurements b
		where b.metric_id = g.metric and b.measurement_date < g.first
			and b.superseded_at is null and not b.is_deleted
		order by b.measurement_date desc, b.id desc limit $4)
		union all
		select b.measurement_date, b.id, b.value from esg_measurements b
		where b.metric_id = g.metric and b.measurement_date between g.first and g.last
			and b.superseded_at is null and not b.is_deleted) m
	order by 1, m.measurement_date, m.id"""
_HELD = """
	select g.n::int - 1, max(m.revision), bool_or(m.superseded_at is null and not m.is_deleted)
	from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::timestamptz[], $5::timestamptz[])
		with ordinality as g(metric, moment, source, start, until, n)
	join esg_measurements m on m.metric_id = g.metric and m.measurement_date = g.moment
		and m.data_source is not distinct from g.source
		and m.period_start is not distinct from g.start
		and m.period_end is not distinct from g.until
	group by 1"""
_USED = """
	select g.n::int - 1 from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[])
		with ordinality as g(metric, first, last, n)
	where exists (select from esg_measurements m where m.metric_id = g.metric
		and m.measurement_date between g.first and g.last)"""


def _reach(
	sheet: Sheet, metrics: Sequence[Metric], metric: NDArray[np.int64], dates: NDArray[np.int64]
) -> tuple[list[str], list[datetime], list[datetime]]:
	"""Of each metric its id, and the first and the last moment of its rows."""
	at = np.flatnonzero(sheet.good)
	first = np.full(len(metrics), np.iinfo(np.int64).max)
	last = np.zeros(len(metrics), np.int64)
	np.minimum.at(first, metric[at], dates[at])
	np.maximum.at(last, metric[at], dates[at])
	first = np.minimum(first, last)  # of a metric without rows: nothing

	def moments(found: NDArray[np.int64]) -> list[datetime]:
		return [scores.moment(each) for each in found.tolist()]

	return [one.id for one in metrics], moments(first), moments(last)


async def _sql(work: Work, statement: str, *values: Any) -> list[Any]:
	result = await (await work.connection()).exec_driver_sql(statement, cast(Any, values))
	return list(result.all())


async def beside(
	work: Work,
	sheet: Sheet,
	metrics: Sequence[Metric],
	metric: NDArray[np.int64],
	dates: NDArray[np.int64],
) -> list[Known]:
	reach = _reach(sheet, metrics, metric, dates)
	return [tuple(row) for row in await _sql(work, _BESIDE, *reach, states.HISTORY)]


async def revisions(
	work: Work,
	sheet: Sheet,
	metrics: Sequence[Metric],
	metric: NDArray[np.int64],
	dates: NDArray[np.int64],
) -> dict[int, int]:
	"""Row → its revision, where a reading of the same key was withdrawn; rows whose key stands are
	refused. Only metrics with anything on record in the time of their rows are looked at."""
	used = [n for (n,) in await _sql(work, _USED, *_reach(sheet, metrics, metric, dates))]
	at = np.flatnonzero(sheet.good & np.isin(metric, used))
	if not at.size:
		return {}
	keys = (
		[metrics[n].id for n in metric[at].tolist()],
		*(sheet.listed(name, at) for name in ("measurement_date", "data_source")),
		*(sheet.listed(name, at) for name in ("period_start", "period_end")),
	)
	found = await _sql(work, _HELD, *keys)
	taken = np.array(sorted(int(at[n]) for n, _revision, stands in found if stands), np.int64)
	sentence = _("There is a reading for this moment, period and source.")
	sheet.refuse(taken, "measurement_date", sentence, "duplicate")
	return {int(at[n]): revision + 1 for n, revision, _stands in found}
