"""Files of activity records: read, checked and taken by a worker."""

from typing import TYPE_CHECKING

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import ingest
from apg.capabilities.esg.bulk.reading import KEY
from apg.kernel import bulk
from apg.kernel.tasks import task

if TYPE_CHECKING:
	from apg.kernel.worker import Run


@task(
	name=ingest.TASK,
	steps=True,
	as_user=True,
	permission=may.ACTIVITIES_CREATE,
	key=KEY + "{import_id}",
	retries=bulk.RETRIES,
)
async def take_bulk(run: "Run", import_id: str) -> None:
	"""Goes on from wherever the import stands, also after a kill."""
	await bulk.carry(run, import_id, ingest.BULK)
