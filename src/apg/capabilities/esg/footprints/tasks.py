"""Footprints of large structures, computed by a worker with progress."""

from datetime import date
from typing import TYPE_CHECKING

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.footprints import service
from apg.capabilities.esg.footprints.computing import compute
from apg.capabilities.esg.footprints.models import Footprint
from apg.capabilities.esg.footprints.recording import put_on_record
from apg.kernel.errors import AppError
from apg.kernel.events import GiveUp
from apg.kernel.tasks import task

if TYPE_CHECKING:
	from apg.kernel.worker import Run

STEPS = 3  # read, computed, recorded


@task(
	name=service.TASK,
	steps=True,
	as_user=True,
	permission=may.FOOTPRINTS_CREATE,
	key=service.progress_key("{footprint_id}"),
	retries=2,
)
async def record_footprint(
	run: "Run", footprint_id: str, revision_id: str, view: str, day: str, gwp_set: str
) -> None:
	"""Computes and records one footprint; run again, it finds it there and ends."""
	try:
		async with run.open() as work:
			if await work.find(Footprint, footprint_id) is not None:
				return
			await run.report(work, 0, STEPS)
		async with run.open() as work:
			made = await compute(
				work, revision_id, view, on=date.fromisoformat(day), gwp_set=gwp_set or None
			)
			async with run.open() as beside:
				await run.report(beside, 1, STEPS)
			await put_on_record(work, made, footprint_id)
			async with run.open() as beside:
				await run.report(beside, 2, STEPS)
		async with run.open() as work:
			await run.report(work, STEPS, STEPS)
	except AppError as error:
		raise GiveUp(error.message) from error
