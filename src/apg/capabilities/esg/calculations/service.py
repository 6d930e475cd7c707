"""What can be done with calculations: calculate, do again, compare, read, trace."""

from typing import Any

from sqlalchemy import func, select

from apg.capabilities.esg.activities import reading as activity_reading
from apg.capabilities.esg.activities.models import ActivityRecord, SourceDocument
from apg.capabilities.esg.calculations import reading, running
from apg.capabilities.esg.calculations.lines import lines_of as lines_of
from apg.capabilities.esg.calculations.models import (
	CalculationLine,
	CalculationRun,
	NothingToCalculate,
	RunNotDone,
)
from apg.capabilities.esg.calculations.schemas import CalculationIn, Mode
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.settings import esg_settings
from apg.capabilities.esg.shared import calculation
from apg.capabilities.esg.shared.factor import Factor
from apg.kernel.database import load_json
from apg.kernel.errors import NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

DIRECT = 2_000  # records that are calculated while the caller waits
CALCULATE_TASK = "esg.calculations.calculate"
KEY = "esg.calculations/{run_id}"


async def start(work: Work, new: CalculationIn) -> CalculationRun:
	"""A run over the records that stand now: done at once where they are few, else by a worker.

	Raises NothingToCalculate, Invalid.
	"""
	gwp = await factors.gwp_set(work, new.gwp_set or esg_settings().gwp_set)
	run = CalculationRun(
		title=new.title,
		mode="new",
		selection=new.selection.model_dump(mode="json", exclude_none=True),
		gwp_set=gwp.code,
	)
	return await _begin(work, run)


async def rerun(work: Work, run_id: str, mode: Mode) -> CalculationRun:
	"""The calculation again, as a run of its own; the first one stays as it is.

	Raises NotFound, RunNotDone, NothingToCalculate.
	"""
	old = await done(work, run_id)
	run = CalculationRun(
		title=old.title,
		mode=mode,
		rerun_of_id=old.id,
		selection=old.selection,
		gwp_set=old.gwp_set,
	)
	return await _begin(work, run)


async def _begin(work: Work, run: CalculationRun) -> CalculationRun:
	run.method, run.engine = calculation.METHOD, calculation.ENGINE
	run.as_of, run.state = utc_now(), "running"
	run.line_count = 0
	run.record_count = await _count(work, run)
	if run.record_count == 0:
		raise NothingToCalculate(
			_("No record stands in this selection; widen it, or record activities first.")
		)
	work.add(run)
	await work.flush()
	if run.record_count > DIRECT:
		work.enqueue(CALCULATE_TASK, run_id=run.id)
		return run
	while await running.advance(work, run):
		pass
	await running.finish(work, run)
	return run


async def _count(work: Work, run: CalculationRun) -> int:
	if run.mode in ("same", "factors"):
		statement = select(func.count()).where(CalculationLine.run_id == run.rerun_of_id)
	else:
		statement = select(func.count()).select_from(reading.records_at(run).subquery())
	return int(await work.scalar(statement))


async def done(work: Work, run_id: str) -> CalculationRun:
	"""The run, if it is done. Raises NotFound, RunNotDone."""
	run = await work.get(CalculationRun, run_id)
	if run.state != "done":
		raise RunNotDone(run.failure or _("The calculation still runs; look again in a moment."))
	return run


async def fail(work: Work, run_id: str, reason: str) -> None:
	"""Ends a run that cannot go on, with the reason; its lines stay without a seal."""
	run = await work.edit(CalculationRun, run_id)
	if run.state == "running":
		run.state, run.failure, run.finished_at = "failed", reason, utc_now()


async def read(work: Work, run_id: str) -> One:
	"""Raises NotFound."""
	return await work.read_one(
		reading.select_runs().where(CalculationRun.id == run_id), CalculationRun
	)


async def page(
	work: Work,
	*,
	limit: int,
	offset: int,
	sort: tuple[tuple[str, bool], ...] = (("created_at", True),),
) -> Page:
	"""Runs in a total order; `sort` holds (field, descending)."""
	statement = reading.select_runs()
	for name, descending in sort:
		column = reading.SORTABLE[name]
		falling = column.desc().nulls_last() if name == "co2e" else column.desc()
		statement = statement.order_by(falling if descending else column)
	return await work.read_list(
		statement.order_by(CalculationRun.id.desc()), limit=limit, offset=offset
	)


async def lines(
	work: Work,
	run_id: str,
	*,
	limit: int,
	offset: int,
	activity_code: str | None = None,
	missing: bool | None = None,
	sort: tuple[tuple[str, bool], ...] = (("co2e", True),),
) -> Page:
	"""Lines of a run, the largest first; gaps come first, since they may hide anything."""
	await work.get(CalculationRun, run_id)
	statement = reading.select_lines().where(CalculationLine.run_id == run_id)
	if activity_code is not None:
		statement = statement.where(CalculationLine.activity_code == activity_code)
	if missing is not None:
		gap = CalculationLine.missing.is_not(None)
		statement = statement.where(gap if missing else ~gap)
	for name, descending in sort:
		column = reading.LINES_SORTABLE[name]
		statement = statement.order_by(column.desc().nulls_first() if descending else column)
	return await work.read_list(statement.order_by(CalculationLine.id), limit=limit, offset=offset)


async def groups(work: Work, run_id: str) -> list[dict[str, Any]]:
	"""Lines of a run by activity: figure, lines and gaps, the largest first."""
	return load_json(await work.read_json(reading.select_groups(run_id)))


async def gases(work: Work, run_id: str) -> list[dict[str, Any]]:
	"""kg CO2e of a run by gas, the largest first."""
	return load_json(await work.read_json(reading.select_gases(run_id)))


async def reruns(work: Work, run_id: str) -> list[dict[str, Any]]:
	"""The newest runs that did this one again."""
	statement = (
		reading.select_runs()
		.where(CalculationRun.rerun_of_id == run_id)
		.order_by(CalculationRun.id.desc())
		.limit(10)
	)
	return load_json(await work.read_json(statement))


async def compare(
	work: Work, old_id: str, new_id: str, *, limit: int, offset: int = 0
) -> dict[str, Any]:
	"""Two runs beside each other: totals, and the records whose lines differ, with why.

	Raises NotFound, RunNotDone.
	"""
	old, new = await done(work, old_id), await done(work, new_id)
	found = await work.read_list(
		reading.select_differences(old.id, new.id), limit=limit, offset=offset
	)
	assert old.co2e is not None
	assert new.co2e is not None
	return {
		"old_id": old.id,
		"new_id": new.id,
		"equal": old.seal == new.seal,
		"old_seal": old.seal,
		"new_seal": new.seal,
		"old_co2e": old.co2e,
		"new_co2e": new.co2e,
		"difference": new.co2e - old.co2e,
		"hit": found.total,
		"lines": load_json(found.body),
	}


async def trace(work: Work, run_id: str, line_id: str) -> dict[str, Any]:
	"""A line with all it stands on. Raises NotFound."""
	if not is_id(run_id) or not is_id(line_id):
		raise NotFound(_("line of a calculation not found"))
	held = await work.find(CalculationLine, line_id)
	if held is None or held.run_id != run_id:
		raise NotFound(_("line of a calculation not found"))
	statement = reading.select_lines().where(CalculationLine.id == line_id)
	line = load_json((await work.read_one(statement, CalculationLine)).body)
	gwp = await factors.gwp_set(work, held.gwp_set)
	known = await factors.factors_of(
		work, {held.factor_version_id} if held.factor_version_id else set()
	)
	factor = known.get(held.factor_version_id or "")
	return {
		"line": line,
		"formula": formula(line, held.per_unit),
		**await record_facts(work, held.activity_row_id),
		"factor": factor_facts(factor) if factor else None,
		"gwp_source": gwp.source,
	}


async def record_facts(work: Work, activity_row_id: str) -> dict[str, Any]:
	"""The version of the record a line was calculated from, and its document."""
	row = await work.read_one(
		activity_reading.select_activities().where(ActivityRecord.id == activity_row_id),
		ActivityRecord,
	)
	record: dict[str, Any] = load_json(row.body)
	document = None
	if record["document_id"]:
		found = await work.read_one(
			activity_reading.select_documents().where(SourceDocument.id == record["document_id"]),
			SourceDocument,
		)
		document = load_json(found.body)
	return {"record": record, "document": document}


def factor_facts(factor: Factor) -> dict[str, Any]:
	"""What a trace tells of a factor: its figures, and where they were printed."""
	return {
		"version_id": factor.version_id,
		"factor_id": factor.factor_id,
		"name": factor.name,
		"activity_code": factor.activity_code,
		"region": factor.region,
		"unit": factor.unit,
		"valid_from": factor.valid_from,
		"valid_to": factor.valid_to,
		"native_gwp_set": factor.native_gwp_set,
		"gases": dict(factor.gases),
		"co2e": factor.co2e,
		"biogenic_co2": factor.biogenic_co2,
		"low": factor.low,
		"high": factor.high,
		"source": factor.source,
		"edition": factor.edition,
		"licence": factor.licence,
		"locator": factor.locator,
		"file_sha256": factor.file_sha256,
		"sha256": factor.sha256,
		"layer": factor.layer,
	}


def formula(line: dict[str, Any], per_unit: str | None) -> list[str]:
	"""The calculation of a line with its numbers filled in, one step a text; empty for a gap."""
	if line["missing"]:
		return []
	steps: list[str] = []
	amount = f"{_plain(line['quantity'])} {line['unit']}"
	for step in line["conversions"]:
		steps.append(
			f"{amount} × {step['factor']} {step['to']}/{step['from']} = "
			f"{_plain(line['normalised'])} {step['to']}"
		)
	amount = f"{_plain(line['normalised'])} {line['normalised_unit']}"
	if line["factor_version_id"]:
		steps.append(
			f"{amount} × {per_unit} kgCO2e/{line['normalised_unit']} = {_plain(line['co2e'])} kgCO2e"
		)
	return steps


def _plain(value: Any) -> str:
	return format(value, "f") if hasattr(value, "as_tuple") else str(value)
