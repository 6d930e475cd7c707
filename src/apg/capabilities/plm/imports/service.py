"""From a file to products and structures: kept, compared, corrected, taken over all or nothing."""

import tempfile
from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.imports import memory, opening, reading
from apg.capabilities.plm.imports.applying import Report, carry_out
from apg.capabilities.plm.imports.columns import Field
from apg.capabilities.plm.imports.files import FORMS, KINDS, FileRead, Form, Options, is_small
from apg.capabilities.plm.imports.matching import NEW
from apg.capabilities.plm.imports.models import (
	OVER,
	Import,
	ImportState,
	PreviewStale,
)
from apg.capabilities.plm.imports.noting import note
from apg.capabilities.plm.imports.opening import Asked
from apg.capabilities.plm.imports.planning import make_plan
from apg.capabilities.plm.imports.plans import Plan
from apg.capabilities.plm.imports.schemas import ImportOptions, ImportPatch
from apg.capabilities.plm.products import bulk as products
from apg.kernel import file_kinds, tasks, uploads
from apg.kernel.errors import Conflict, Gone, Invalid, NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.tasks import Progress
from apg.kernel.texts import _
from apg.kernel.work import Work, open_work

ACTION = "plm.imports.create"
HOLDER = "plm_imports"
ABANDONED_DAYS = 14
_TAKEN = (ImportState.DONE, ImportState.RUNNING)
PREVIEW_TASK, TAKE_OVER_TASK = "plm.imports.preview", "plm.imports.take_over"


def progress_key(import_id: str) -> str:
	return f"plm-import-{import_id}"


async def pieces(content: bytes) -> AsyncIterator[bytes]:
	for start in range(0, len(content), uploads.CHUNK):
		yield content[start : start + uploads.CHUNK]


async def create(
	work: Work, file_name: str, chunks: AsyncIterator[bytes], options: ImportOptions
) -> Import:
	"""Keeps the file and compares it, in this request if it is small, else by a task.

	Raises Unreadable for a file of no known form, TooLarge.
	"""
	await opening.prepare()
	kept = await uploads.receive(work, chunks, file_name, KINDS)
	form = FORMS[kept.kind]
	made = work.add(
		Import(
			file_name=kept.filename,
			file_size=kept.size,
			file_sha256=kept.sha256,
			kind=form.value,
			options=options.model_dump(exclude_none=True),
		)
	)
	await work.flush()
	await uploads.hold(work, kept, HOLDER, made.id, may.IMPORTS_READ)
	if await _is_small(work, made):
		await preview(work, made)
	else:
		work.enqueue(PREVIEW_TASK, import_id=made.id)
	return made


async def asked(work: Work, held: Import) -> Asked:
	"""What is to be read, so that it can be read outside of any transaction. Raises Gone."""
	try:
		path = await uploads.place(work, held.file_sha256)
	except NotFound:
		raise Gone(_("The file is no longer kept; upload it again.")) from None
	earlier = await memory.remembered(work)
	form, options = Form(held.kind), Options.of(held.options)
	return Asked(path, form, options, dict(held.mapping), earlier, held.version)


async def _is_small(work: Work, held: Import) -> bool:
	what = await asked(work, held)
	return await to_thread(is_small, what.path, what.form)


async def _plan(work: Work, held: Import, read: FileRead, *, lock: bool = False) -> Plan:
	keep = Options.of(held.options).hand_lines == "keep"
	return await make_plan(
		work, read.bom, read.source, choices=held.choices, keep_hand_made=keep, lock=lock
	)


async def preview(work: Work, held: Import, read: FileRead | None = None) -> Plan:
	"""The dry run: reads, matches, checks every row and writes down what would change."""
	read = read or await opening.open_kept(await asked(work, held))
	plan = await _plan(work, held, read)
	await note(work, held, read, plan)
	return plan


async def correct(work: Work, import_id: str, patch: ImportPatch) -> Import:
	"""Other meanings of columns, another way to read the table, other matches: a new preview.

	Raises NotFound, ImportNotOpen, PreconditionFailed, Invalid for a heading that is not there.
	"""
	(await work.get(Import, import_id)).must_be_open()
	held = await work.edit(Import, import_id)
	held.must_be_open()
	given = patch.model_dump(exclude_unset=True, exclude={"columns", "matches"}, mode="json")
	options = {
		name: value for name, value in {**held.options, **given}.items() if value is not None
	}
	meant = {heading: field.value if field else None for heading, field in patch.columns.items()}
	other_table = any(name in given for name in ("sheet", "header_row", "delimiter", "encoding"))
	if not other_table:
		opening.check_headings(held.preview, meant)
	elif not meant:
		held.mapping = {}  # they were said of other headings
	held.options = ImportOptions.model_validate(options).model_dump(exclude_none=True)
	held.mapping = {**held.mapping, **meant}
	held.choices = _chosen(held.choices, patch.matches)
	if await _is_small(work, held):
		await preview(work, held)
	else:
		held.state = ImportState.UPLOADED
		work.enqueue(PREVIEW_TASK, import_id=held.id)
	return held


def _chosen(held: Mapping[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
	for key, choice in given.items():
		if choice is not None and choice != NEW and not is_id(choice):
			raise Invalid.one(
				"matches",
				_(
					"“{value}” for “{key}” is no product. Give its id, or {new}.",
					value=choice, key=key[:80], new=NEW,
				),
			)  # fmt: skip
	return {key: choice for key, choice in {**held, **given}.items() if choice is not None}


async def product_of(work: Work, number: str) -> str:
	"""The id of the product with this number, capitals aside. Raises NotFound."""
	found = [
		each
		for each in await products.find_parts(work, numbers={number.lower()})
		if each.number.lower() == number.lower()
	]
	if len(found) != 1:
		raise NotFound(_("No product has the number “{number}”.", number=number[:50]))
	return found[0].item_id


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
	if await _is_small(work, held):
		await take_over(work, held)
	else:
		held.state = ImportState.RUNNING
		work.enqueue(TAKE_OVER_TASK, import_id=held.id)
	return held


async def take_over(
	work: Work, held: Import, report: Report | None = None, read: FileRead | None = None
) -> None:
	"""Compares once more under locks, and writes. Raises PreviewStale when that is not what was shown."""
	read = read or await opening.open_kept(await asked(work, held))
	plan = await _plan(work, held, read, lock=True)
	if plan.errors or plan.fingerprint != held.fingerprint:
		raise PreviewStale(
			_(
				"Products changed since the preview, so other changes would be made than were "
				"shown. Look at a new preview (PATCH with an empty body)."
			)
		)
	await carry_out(work, plan, report)
	await memory.remember(work, held)
	await _finish(work, held, ImportState.DONE)
	await work.flush()


async def _finish(work: Work, held: Import, state: ImportState) -> None:
	"""The file of what was taken over stays, so that every product can be traced to it."""
	held.state, held.finished_at = state, utc_now()
	if state is not ImportState.DONE:
		await work.flush()
		await uploads.release(work, HOLDER, held.id)


async def end_abandoned(work: Work) -> None:
	"""Imports that nobody accepted or gave up for two weeks end, and their files go."""
	old = await work.scalars(
		select(Import.id).where(
			Import.state.in_([ImportState.UPLOADED, ImportState.PREVIEWED]),
			Import.updated_at < utc_now() - timedelta(days=ABANDONED_DAYS),
		)
	)
	for import_id in old:
		reason = _("Nobody accepted it within {n} days.", n=ABANDONED_DAYS)
		await end(work, import_id, reason, ImportState.CANCELLED)


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
	await _finish(work, held, ImportState.CANCELLED)
	return held


async def end(work: Work, import_id: str, reason: str, state: ImportState) -> None:
	"""Ends an import that a task did not carry through, in words for the person who asked."""
	held = await work.edit(Import, import_id, compare=False)
	if held.state not in OVER:
		held.failure = reason or None
		await _finish(work, held, state)


async def import_now(
	runtime: Runtime,
	principal: Principal,
	name: str,
	content: bytes,
	*,
	dry_run: bool,
	options: ImportOptions | None = None,
) -> dict[str, Any]:
	"""The whole way at once, for commands: `{"summary", "accepted", "problems", "counts"}`.

	With problems nothing is taken; the import stays open so that they can be looked at. A file that
	changes nothing, and a dry run, write nothing at all.
	"""
	with tempfile.NamedTemporaryFile() as file:
		file.write(content)
		file.flush()
		kind = file_kinds.guess(content[: file_kinds.HEAD])
		if kind is None or kind not in KINDS:
			raise file_kinds.Unreadable(
				_("The file has no form that can be imported."),
				_(
					"Give a table as CSV or XLSX, a KiCad netlist, a STEP file or InvenTree's export."
				),
			)
		await to_thread(file_kinds.check, Path(file.name), kind)
		form = FORMS[kind]
		said = (options or ImportOptions()).model_dump(exclude_none=True)
		read = await opening.open_file(Path(file.name), form, Options.of(said), {})
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
		kept = await uploads.receive(work, pieces(content), name, KINDS)
		held = work.add(
			Import(
				file_name=kept.filename,
				file_size=kept.size,
				file_sha256=kept.sha256,
				kind=form.value,
				options=said,
			)
		)
		await work.flush()
		await uploads.hold(work, kept, HOLDER, held.id, may.IMPORTS_READ)
		await note(work, held, read, plan)
		if not plan.errors:
			await carry_out(work, plan)
			await _finish(work, held, ImportState.DONE)
		return {
			"summary": summary(plan, dry_run=False),
			"accepted": not plan.errors,
			"import_id": held.id,
			**result,
		}


def summary(plan: Plan, *, dry_run: bool) -> str:
	"""One sentence of what happened or would happen."""
	if plan.errors:
		if len(plan.errors) == 1:
			return _("1 problem; nothing was imported.")
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
	empty: dict[str, Any] = {
		"columns": [], "sample": [], "shape": None, "notes": [],
		"sheets": [], "sheet": None, "header_row": None,
	}  # fmt: skip
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


async def matches(
	work: Work, import_id: str, *, outcome: str | None, number: int, size: int
) -> Page:
	"""One page of what the parts of the file are taken for. Raises NotFound."""
	await work.get(Import, import_id)
	statement = reading.select_matches(import_id, outcome)
	return await work.read_list(statement, limit=size, offset=(number - 1) * size)


async def progress(work: Work, import_id: str) -> Progress | None:
	"""How far the task of a large import is."""
	return await tasks.progress(work, progress_key(import_id))
