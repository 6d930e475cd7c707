"""Many readings at once: checked in columns, taken by `kernel/bulk.py`, told in one event.

Rows are judged as if they were recorded one after the other in the order of their dates: the row
before is the previous value, also where it comes in the same file. A withdrawn reading of the same
moment, period and source gives the next revision; one that stands is a problem of the row.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import select

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.bulk import service as imports
from apg.capabilities.esg.bulk.columns import EMPTY, Rows, Sheet
from apg.capabilities.esg.measurements import ingest_checks as checks
from apg.capabilities.esg.measurements import ingest_scores as scores
from apg.capabilities.esg.measurements import states
from apg.capabilities.esg.metrics.models import Metric, MetricState
from apg.capabilities.esg.shared import rules
from apg.capabilities.esg.shared.rule_tree import read_rules
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod
from apg.contracts.esg import MeasurementsRecorded, MetricValueChanged
from apg.kernel.bulk import Bulk, BulkImport, Checked, Mode, Opening, Target
from apg.kernel.database import dump_json
from apg.kernel.errors import Conflict
from apg.kernel.later import numpy as np
from apg.kernel.rows import ids
from apg.kernel.stamps import new_ids, utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text, moment_text
from apg.kernel.work import Work

if TYPE_CHECKING:
	from numpy.typing import NDArray

KIND = "esg.measurements"
TASK = "esg.measurements.take_bulk"
MOST_TOLD = 100
TARGET = Target(
	table="esg_measurements",
	mark="import_id",
	arrays={
		"id": "uuid",
		"metric_id": "uuid",
		"value": "text numeric",
		"measurement_date": "timestamptz",
		"period_start": "timestamptz",
		"period_end": "timestamptz",
		"data_source": "text",
		"collection_method": "text",
		"evidence": "text",
		"metadata": "text jsonb",
		"notes": "text",
		"validation_score": "text numeric",
		"anomaly_score": "text numeric",
		"quality_score": "text numeric",
		"quality_flags": "text jsonb",
		"revision": "integer",
	},
	fixed={
		"tenant_id": "uuid",
		"import_id": "uuid",
		"created_at": "timestamptz",
		"updated_at": "timestamptz",
		"created_by": "uuid",
		"updated_by": "uuid",
		"version": "integer",
		"is_deleted": "boolean",
	},
)


async def check(opening: Opening, rows: Rows, held: BulkImport) -> Checked:
	"""All rows against their fields, their metrics and what is on record."""
	sheet = await to_thread(checks.fields, rows, held)
	async with opening() as work:
		checks.own_names(work, sheet)
		metrics = await checks.metrics_of(work, sheet, held)
		metric = checks.numbered(sheet, metrics, held)
		checks.times(sheet)
		dates = sheet.moments("measurement_date")
		checks.repeated(sheet, metric, dates)
		beside = await checks.beside(work, sheet, metrics, metric, dates)
		revision = await checks.revisions(work, sheet, metrics, metric, dates)
		actor, tenant_id = work.principal.user_id, work.principal.tenant_id
	now = utc_now()
	found = await to_thread(_scored, sheet, metrics, metric, dates, beside, now)
	places, arrays = await to_thread(_arrays, sheet, metrics, metric, dates, found, revision)
	touched = np.unique(metric[places]).tolist() if len(places) else []
	return Checked(
		count=len(rows),
		places=rows.places[places].tolist(),
		arrays=arrays,
		fixed={
			"tenant_id": tenant_id,
			"import_id": held.id,
			"created_at": now,
			"updated_at": now,
			"created_by": actor,
			"updated_by": actor,
			"version": 1,
			"is_deleted": False,
		},
		problems=sheet.told(),
		summary={
			"metric_ids": [metrics[n].id for n in touched],
			"first": _day(dates[places].min()) if len(places) else None,
			"last": _day(dates[places].max()) if len(places) else None,
		},
	)


def _day(micro: Any) -> str:
	return datetime.fromtimestamp(int(micro) // 1_000_000, UTC).date().isoformat()


Found: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64], scores.Scores]"


def _scored(
	sheet: Sheet,
	metrics: Sequence[Metric],
	metric: NDArray[np.int64],
	dates: NDArray[np.int64],
	beside: Sequence[checks.Known],
	now: datetime,
) -> Found:
	"""The good rows in the order of metric and date, with their scores; broken rules refuse."""
	rules_of = [read_rules(one.validation_rules) for one in metrics]
	at = np.flatnonzero(sheet.good)
	series = _series(sheet, metric, dates, beside, at)
	findings = scores.judged(series, rules_of, _observing(sheet))
	refused = {
		row: [finding for finding in found if finding.rejects] for row, found in findings.items()
	}
	broken = np.array(sorted(row for row, found in refused.items() if found), np.int64)
	if broken.size:
		sheet.refuse(
			broken,
			"value",
			lambda n: " ".join(finding.reason for finding in refused[n]),
			"validation_rule",
		)
		series = _series(sheet, metric, dates, beside, np.flatnonzero(sheet.good))
	anomaly = scores.anomalies(series)
	mine = series.rows >= 0
	at, anomaly = series.rows[mine], anomaly[mine]
	return (
		at,
		anomaly,
		scores.assessed(_told(sheet, metrics, metric, dates, at, findings), anomaly, now),
	)


def _series(
	sheet: Sheet,
	metric: NDArray[np.int64],
	dates: NDArray[np.int64],
	beside: Sequence[checks.Known],
	at: NDArray[np.int64],
) -> scores.Series:
	known = [np.array(part, np.int64) for part in ([k[0] for k in beside], [k[1] for k in beside])]
	return scores.series(
		np.concatenate((known[0], metric[at])),
		np.concatenate((known[1], dates[at])),
		[*(k[2] for k in beside), *sheet.listed("value", at)],
		np.concatenate((np.full(len(beside), -1, np.int64), at)),
	)


def _has_evidence(sheet: Sheet) -> NDArray[np.bool_]:
	metadata, codes = sheet.values("metadata")
	told = np.array([bool(one and one.get("evidence")) for one in metadata] or [False])
	texts_, places = sheet.values("evidence")
	given = np.array([*(bool(each) for each in texts_), False])
	return told[codes] | given[places]


def _observing(sheet: Sheet) -> Any:
	evidence = _has_evidence(sheet)
	period = sheet.codes("period_start") != EMPTY

	def cell(name: str, row: int) -> Any:
		values, codes = sheet.values(name)
		return None if codes[row] == EMPTY else values[codes[row]]

	def observed(row: int, value: Decimal, previous: Decimal | None) -> rules.Observed:
		return rules.Observed(
			value=value,
			previous=previous,
			source=cell("data_source", row),
			method=cell("collection_method", row),
			has_evidence=bool(evidence[row]),
			has_period=bool(period[row]),
			has_note=bool(cell("notes", row)),
		)

	return observed


def _told(
	sheet: Sheet,
	metrics: Sequence[Metric],
	metric: NDArray[np.int64],
	dates: NDArray[np.int64],
	at: NDArray[np.int64],
	findings: Mapping[int, tuple[rules.Finding, ...]],
) -> scores.Told:
	sources, source_codes = sheet.values("data_source")
	methods, method_codes = sheet.values("collection_method")
	metadata, meta_codes = sheet.values("metadata")
	kinds: dict[Any, int] = {}
	sets: list[tuple[rules.Finding, ...]] = []
	finding = np.zeros(len(at), np.int64)
	for n, row in enumerate(at.tolist()):
		found = findings.get(row, ())
		key = tuple((one.index, one.rule.severity, one.outcome) for one in found)
		if key not in kinds:
			kinds[key] = len(sets)
			sets.append(found)
		finding[n] = kinds[key]
	stated = [one.get("quality") if one else None for one in metadata] or [None]
	periods = list(MeasurementPeriod)
	period = np.array([periods.index(MeasurementPeriod(m.measurement_period)) for m in metrics])
	return scores.Told(
		dates=dates[at],
		starts=sheet.moments("period_start")[at],
		ends=sheet.moments("period_end")[at],
		sources=np.array([*map(bool, sources), False], np.int64)[source_codes[at]],
		evidence=_has_evidence(sheet)[at].astype(np.int64),
		method=np.where(method_codes[at] == EMPTY, len(methods), method_codes[at]).astype(np.int64),
		stating=meta_codes[at].astype(np.int64),
		period=period[metric[at]] if len(metrics) else np.zeros(0, np.int64),
		finding=finding,
		methods=[*methods, None],
		stated=stated,
		periods=periods,
		findings=sets or [()],
	)


def _arrays(
	sheet: Sheet,
	metrics: Sequence[Metric],
	metric: NDArray[np.int64],
	dates: NDArray[np.int64],
	found: Found,
	revision: Mapping[int, int],
) -> tuple[NDArray[np.int64], dict[str, Sequence[Any]]]:
	"""The columns of the good rows in the order of metric and date, so that ids follow the dates."""
	at, anomaly, told = found
	names = [one.id for one in metrics]
	values, value_codes = sheet.values("value")
	written = [None if value is None else amount_text(value) for value in values]
	metadata, meta_codes = sheet.values("metadata")
	packed = [None if one is None else dump_json(one) for one in metadata]
	score = {n: None if n < 0 else f"{n // 100}.{n % 100:02}" for n in np.unique(anomaly).tolist()}
	same = ("measurement_date", "period_start", "period_end", "data_source", "collection_method")
	return at, {
		"id": new_ids(len(at)),
		"metric_id": [names[n] for n in metric[at].tolist()],
		"value": [written[n] for n in value_codes[at].tolist()],
		**{name: sheet.listed(name, at) for name in (*same, "evidence", "notes")},
		"metadata": [packed[n] for n in meta_codes[at].tolist()],
		"validation_score": told.validation,
		"anomaly_score": [score[n] for n in anomaly.tolist()],
		"quality_score": told.quality,
		"quality_flags": told.flags,
		"revision": [revision.get(n, 1) for n in at.tolist()],
	}


async def finish(work: Work, held: BulkImport) -> None:
	"""Current values and scores of the metrics, once each, and one event for all rows.

	Raises MetricIsComputed, MetricInactive where a metric takes no readings any more.
	"""
	summary = held.options["summary"]
	wanted = summary["metric_ids"]
	if not held.taken:
		return
	metrics: list[Metric] = await work.scalars(
		select(Metric)
		.where(Metric.id == ids(wanted), ~Metric.is_deleted)
		.order_by(Metric.id)
		.with_for_update(key_share=True)
	)
	if len(metrics) < len(wanted):
		raise Conflict(_("A metric was deleted meanwhile; bring the rows again."))
	rows = await work.execute(
		select(MetricState.metric_id, MetricState.measurement_id).where(
			MetricState.metric_id == ids(wanted)
		)
	)
	before = {row.metric_id: row.measurement_id for row in rows.all()}
	for metric in metrics:
		metric.must_take_readings()
		newest = await states.settle(work, metric)
		if newest is not None and before.get(metric.id) != newest.id:
			work.publish(
				MetricValueChanged(
					metric_id=metric.id,
					measurement_id=newest.id,
					current_value=amount_text(newest.value),
					current_date=moment_text(newest.measurement_date),
				)
			)
	work.publish(
		MeasurementsRecorded(
			import_id=held.id,
			count=held.taken,
			metric_ids=wanted[:MOST_TOLD],
			more_metrics=len(wanted) > MOST_TOLD,
			first_day=summary["first"],
			last_day=summary["last"],
		)
	)


BULK = Bulk(KIND, TARGET, imports.parse, check, finish)


async def take(
	work: Work, rows: Sequence[dict[str, Any]], mode: Mode, metric_id: str | None
) -> BulkImport:
	"""Rows of a body. Raises Invalid with a problem for each bad row where the mode is all."""
	options = {"metric_id": metric_id} if metric_id else {}
	return await imports.take(work, BULK, TASK, may.MEASUREMENTS_READ, rows, mode, options)


async def keep(work: Work, pieces: Any, name: str, mode: Mode, metric_id: str | None) -> BulkImport:
	"""A file, read and taken by a task. Raises Unreadable, TooLarge."""
	options = {"metric_id": metric_id} if metric_id else {}
	return await imports.keep(work, BULK, TASK, may.MEASUREMENTS_READ, pieces, name, mode, options)
