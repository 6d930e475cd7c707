"""A run in pieces: each is one short transaction, and a run that was stopped goes on where it was."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, select

from apg.capabilities.esg.activities.models import ActivityRecord, record_of
from apg.capabilities.esg.activities.service import records_of
from apg.capabilities.esg.calculations import reading
from apg.capabilities.esg.calculations.lines import Choice, choose, kept_choices, row_of
from apg.capabilities.esg.calculations.models import CalculationLine, CalculationRun
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.shared import calculation, seals
from apg.capabilities.esg.shared.activity_words import State
from apg.capabilities.esg.shared.calculation import Record
from apg.contracts.esg import CalculationDone
from apg.kernel.rows import insert_rows
from apg.kernel.stamps import utc_now
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work

PIECE = 5_000


async def advance(work: Work, run: CalculationRun, piece: int = PIECE) -> int:
	"""Calculates the next records of a run and keeps their lines; answers how many these were.

	0 says that all is calculated; `finish` then seals the run.
	"""
	if run.mode in ("same", "factors"):
		pairs, reached = await _of_lines(work, run, piece)
	else:
		pairs, reached = await _of_records(work, run, piece)
	if not pairs:
		return 0
	gwp = await factors.gwp_set(work, run.gwp_set)
	records = [record for record, _choice in pairs]
	lines = calculation.calculate(records, [choice for _record, choice in pairs], gwp)
	await insert_rows(work, CalculationLine, [row_of(run.id, line) for line in lines])
	run.reached_id = reached
	run.line_count = run.line_count + len(lines)
	await work.flush()
	return len(lines)


Pairs = Sequence[tuple[Record, Choice]]


async def _of_records(work: Work, run: CalculationRun, piece: int) -> tuple[Pairs, str | None]:
	statement = reading.records_at(run).order_by(ActivityRecord.id).limit(piece)
	if run.reached_id is not None:
		statement = statement.where(ActivityRecord.id > run.reached_id)
	records = [record_of(row) for row in (await work.execute(statement)).all()]
	choices = await choose(work, records)
	reached = records[-1].row_id if records else None
	return list(zip(records, choices, strict=True)), reached


async def _of_lines(work: Work, run: CalculationRun, piece: int) -> tuple[Pairs, str | None]:
	"""The records of an earlier run, with its factors or with those of today."""
	L = CalculationLine
	statement = select(L).where(L.run_id == run.rerun_of_id).order_by(L.id).limit(piece)
	if run.reached_id is not None:
		statement = statement.where(L.id > run.reached_id)
	held: list[CalculationLine] = await work.scalars(statement)
	if not held:
		return [], None
	records = await records_of(work, {line.activity_row_id for line in held})
	if run.mode == "same":
		return await kept_choices(work, held, records), held[-1].id
	ordered = [records[line.activity_row_id] for line in held]
	return list(zip(ordered, await choose(work, ordered), strict=True)), held[-1].id


async def finish(work: Work, run: CalculationRun) -> None:
	"""Totals and the seal over all lines; from here on the run does not change."""
	L = CalculationLine
	unapproved = func.count(case((ActivityRecord.state.not_in([State.APPROVED, State.LOCKED]), 1)))
	told: Any = (
		await work.execute(
			select(
				func.count(),
				func.count(L.missing),
				func.count(case((L.is_estimated, 1))),
				func.count(case((L.as_published, 1))),
				unapproved,
				func.coalesce(func.sum(L.co2e), 0),
				func.sum(L.biogenic_co2),
			)
			.select_from(L)
			.join(ActivityRecord, ActivityRecord.id == L.activity_row_id)
			.where(L.run_id == run.id)
		)
	).one()
	run.line_count, run.missing_count, run.estimated_count = told[0], told[1], told[2]
	run.as_published_count, run.unapproved_count = told[3], told[4]
	run.co2e, run.biogenic_co2 = told[5], told[6]
	run.record_count = run.line_count
	run.seal = seal = seals.seal_of_run(
		await work.scalars(select(L.seal).where(L.run_id == run.id)),
		gwp_set=run.gwp_set,
		method=run.method,
		engine=run.engine,
	)
	run.state, run.finished_at = "done", utc_now()
	await work.flush()
	work.publish(
		CalculationDone(
			calculation_id=run.id,
			lines=run.line_count,
			missing=run.missing_count,
			co2e=amount_text(told[5]),
			seal=seal,
		)
	)
