"""Calculations of many records, by a worker, a piece a transaction."""

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.calculations import running, service
from apg.capabilities.esg.calculations.models import CalculationRun
from apg.kernel.errors import AppError, Unavailable
from apg.kernel.events import GiveUp
from apg.kernel.tasks import task
from apg.kernel.web.envelopes import as_app_error

if TYPE_CHECKING:
	from apg.kernel.worker import Run

RETRIES = 2


@task(
	name=service.CALCULATE_TASK,
	steps=True,
	as_user=True,
	permission=may.CALCULATIONS_CREATE,
	key=service.KEY,
	retries=RETRIES,
)
async def calculate(run: "Run", run_id: str) -> None:
	"""All pieces of a run, then its seal; a stopped run goes on where it was."""
	try:
		while True:
			async with run.open() as work:
				held = await work.edit(CalculationRun, run_id)
				if held.state != "running":
					return
				counted = await running.advance(work, held)
				if counted == 0:
					await running.finish(work, held)
				await run.report(work, held.line_count, held.record_count)
				if counted == 0:
					return
	except (AppError, DBAPIError) as error:
		told = as_app_error(error)
		if isinstance(told, Unavailable) and run.attempt <= RETRIES:
			raise
		async with run.open() as work:
			await service.fail(work, run_id, told.message)
		raise GiveUp(told.message) from error
