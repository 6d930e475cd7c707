"""Large files of factors: read, checked and taken by a worker."""

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.factor_files import service
from apg.capabilities.esg.factor_files.models import FactorImport, ImportState
from apg.kernel.errors import AppError, Unavailable
from apg.kernel.events import GiveUp
from apg.kernel.tasks import Cancelled, task
from apg.kernel.web.envelopes import as_app_error

if TYPE_CHECKING:
	from apg.kernel.worker import Run

RETRIES = 2
KEY = service.progress_key("{import_id}")


@task(
	name=service.CHECK_TASK,
	steps=True,
	as_user=True,
	permission=may.FACTORS_CREATE,
	key=KEY,
	retries=RETRIES,
)
async def check_import(run: "Run", import_id: str) -> None:
	"""The dry run of one file; a file that cannot be read ends its import with the reason."""
	await _step(run, import_id, ImportState.UPLOADED)


@task(
	name=service.TAKE_TASK,
	steps=True,
	as_user=True,
	permission=may.FACTORS_CREATE,
	key=KEY,
	retries=RETRIES,
)
async def take_import(run: "Run", import_id: str) -> None:
	"""Takes one file in one transaction; whatever stops it, the record is as it was."""
	await _step(run, import_id, ImportState.RUNNING)


async def _step(run: "Run", import_id: str, state: ImportState) -> None:
	try:
		async with run.open() as work:
			await work.get(FactorImport, import_id)
			await run.report(work, 0)
		async with run.open() as work:
			held = await work.edit(FactorImport, import_id)
			if held.state != state:
				return
			if state == ImportState.UPLOADED:
				await service.examine(work, held)
			else:
				await service.take(work, held)
	except Cancelled:
		await _end(run, import_id, "", ImportState.CANCELLED)
		raise
	except (AppError, DBAPIError) as error:
		failure = as_app_error(error)
		if isinstance(failure, Unavailable) and run.attempt <= RETRIES:
			raise
		await _end(run, import_id, failure.message, ImportState.FAILED)
		raise GiveUp(failure.message) from error


async def _end(run: "Run", import_id: str, reason: str, state: ImportState) -> None:
	async with run.open() as work:
		await service.end(work, import_id, reason, state)
