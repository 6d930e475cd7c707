"""Large files: read, compared and taken over by a worker, with progress."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.imports import opening, service
from apg.capabilities.plm.imports.files import FileRead
from apg.capabilities.plm.imports.models import Import, ImportState, PreviewStale
from apg.kernel.errors import AppError, Unavailable
from apg.kernel.events import GiveUp
from apg.kernel.tasks import Cancelled, task
from apg.kernel.web.envelopes import as_app_error
from apg.kernel.work import Work

if TYPE_CHECKING:
	from apg.kernel.worker import Run

RETRIES = 2
ASKED_SECONDS = 1.0
Read = TypeVar("Read")
KEY = service.progress_key("{import_id}")


@task(
	name=service.PREVIEW_TASK,
	steps=True,
	as_user=True,
	permission=may.IMPORTS_CREATE,
	key=KEY,
	retries=RETRIES,
)
async def preview_import(run: "Run", import_id: str) -> None:
	"""The dry run of one file; a file that cannot be read ends its import with the reason."""
	try:
		async with run.open() as work:
			held = await work.get(Import, import_id)
			if held.state != ImportState.UPLOADED:
				return
			await run.report(work, 0)
			asked = await service.asked(work, held)
		read = await _while_wanted(run, opening.open_kept(asked))
		async with run.open() as work:
			held = await work.edit(Import, import_id)
			# Whoever changed it meanwhile also asked for another preview.
			if held.state == ImportState.UPLOADED and held.version == asked.version:
				await service.preview(work, held, read)
	except Cancelled:
		await _end(run, import_id, "", ImportState.CANCELLED)
		raise
	except (AppError, DBAPIError) as error:
		await _failed(run, import_id, error)


async def _while_wanted(run: "Run", deed: Coroutine[Any, Any, Read]) -> Read:
	"""Waits for the deed and asks each second whether it is still wanted; Cancelled ends it."""
	doing = asyncio.create_task(deed)
	try:
		while not (await asyncio.wait({doing}, timeout=ASKED_SECONDS))[0]:
			async with run.open() as beside:
				await run.report(beside, 0)
	finally:
		if not doing.done():
			doing.cancel()
			await asyncio.wait({doing})
	return await doing


@task(
	name=service.TAKE_OVER_TASK,
	steps=True,
	as_user=True,
	permission=may.IMPORTS_CREATE,
	key=KEY,
	retries=RETRIES,
)
async def take_over_import(run: "Run", import_id: str) -> None:
	"""Takes one file over in one transaction; whatever stops it, the record is as it was."""

	async def report(done: int, total: int) -> None:
		async with run.open() as beside:
			await run.report(beside, done, total)

	read: FileRead | None = None
	try:
		async with run.open() as work:
			held = await work.get(Import, import_id)
			if held.state != ImportState.RUNNING:
				return
			await report(0, sum(held.counts.get("parts", {}).values()))
			asked = await service.asked(work, held)
		read = await _while_wanted(run, opening.open_kept(asked))
		async with run.open() as work:
			held = await work.get(Import, import_id)
			if held.state == ImportState.RUNNING:
				await service.take_over(work, held, report, read)
	except Cancelled:
		await _end(run, import_id, "", ImportState.CANCELLED)
		raise
	except PreviewStale as error:
		async with run.open() as work:
			held = await work.edit(Import, import_id)
			await service.preview(work, held, read)
			held.failure = error.message
	except (AppError, DBAPIError) as error:
		await _failed(run, import_id, error)


@task(name="plm.imports.end_abandoned")
async def end_abandoned(work: Work) -> None:
	"""Nightly: imports that nobody came back to."""
	await service.end_abandoned(work)


async def _failed(run: "Run", import_id: str, error: AppError | DBAPIError) -> None:
	"""Ends the import in words, or lets the task run again where that may help."""
	told = as_app_error(error)
	if isinstance(told, Unavailable) and run.attempt <= RETRIES:
		raise error
	await _end(run, import_id, told.message, ImportState.FAILED)
	raise GiveUp(told.message) from error


async def _end(run: "Run", import_id: str, reason: str, state: ImportState) -> None:
	async with run.open() as work:
		await service.end(work, import_id, reason, state)


TASKS = (preview_import, take_over_import, end_abandoned)
