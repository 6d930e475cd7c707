"""What can be done with readings: record, correct, withdraw, read, aggregate."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import bindparam, func, inspect, select

from apg.capabilities.esg.measurements import reading, states
from apg.capabilities.esg.measurements.models import Measurement, MeasurementSuperseded
from apg.capabilities.esg.measurements.schemas import (
	MeasurementIn,
	MeasurementPatch,
	MeasurementPut,
)
from apg.capabilities.esg.measurements.states import Known
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.metrics.models import Held, MetricState
from apg.capabilities.esg.settings import EsgSettings
from apg.capabilities.esg.shared import periods, quality, rules
from apg.capabilities.esg.shared.periods import Method, Series, Span
from apg.capabilities.esg.shared.rule_tree import read_rules
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod
from apg.contracts.esg import MeasurementRecorded, MetricValueChanged
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page, Prepared
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.web.wire import amount_text, moment_text
from apg.kernel.work import Work

MOST_POINTS = 100_000


@cache
def _settings() -> EsgSettings:
	return EsgSettings()


class MeasurementExists(Conflict):
	code = "MEASUREMENT_EXISTS"


async def record(work: Work, metric_id: str, new: MeasurementIn) -> tuple[str, One]:
	"""A new reading, its id and its wire form; the metric's current value moves only if no newer
	reading stands.

	Raises NotFound, MetricIsComputed, MetricInactive, Invalid (dates, rules), MeasurementExists.
	"""
	_check_names(work, metric_id, new)
	_check_dates(new)
	metric = await metrics.hold(work, metric_id)
	metric.must_take_readings()
	known = await states.history(work, metric_id)
	earlier = await _before(work, metric_id, new.measurement_date, known)
	measurement = _of(work, metric, new, earlier)
	entered = await _entered(work, measurement)
	if entered is None:
		measurement.revision = await _next_revision(work, measurement)
		entered = await _entered(work, measurement)
	if entered is None:
		raise _exists()
	work.publish(_recorded(measurement))
	if await states.advance(work, metric, measurement, known):
		work.publish(_value_changed(metric.id, measurement))
	return measurement.id, entered


async def _entered(work: Work, row: SimpleNamespace) -> One | None:
	"""The row written and read in one statement; None where its place is taken."""
	given = vars(row)
	values = {column: given.get(name) for column, name in _columns()}
	return await work.find_one(reading.ENTER, **values)


@cache
def _columns() -> list[tuple[str, str]]:
	"""Each column's name and that of its attribute."""
	return [(held.columns[0].name, held.key) for held in inspect(Measurement).column_attrs]


async def _before(
	work: Work, metric_id: str, date: datetime, known: Sequence[Known]
) -> list[Known]:
	"""The readings that come before a date, newest first; asked for anew where the known newest ones
	do not reach back far enough."""
	if len(known) < states.HISTORY or known[0].measurement_date < date:
		return [m for m in known if m.measurement_date < date]
	return await states.history(work, metric_id, before=date)


def _check_names(work: Work, metric_id: str, new: MeasurementIn) -> None:
	problems: list[Problem] = []
	if new.metric_id not in (None, metric_id):
		problems.append(Problem("metric_id", _("The path names another metric; leave it out.")))
	if new.tenant_id not in (None, work.principal.tenant_id, work.principal.tenant_slug):
		problems.append(Problem("tenant_id", _("This is not your tenant; leave the field out.")))
	if new.created_by not in (None, work.principal.user_id, work.principal.username):
		problems.append(Problem("created_by", _("This is not you; leave the field out.")))
	if problems:
		raise Invalid(problems=problems)


def _check_dates(new: MeasurementIn) -> None:
	first, last = _settings().dates()
	moments = (new.measurement_date, new.period_start, new.period_end)
	names = ("measurement_date", "period_start", "period_end")
	problems = [
		Problem(
			name,
			_(
				"The date must lie between {first} and {last}.",
				first=first.date().isoformat(),
				last=last.date().isoformat(),
			),
			"date_range",
		)
		for name, moment in zip(names, moments, strict=True)
		if moment is not None and not first <= moment <= last
	]
	if (new.period_start is None) != (new.period_end is None):
		empty = "period_start" if new.period_start is None else "period_end"
		problems.append(
			Problem(empty, _("Give both period_start and period_end, or neither."), "period")
		)
	elif new.period_start and new.period_end and new.period_end <= new.period_start:
		problems.append(
			Problem("period_end", _("The end of the period must lie after its start."), "period")
		)
	if problems:
		raise Invalid(problems=problems)


def _of(work: Work, metric: Held, new: MeasurementIn, earlier: Sequence[Known]) -> SimpleNamespace:
	"""The new row's fields, with scores by the readings before it. Raises Invalid for broken rules."""
	now, author = utc_now(), work.principal.user_id
	row = SimpleNamespace(
		id=new_id(),
		tenant_id=work.principal.tenant_id,
		metric_id=metric.id,
		value=new.value,
		measurement_date=new.measurement_date,
		period_start=new.period_start,
		period_end=new.period_end,
		data_source=new.data_source,
		collection_method=new.collection_method,
		evidence=new.evidence,
		meta=new.metadata,
		notes=new.notes,
		revision=1,
		created_at=now,
		updated_at=now,
		created_by=author,
		updated_by=author,
		is_deleted=False,
		supersedes_id=None,
		version=1,
	)
	_score(metric, row, earlier)
	return row


def _score(metric: Held, row: SimpleNamespace, earlier: Sequence[Known]) -> None:
	recorded = states.recorded_of(states.known_of(row))
	findings = rules.check(
		read_rules(metric.validation_rules),
		rules.Observed(
			value=row.value,
			previous=earlier[0].value if earlier else None,
			source=row.data_source,
			method=row.collection_method,
			has_evidence=recorded.has_evidence,
			has_period=row.period_start is not None,
			has_note=bool(row.notes),
		),
	)
	refused = [finding for finding in findings if finding.rejects]
	if refused:
		raise Invalid(
			_("The reading breaks a rule of the metric"),
			problems=[Problem(f.field, f.reason, "validation_rule") for f in refused],
		)
	assessed = quality.assess(
		recorded,
		findings,
		period=MeasurementPeriod(metric.measurement_period),
		anomaly=quality.anomaly_score(row.value, [m.value for m in reversed(earlier)]),
	)
	row.validation_score = assessed.validation_score
	row.anomaly_score = assessed.anomaly_score
	row.quality_score = assessed.quality.score
	row.quality_flags = list(assessed.flags)


_REVISIONS = Prepared(
	select(
		func.max(Measurement.revision),
		func.bool_or(Measurement.superseded_at.is_(None) & ~Measurement.is_deleted),
	).where(
		Measurement.metric_id == bindparam("metric_id"),
		Measurement.measurement_date == bindparam("measurement_date"),
		Measurement.data_source.is_not_distinct_from(bindparam("data_source")),
		Measurement.period_start.is_not_distinct_from(bindparam("period_start")),
		Measurement.period_end.is_not_distinct_from(bindparam("period_end")),
	)
)


async def _next_revision(work: Work, row: Any) -> int:
	"""1, or one more than what was withdrawn; a standing reading of the same key is a conflict."""
	key = ("metric_id", "measurement_date", "data_source", "period_start", "period_end")
	found = (await work.fetch(_REVISIONS, **{name: getattr(row, name) for name in key}))[0]
	if found[1]:
		raise _exists()
	return int(found[0] or 0) + 1


def _exists() -> MeasurementExists:
	sentence = _("There is a reading for this moment, period and source; correct that one.")
	return MeasurementExists(
		sentence, problems=[Problem("measurement_date", sentence, "measurement_exists")]
	)


def _recorded(row: Any, *, withdrawn: bool = False) -> MeasurementRecorded:
	return MeasurementRecorded(
		metric_id=row.metric_id,
		measurement_id=row.id,
		measurement_date=moment_text(row.measurement_date),
		supersedes=row.supersedes_id,
		withdrawn=withdrawn,
	)


def _value_changed(metric_id: str, row: Any) -> MetricValueChanged:
	return MetricValueChanged(
		metric_id=metric_id,
		measurement_id=row.id if row else None,
		current_value=amount_text(row.value) if row else None,
		current_date=moment_text(row.measurement_date) if row else None,
	)


async def _standing(work: Work, metric_id: str, measurement_id: str) -> Measurement:
	"""The reading, locked. Raises NotFound, PreconditionFailed, MeasurementSuperseded."""
	row = await work.edit(Measurement, measurement_id)
	if row.metric_id != metric_id:
		raise NotFound(_("measurement not found"))
	if row.superseded_at is not None:
		raise MeasurementSuperseded(
			_("This reading was corrected; correct {id} instead.", id=row.superseded_by_id)
		)
	return row


async def correct(
	work: Work, metric_id: str, measurement_id: str, given: MeasurementPut | MeasurementPatch
) -> Measurement:
	"""A new revision that takes the place of the old one, with the reason.

	Raises as `record` does, and MeasurementSuperseded.
	"""
	metric = await metrics.hold(work, metric_id)
	metric.must_not_be_computed()
	old = await _standing(work, metric_id, measurement_id)
	new = _corrected(old, given)
	_check_names(work, metric_id, new)
	_check_dates(new)
	known = await states.history(work, metric_id)
	earlier = await _before(work, metric_id, new.measurement_date, known)
	fields = _of(work, metric, new, [m for m in earlier if m.id != old.id])
	fields.supersedes_id, fields.correction_reason = old.id, given.reason
	row = Measurement(**vars(fields))
	same = (
		row.measurement_date == old.measurement_date
		and row.data_source == old.data_source
		and row.period_start == old.period_start
		and row.period_end == old.period_end
	)
	row.revision = old.revision + 1 if same else await _next_revision(work, row)
	work.add(row)
	await work.flush()
	old.superseded_at, old.superseded_by_id = utc_now(), row.id
	old.updated_by = work.principal.user_id
	work.publish(_recorded(row))
	newest = await states.renew(work, metric)
	work.publish(_value_changed(metric.id, newest))
	return row


def _corrected(old: Measurement, given: MeasurementPut | MeasurementPatch) -> MeasurementIn:
	if isinstance(given, MeasurementPut):
		return checked(MeasurementIn, given.model_dump(exclude={"reason"}))
	kept: dict[str, Any] = {
		"value": old.value,
		"measurement_date": old.measurement_date,
		"period_start": old.period_start,
		"period_end": old.period_end,
		"data_source": old.data_source,
		"collection_method": old.collection_method,
		"evidence": old.evidence,
		"metadata": old.meta,
		"notes": old.notes,
	}
	changed = given.model_dump(exclude={"reason"}, exclude_unset=True)
	for name in ("value", "measurement_date", "metadata"):
		if name in changed and changed[name] is None:
			raise Invalid.one(name, _("This field cannot be emptied."))
	return checked(MeasurementIn, kept | changed)


async def withdraw(
	work: Work, metric_id: str, measurement_id: str, reason: str | None = None
) -> None:
	"""The reading no longer stands; the record keeps it, with the reason where one is given.

	Raises NotFound, PreconditionFailed, MeasurementSuperseded.
	"""
	metric = await metrics.hold(work, metric_id)
	metric.must_not_be_computed()
	row = await _standing(work, metric_id, measurement_id)
	row.is_deleted = True
	row.updated_by = work.principal.user_id
	row.withdrawal_reason = reason
	work.publish(_recorded(row, withdrawn=True))
	newest = await states.renew(work, metric)
	work.publish(_value_changed(metric.id, newest))


async def read(
	work: Work, metric_id: str, measurement_id: str, date: datetime | None = None
) -> One:
	"""One reading as JSON, also one that no longer stands. Raises NotFound.

	Whoever knows its date spares the database a look into every year.
	"""
	if not is_id(measurement_id) or not is_id(metric_id):
		raise NotFound(_("measurement not found"))
	asked: dict[str, Any] = {"measurement_id": measurement_id, "metric_id": metric_id}
	if date is None:
		return await work.read_one(reading.ONE, Measurement, **asked)
	return await work.read_one(reading.ONE_AT, Measurement, measurement_date=date, **asked)


async def current(work: Work, metric_id: str) -> One | None:
	"""The reading that the current value is, or None while there is none."""
	held = (
		await work.execute(
			select(MetricState.measurement_id, MetricState.current_date).where(
				MetricState.metric_id == metric_id
			)
		)
	).one_or_none()
	if held is None or held.measurement_id is None:
		return None
	statement = reading.select_measurements().where(
		Measurement.id == held.measurement_id, Measurement.measurement_date == held.current_date
	)
	return await work.read_one(statement, Measurement)


MOST_REVISIONS = 100


async def revisions(work: Work, metric_id: str, measurement_id: str) -> list[dict[str, Any]]:
	"""All revisions of one reading as the wire shows them, the first one first. Raises NotFound."""
	chain = [load_json((await read(work, metric_id, measurement_id)).body)]
	while chain[0]["supersedes"] and len(chain) < MOST_REVISIONS:
		chain.insert(0, load_json((await read(work, metric_id, chain[0]["supersedes"])).body))
	while chain[-1]["superseded_by"] and len(chain) < MOST_REVISIONS:
		chain.append(load_json((await read(work, metric_id, chain[-1]["superseded_by"])).body))
	return chain


async def page(
	work: Work,
	metric_id: str,
	*,
	start: datetime | None,
	end: datetime | None,
	everything: bool,
	limit: int,
	offset: int,
) -> Page:
	"""Readings of a metric, the newest first. Raises NotFound."""
	await metrics.metric_of(work, metric_id)
	statement = reading.of_metric(reading.select_measurements(), metric_id, start, end)
	if not everything:
		statement = reading.standing(statement)
	statement = statement.order_by(Measurement.measurement_date.desc(), Measurement.id.desc())
	return await work.read_list(statement, limit=limit, offset=offset)


async def series(
	work: Work,
	metric_id: str,
	span: Span,
	*,
	start: datetime | None = None,
	end: datetime | None = None,
	method: Method | None = None,
) -> Series:
	"""Standing readings by month, quarter or year, exact, with what is missing. Raises NotFound."""
	metric = await metrics.metric_of(work, metric_id)
	statement = reading.standing(
		reading.of_metric(
			select(
				Measurement.value,
				Measurement.measurement_date,
				Measurement.period_start,
				Measurement.period_end,
				Measurement.id,
			),
			metric_id,
			start,
			end,
		)
	).limit(MOST_POINTS + 1)
	rows = (await work.execute(statement)).all()
	if len(rows) > MOST_POINTS:
		raise Invalid.one(
			"from", _("More than {n} readings; choose a shorter time.", n=MOST_POINTS)
		)
	points = [periods.Point(Decimal(r[0]), r[1], r[2], r[3], r[4]) for r in rows]
	return periods.aggregate(
		points,
		span,
		method or Method(metric.aggregation),
		start=start,
		end=end,
		period=MeasurementPeriod(metric.measurement_period),
		until=utc_now(),
	)
