"""From a file to factors: kept, read and checked, shown, taken; approval comes after that."""

from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from typing import Any

from sqlalchemy import delete, func, insert, select

from apg.capabilities.esg.factor_files import reading
from apg.capabilities.esg.factor_files.files import Given
from apg.capabilities.esg.factor_files.models import (
	OVER,
	FactorImport,
	ImportNotOpen,
	ImportRow,
	ImportState,
)
from apg.capabilities.esg.factor_files.reading_files import Checked, check
from apg.capabilities.esg.factor_files.schemas import ImportOptions
from apg.capabilities.esg.factor_files.writing import (
	OWN,
	Differences,
	Known,
	differences,
	known_of,
	known_sql,
	statements,
	writing_of,
)
from apg.capabilities.esg.permissions import FACTORS_READ
from apg.capabilities.esg.shared.factor_draft import located, plain
from apg.capabilities.esg.shared.factor_words import REMARKS, told, told_of
from apg.contracts.esg import FactorsImported
from apg.kernel import tasks, uploads
from apg.kernel.database import load_json
from apg.kernel.errors import NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.tasks import Progress
from apg.kernel.texts import _
from apg.kernel.uploads import Kind
from apg.kernel.work import Work, open_work

ACTION = "esg.factors.create"
HOLDER = "esg_factor_imports"
KINDS = (Kind.TEXT, Kind.JSON)
SMALL = 1_000_000
CHUNK = 65_536
CHECK_TASK, TAKE_TASK = "esg.factor_files.check", "esg.factor_files.take"
# Sets that ship with the product: file, and what is said of it.
SHIPPED: Mapping[str, str] = {
	"uk-government-2020": "uk_government_2020.csv",
	"country-grid-mix": "country_grid_mix.json",
}


def progress_key(import_id: str) -> str:
	return f"{reading.KEY}{import_id}"


async def create(
	work: Work, file_name: str, pieces: AsyncIterator[bytes], options: ImportOptions
) -> FactorImport:
	"""Keeps the file and checks it, in this request if it is small, else by a task.

	Raises Unreadable for a file that holds no factors, TooLarge.
	"""
	file = await uploads.receive(work, pieces, file_name, KINDS)
	held = work.add(
		FactorImport(
			id=new_id(),
			file_name=file.filename,
			file_size=file.size,
			file_sha256=file.sha256,
			given=options.model_dump(mode="json"),
		)
	)
	await work.flush()
	await uploads.hold(work, file, HOLDER, held.id, FACTORS_READ)
	if file.size <= SMALL:
		await examine(work, held)
	else:
		work.enqueue(CHECK_TASK, import_id=held.id)
	return held


async def create_shipped(work: Work, name: str) -> FactorImport:
	"""A set that ships with the product, like an uploaded file. Raises NotFound."""
	if name not in SHIPPED:
		raise NotFound(_("{what} not found", what=_("factor set")))
	content = files("apg.capabilities.esg").joinpath("data", SHIPPED[name]).read_bytes()
	return await create(work, SHIPPED[name], _pieces(content), ImportOptions())


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
	for start in range(0, len(content), CHUNK):
		yield content[start : start + CHUNK]


def _given(held: FactorImport) -> Given:
	return ImportOptions.model_validate(held.given).given()


async def _checked(work: Work, held: FactorImport) -> Checked:
	path = await uploads.place(work, held.file_sha256)
	given = _given(held)
	return await to_thread(lambda: check(path.read_bytes(), given))


async def _compared(work: Work, checked: Checked) -> tuple[Known, Differences]:
	rows = (await work.execute(known_sql(OWN), {"series": checked.file.series})).all()
	known = known_of(rows)
	return known, await to_thread(differences, checked.file.drafts, known)


async def examine(work: Work, held: FactorImport) -> None:
	"""The dry run: reads, checks, compares with what is recorded, and writes the report down."""
	checked = await _checked(work, held)
	_known, found = await _compared(work, checked)
	await _note(work, held, checked, found)


async def _note(work: Work, held: FactorImport, checked: Checked, found: Differences) -> None:
	file, recognised = checked.file, checked.recognised
	held.kind = file.kind
	held.report = {
		"series": file.series,
		"title": file.title,
		"publisher": file.publisher,
		"edition": file.edition,
		"licence": file.licence,
		"basis": checked.basis,
		"gwp_set": checked.reading.gwp_set,
		"declared": file.declared is not None,
		"agree": recognised.agree,
		"asked": recognised.asked,
		"set_votes": dict(recognised.set_votes),
		"skipped": checked.skipped_by_reason(),
		"remarks": [_(REMARKS[code]) for code in file.remarks],
	}
	held.counts = {**checked.counts(), **found.counts}
	held.failure, held.checked_at, held.state = None, utc_now(), ImportState.STAGED
	await work.flush()
	await work.execute(
		delete(ImportRow)
		.where(ImportRow.import_id == held.id)
		.execution_options(bulk=True, synchronize_session=False)
	)
	rows = [
		{
			"id": new_id(),
			"tenant_id": work.principal.tenant_id,
			"import_id": held.id,
			"place": place,
			"created_by": work.principal.user_id,
			"updated_by": work.principal.user_id,
			**row,
		}
		for place, row in enumerate(_rows(checked, found))
	]
	if rows:
		await (await work.connection()).execute(insert(ImportRow), rows)


def _rows(checked: Checked, found: Differences) -> list[dict[str, Any]]:
	"""What a person should see, the worst first."""
	rows: list[dict[str, Any]] = []
	for draft in checked.file.drafts:
		if draft.quarantined:
			rows.append(
				_row("quarantined", draft.where, draft.name, draft.activity_code, draft.unit)
				| {
					"printed": {k: v for k, v in draft.printed.items() if k != "species"},
					"findings": [told_of(one) for one in draft.findings],
					"new_co2e": None if draft.total is None else plain(draft.total),
				}
			)
	for draft, _old, co2e in found.changed:
		rows.append(
			_row("changed", draft.where, draft.name, draft.activity_code, draft.unit)
			| {
				"printed": {k: v for k, v in draft.printed.items() if k != "species"},
				"findings": [told("changed", {})],
				"old_co2e": None if co2e is None else plain(co2e),
				"new_co2e": None if draft.total is None else plain(draft.total),
			}
		)
	for key, name in found.removed:
		rows.append(_row("removed", "", name, key[0], key[3]) | {"findings": [told("removed", {})]})
	for one in checked.file.skipped:
		rows.append(
			_row("skipped", located(one.rows), one.name, "", "")
			| {"findings": [told(one.code, one.values)]}
		)
	return rows


def _row(verdict: str, locator: str, name: str, code: str, unit: str) -> dict[str, Any]:
	return {
		"verdict": verdict,
		"locator": locator,
		"name": name,
		"activity_code": code,
		"unit": unit,
		"printed": {},
		"findings": [],
		"old_co2e": None,
		"new_co2e": None,
	}


async def accept(work: Work, import_id: str) -> FactorImport:
	"""Takes the file, in this request if it is small, else by a task. Again: nothing happens.

	Raises NotFound, ImportNotOpen, NothingNew.
	"""
	held = await work.edit(FactorImport, import_id)
	if held.state in (ImportState.DONE, ImportState.RUNNING):
		return held
	held.must_be_acceptable()
	if held.file_size <= SMALL:
		await take(work, held)
	else:
		held.state = ImportState.RUNNING
		work.enqueue(TAKE_TASK, import_id=held.id)
	return held


async def take(work: Work, held: FactorImport) -> None:
	"""Compares once more, alone for this series, and writes a source with its versions."""
	checked = await _checked(work, held)
	await work.flush()
	await work.execute(
		select(
			func.pg_advisory_xact_lock(
				func.hashtextextended(f"{work.principal.tenant_id}/{checked.file.series}", 0)
			)
		)
	)
	known, found = await _compared(work, checked)
	made = writing_of(checked, found, known, held.file_name, held.file_sha256)
	connection = await work.connection()
	tenant_id, user_id = work.principal.tenant_id, work.principal.user_id
	for statement, parameters in statements(OWN, made, tenant_id, user_id):
		await connection.execute(statement, parameters)
	held.source_id = made.source_id
	held.counts = {**checked.counts(), **found.counts}
	held.state, held.finished_at = ImportState.DONE, utc_now()
	await work.flush()
	counts = made.source[0]["counts"]
	work.publish(
		FactorsImported(
			import_id=held.id,
			source_id=made.source_id,
			series=checked.file.series,
			edition=checked.file.edition,
			factors=counts["factors"],
			quarantined=counts["quarantined"],
		)
	)


async def cancel(work: Work, import_id: str) -> FactorImport:
	"""Gives the import up and lets its file go. Raises NotFound, ImportNotOpen when it is over."""
	held = await work.get(FactorImport, import_id)
	going = await progress(work, import_id)
	if going is not None and going.state in ("waiting", "running"):
		await tasks.cancel(work, progress_key(import_id))
		if going.state == "running":
			return held  # the task ends it at its next step
	held = await work.edit(FactorImport, import_id)
	if held.state == ImportState.CANCELLED:
		return held
	if held.state in OVER:
		raise ImportNotOpen(
			_("The import is {state}; there is nothing to cancel.", state=_(held.state))
		)
	await _end(work, held, ImportState.CANCELLED)
	return held


async def end(work: Work, import_id: str, reason: str, state: ImportState) -> None:
	"""Ends an import that a task did not carry through, in words for the person who asked."""
	held = await work.edit(FactorImport, import_id, compare=False)
	if held.state not in OVER:
		held.failure = reason or None
		await _end(work, held, state)


async def _end(work: Work, held: FactorImport, state: ImportState) -> None:
	held.state, held.finished_at = state, utc_now()
	await work.flush()
	await uploads.release(work, HOLDER, held.id)


async def import_now(
	runtime: Runtime,
	principal: Principal,
	name: str,
	content: bytes,
	*,
	gwp_set: str = "",
	dry_run: bool = False,
) -> dict[str, Any]:
	"""The whole way at once, for commands: `{"accepted", "counts", "findings", "title"}`.

	A file that holds nothing new, and a dry run, write nothing. Raises Unreadable.
	"""
	options = ImportOptions(gwp_set=gwp_set)
	checked = await to_thread(check, content, options.given())
	async with open_work(runtime, principal, action=ACTION, origin="cli") as work:
		_known, found = await _compared(work, checked)
		fresh = bool(found.added or found.changed)
		if fresh and not dry_run:
			held = await create(work, name, _pieces(content), options)
			if held.state == ImportState.UPLOADED:
				await examine(work, held)
			await take(work, held)
	findings = [
		{"row": draft.where, "name": draft.name, "reason": told["reason"], "remedy": told["remedy"]}
		for draft in checked.file.drafts
		for told in map(told_of, draft.findings)
	]
	return {
		"accepted": fresh and not dry_run,
		"counts": {**checked.counts(), **found.counts},
		"findings": findings,
		"title": f"{checked.file.title} {checked.file.edition}".strip(),
	}


# reading


async def read(work: Work, import_id: str) -> One:
	"""One import as JSON. Raises NotFound."""
	return await work.read_one(
		reading.select_imports().where(FactorImport.id == import_id), FactorImport
	)


async def shown(work: Work, import_id: str) -> dict[str, Any]:
	"""The same for a page. Raises NotFound."""
	await work.get(FactorImport, import_id)
	return load_json((await read(work, import_id)).body)


async def page(work: Work, *, limit: int, offset: int) -> Page:
	"""One page of imports, the newest first."""
	statement = reading.select_imports().order_by(
		FactorImport.created_at.desc(), FactorImport.id.desc()
	)
	return await work.read_list(statement, limit=limit, offset=offset)


async def rows(work: Work, import_id: str, *, verdict: str | None, limit: int, offset: int) -> Page:
	"""One page of the rows of the report. Raises NotFound."""
	await work.get(FactorImport, import_id)
	return await work.read_list(reading.select_rows(import_id, verdict), limit=limit, offset=offset)


async def progress(work: Work, import_id: str) -> Progress | None:
	"""How far the task of a large import is."""
	return await tasks.progress(work, progress_key(import_id))
