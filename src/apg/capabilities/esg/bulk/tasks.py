"""Imports that nobody goes on with are ended by night, so that nothing stays hidden or staged."""

from sqlalchemy import text

from apg.capabilities.esg.bulk import service
from apg.kernel.tasks import Schedule, every, task
from apg.kernel.work import Work


@task(name="esg.bulk.end_abandoned", key="all")
async def end_abandoned(work: Work) -> None:
	"""Of one company: what each of them took is removed by its own task."""
	rows = await work.execute(text(service.ABANDONED), {"hours": service.QUIET_HOURS})
	for import_id, kind in rows.all():
		await service.abandon(work, str(import_id), kind)


SCHEDULES: tuple[Schedule, ...] = (every("7 4 * * *", end_abandoned),)
