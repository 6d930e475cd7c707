"""From a file to products and structures: kept, compared, corrected, taken over all or nothing."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.plm.imports import reading, spool
from apg.capabilities.plm.imports.applying import Report, carry_out
from apg.capabilities.plm.imports.columns import Field
from apg.capabilities.plm.imports.files import (
	FileRead,
	Options,
	is_small,
	kind_of,
	read_file,
)
from apg.capabilities.plm.imports.models import (
	OVER,
	Import,
	ImportState,
	PreviewStale,
)
from apg.capabilities.plm.imports.noting import note
from apg.capabilities.plm.imports.planning import make_plan
from apg.capabilities.plm.imports.plans import Plan
from apg.capabilities.plm.imports.readers import Kind, Unreadable
from apg.capabilities.plm.imports.schemas import ImportOptions, ImportPatch
from apg.capabilities.plm.imports.spool import Kept
from apg.kernel import tasks
from apg.kernel.errors import Conflict, Gone
from apg.kernel.json_rows import One, Page
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.tasks import Progress
from apg.kernel.texts import _
from apg.kernel.work import Work, open_work

ACTION = "plm.imports.create"
NAME = 200
_TAKEN = (ImportState.DONE, ImportState.RUNNING)
PREVIEW_TASK, TAKE_OVER_TASK = "plm.imports.preview", "plm.imports.take_over"


def _enqueue(work: Work, name: str, import_id: str) -> None:
	# Tasks stand above services; the composition knows them by name.
	found = (
		task
		for capability in work.runtime.composition.capabilities
		for task in capability.tasks
		if task.name == name
	)
	work.enqueue(next(found), import_id=import_id)


def progress_key(import_id: str) -> str:
	return f"plm-import-{import_id}"


async def pieces(content: bytes) -> AsyncIterator[bytes]:
	for start in range(0, len(content), spool.CHUNK):
		yield content[start : start + spool.CHUNK]


async def create(
	work: Work, file_name: str, chunks: AsyncIterator[bytes], options: ImportOptions
) -> Import:
	"""Keeps the file and compares it, in this request if it is small, else by a task.

	Raises Unreadable for a file that is no table and no known export, TooLarge.
	"""
	settings = work.runtime.settings
	kept = await spool.keep(settings.home, work.principal.tenant_id, chunks, 100_000_000)
	import_id = new_id()
	try:
		content = await to_thread(kept.path.read_bytes)
		kind = await to_thread(kind_of, content)
		made = work.add(
			Import(
				id=import_id,
				file_name=clean_name(file_name),
				file_size=kept.size,
				file_sha256=kept.sha256,
				kind=kind.value,
				options=options.model_dump(exclude_none=True),
			)
		)
		await work.flush()
		if is_small(content, kind):
			await preview(work, made, content)
		else:
			_enqueue(work, PREVIEW_TASK, made.id)
	except Unreadable:
		await _drop_unused(work, kept, import_id)
		raise
	return made


def clean_name(name: str) -> str:
	"""The last part of a path, without what no screen should show."""
	last = name.replace("\\", "/").rsplit("/", 1)[-1]
	return "".join(char if char.isprintable() else "\ufffd" for char in last)[:NAME] or "file"


async def _drop_unused(work: Work, kept: Kept, import_id: str) -> None:
	"""Removes a file that was refused, unless another import that is under way has the same one."""
	if not await _is_used(work, kept.sha256, but=import_id):
		kept.path.unlink(missing_ok=True)


async def _is_used(work: Work, sha256: str, but: str | None = None) -> bool:
	statement = select(func.count()).where(
		Import.file_sha256 == sha256, Import.state.not_in(sorted(OVER))
	)
	if but is not None:
		statement = statement.where(Import.id != but)
	with work.session.no_autoflush:
		return bool(await work.scalar(statement))


async def content_of(work: Work, held: Import) -> bytes:
	"""The bytes of the file. Raises Gone when they are no longer kept."""
	path = spool.place_of(work.runtime.settings.home, work.principal.tenant_id, held.file_sha256)
	try:
		return await to_thread(path.read_bytes)
	except FileNotFoundError:
		raise Gone(_("The file is no longer kept; upload it again.")) from None


async def _read(held: Import, content: bytes) -> FileRead:
	return await to_thread(
		read_file, content, Kind(held.kind), Options.of(held.options), dict(held.mapping)
	)


async def preview(work: Work, held: Import, content: bytes | None = None) -> Plan:
	"""The dry run: reads, matches, checks every row and writes down what would change."""
	content = await content_of(work, held) if content is None else content
	read = await _read(held, content)
	plan = await make_plan(work, read.bom, read.source)
	await note(work, held, read, plan)
	return plan


async def correct(work: Work, import_id: str, patch: ImportPatch) -> Import:
	"""Other meanings of columns, another way to read the table: a new preview.

	Raises NotFound, ImportNotOpen, PreconditionFailed, Invalid for a heading that is not there.
	"""
	(await work.get(Import, import_id)).must_be_open()
	held = await work.edit(Import, import_id)
	held.must_be_open()
	given = patch.model_dump(exclude_unset=True, exclude={"columns"}, mode="json")
	options = {
		name: value for name, value in {**held.options, **given}.items() if value is not None
	}
	held.options = ImportOptions.model_validate(options).model_dump(exclude_none=True)
	held.mapping = {
		**held.mapping,
		**{heading: field.value if field else None for heading, field in patch.columns.items()},
	}
	content = await content_of(work, held)
	if is_small(content, Kind(held.kind)):
		await preview(work, held, content)
	else:
		held.state = ImportState.UPLOADED
		_enqueue(work, PREVIEW_TASK, held.id)
	return held


async def accept(work: Work, import_id: str) -> Import:
	"""Takes the file over, in this request if it is small, else by a task. Again: nothing happens.

	Raises NotFound, ImportNotOpen, ImportHasProblems, PreviewStale.
	"""
	if (found := await work.get(Import, import_id)).state in _TAKEN:
		return found
	held = await work.edit(Import, import_id)
	if held.state in _TAKEN:
		return held
	held.must_be_acceptable()
	content = await content_of(work, held)
	if is_small(content, Kind(held.kind)):
		await take_over(work, held, content)
	else:
		held.state = ImportState.RUNNING
		_enqueue(work, TAKE_OVER_TASK, held.id)
	return held


async def take_over(work: Work, held: Import, content: bytes, report: Report | None = None) -> None:
	"""Compares once more under locks, and writes. Raises PreviewStale when that is not what was shown."""
	read = await _read(held, content)
	plan = await make_plan(work, read.bom, read.source, lock=True)
	if plan.errors or plan.fingerprint != held.fingerprint:
		raise PreviewStale(
			_(
				"Products changed since the preview, so other changes would be made than were "
				"shown. Look at a new preview (PATCH with an empty body)."
			)
		)
	await carry_out(work, plan, report)
	_finish(work, held, ImportState.DONE)
	await work.flush()


def _finish(work: Work, held: Import, state: ImportState) -> None:
	held.state, held.finished_at = state, utc_now()
	runtime, principal = work.runtime, work.principal
	import_id, sha256 = held.id, held.file_sha256

	async def tidy() -> None:
		async with open_work(
			runtime, principal, action=ACTION, origin="task", read_only=True
		) as after:
			if not await _is_used(after, sha256, but=import_id):
				path = spool.place_of(runtime.settings.home, principal.tenant_id, sha256)
				path.unlink(missing_ok=True)

	work.after_commit(tidy)


async def cancel(work: Work, import_id: str) -> Import:
	"""Gives the import up; a running one stops at its next step and leaves nothing behind.

	Raises NotFound, Conflict when it is over.
	"""
	held = await work.get(Import, import_id)
	told = await progress(work, import_id)
	if told is not None and told.state in ("waiting", "running"):
		await tasks.cancel(work, progress_key(import_id))
		if told.state == "running":
			return held  # the task ends it at its next step
	held = await work.edit(Import, import_id)
	if held.state == ImportState.CANCELLED:
		return held
	if held.state in OVER:
		raise Conflict(
			_("The import is {state}; there is nothing to cancel.", state=_(held.state)),
			code="IMPORT_NOT_OPEN",
		)
	_finish(work, held, ImportState.CANCELLED)
	return held


async def end(work: Work, import_id: str, reason: str, state: ImportState) -> None:
	"""Ends an import that a task did not carry through, in words for the person who asked."""
	held = await work.edit(Import, import_id, compare=False)
	if held.state not in OVER:
		held.failure = reason or None
		_finish(work, held, state)


async def import_now(
	runtime: Runtime, principal: Principal, name: str, content: bytes, *, dry_run: bool
) -> dict[str, Any]:
	"""The whole way at once, for commands: `{"summary", "accepted", "problems", "counts"}`.

	With problems nothing is taken; the import stays open so that they can be looked at. A file that
	changes nothing, and a dry run, write nothing at all.
	"""
	kind = kind_of(content)
	read = await to_thread(read_file, content, kind, Options(), {})
	async with open_work(runtime, principal, action=ACTION, origin="cli") as work:
		plan = await make_plan(work, read.bom, read.source, lock=not dry_run)
		problems = [
			{
				"severity": each.severity.value,
				"row": each.row,
				"column": each.column,
				"value": each.value,
				"reason": each.reason,
				"remedy": each.remedy,
			}
			for each in plan.problems
		]
		result: dict[str, Any] = {"problems": problems, "counts": plan.counts()}
		if dry_run or (plan.diff.empty and not plan.errors):
			accepted = not plan.errors and not dry_run
			return {"summary": summary(plan, dry_run=dry_run), "accepted": accepted, **result}
		home, tenant_id = runtime.settings.home, principal.tenant_id
		held = work.add(
			Import(
				file_name=clean_name(name),
				file_size=len(content),
				file_sha256="",
				kind=kind.value,
				options=ImportOptions().model_dump(exclude_none=True),
			)
		)
		kept = await spool.keep(home, tenant_id, pieces(content), 100_000_000)
		held.file_sha256 = kept.sha256
		await work.flush()
		await note(work, held, read, plan)
		if not plan.errors:
			await carry_out(work, plan)
			_finish(work, held, ImportState.DONE)
		return {
			"summary": summary(plan, dry_run=False),
			"accepted": not plan.errors,
			"import_id": held.id,
			**result,
		}


def summary(plan: Plan, *, dry_run: bool) -> str:
	"""One sentence of what happened or would happen."""
	if plan.errors:
		return _("{n} problems; nothing was imported.", n=len(plan.errors))
	counts = plan.counts()
	if plan.diff.empty:
		return _(
			"Nothing to change: {parts} parts and {lines} lines are as the file says.",
			parts=counts["parts"]["unchanged"],
			lines=counts["lines"]["unchanged"],
		)
	told = ", ".join(
		f"{_(what)}: " + ", ".join(f"{n} {_(kind)}" for kind, n in counted.items() if n)
		for what, counted in counts.items()
		if any(n for kind, n in counted.items() if kind != "unchanged")
	)
	return _("Would change: {told}.", told=told) if dry_run else _("Imported: {told}.", told=told)


# reading


async def read(work: Work, import_id: str) -> One:
	"""One import as JSON. Raises NotFound."""
	return await work.read_one(reading.select_imports().where(Import.id == import_id), Import)


async def page(work: Work, *, number: int, size: int) -> Page:
	"""One page of imports, the newest first."""
	statement = reading.select_imports().order_by(Import.created_at.desc(), Import.id.desc())
	return await work.read_list(statement, limit=size, offset=(number - 1) * size)


async def columns(work: Work, import_id: str) -> dict[str, Any]:
	"""How the columns were understood. Raises NotFound."""
	held = await work.get(Import, import_id)
	empty: dict[str, Any] = {"columns": [], "sample": [], "shape": None, "notes": []}
	return {**empty, **held.preview, "fields": [each.value for each in Field]}


async def problems(
	work: Work, import_id: str, *, severity: str | None, number: int, size: int
) -> Page:
	"""One page of problems. Raises NotFound."""
	await work.get(Import, import_id)
	statement = reading.select_problems(import_id, severity)
	return await work.read_list(statement, limit=size, offset=(number - 1) * size)


async def changes(
	work: Work,
	import_id: str,
	*,
	subject: str | None,
	kind: str | None,
	number: int,
	size: int,
) -> Page:
	"""One page of what would change, or has changed. Raises NotFound."""
	await work.get(Import, import_id)
	statement = reading.select_changes(import_id, subject, kind)
	return await work.read_list(statement, limit=size, offset=(number - 1) * size)


async def progress(work: Work, import_id: str) -> Progress | None:
	"""How far the task of a large import is."""
	return await tasks.progress(work, progress_key(import_id))
