"""Imports of many rows: begun with a body or a file, looked at, stopped; what is wrong as a table."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from apg.capabilities.esg.bulk import columns, reading, tables
from apg.capabilities.esg.bulk.columns import Rows
from apg.embedded.confined import Broken, Overrun, Refusal, confined
from apg.kernel import bulk, uploads
from apg.kernel.bulk import DIRECT, Bulk, BulkImport, Mode, State
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid, NotFound, Problem
from apg.kernel.file_kinds import HEAD, Unreadable, guess
from apg.kernel.json_rows import One, Page
from apg.kernel.permissions import Permission
from apg.kernel.stamps import is_id
from apg.kernel.tabular import write_csv
from apg.kernel.texts import _
from apg.kernel.uploads import Kind
from apg.kernel.web.wire import to_wire
from apg.kernel.work import Work

KINDS = (Kind.TEXT, Kind.XLSX, Kind.JSON, Kind.JSONL)
MOST_TOLD = 200
READER_MEMORY, READER_SECONDS = 2_000_000_000, 120.0
PIECE = 65_536
QUIET_HOURS = 1  # far more than a task waits between two tries
# Nobody goes on with them: every worker that tried was killed, or the person lost the right to.
# Only a worker may look at the queue.
ABANDONED = """
	select i.id, i.kind from bulk_imports i
	where i.state in ('waiting', 'running', 'removing') and i.kind like 'esg.%'
		and i.updated_at < clock_timestamp() - make_interval(hours => :hours)
		and not exists (select from procrastinate_jobs j where j.status in ('todo', 'doing')
			and j.args ->> 'tenant' = i.tenant_id::text
			and j.args -> 'ids' ->> 'import_id' = i.id::text)
	order by i.id
"""


async def take(
	work: Work,
	of: Bulk,
	task: str,
	may_read: Permission,
	rows: Sequence[dict[str, Any]],
	mode: Mode,
	options: Mapping[str, Any],
) -> BulkImport:
	"""Rows of a body: up to 5,000 are taken now, more are kept and taken by a task.

	Raises Invalid with a problem for each bad row where the mode is all.
	"""
	if len(rows) > DIRECT:
		lines = b"\n".join(map(to_wire, rows))
		return await keep(work, of, task, may_read, _pieces(lines), "rows.jsonl", mode, options)
	held = bulk.begun(work, of.kind, mode, "", options)

	@asynccontextmanager
	async def same() -> AsyncGenerator[Work]:
		yield work

	checked = await of.check(same, columns.of_body(rows), held)
	if checked.bad and mode == Mode.ALL:
		raise Invalid(
			_(
				"{n} of {all} rows cannot be taken; nothing was taken.",
				n=checked.bad,
				all=len(rows),
			),
			problems=[
				Problem(
					f"rows.{one.place - 1}.{one.field}".rstrip("."), f"{one.reason} {one.remedy}"
				)
				for one in checked.problems[:MOST_TOLD]
			],
		)
	await bulk.take_now(work, of, held, checked)
	return held


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
	for start in range(0, len(content), PIECE):
		yield content[start : start + PIECE]


async def keep(
	work: Work,
	of: Bulk,
	task: str,
	may_read: Permission,
	pieces: AsyncIterator[bytes],
	name: str,
	mode: Mode,
	options: Mapping[str, Any],
) -> BulkImport:
	"""A file, kept until its import is over; a task reads, checks and takes it. Raises Unreadable,
	TooLarge."""
	file = await uploads.receive(work, pieces, name, KINDS)
	held = bulk.begun(work, of.kind, mode, file.filename, options)
	held.sha256 = file.sha256
	await work.flush()
	await uploads.hold(work, file, "bulk_imports", held.id, may_read)
	work.enqueue(task, import_id=held.id)
	return held


async def parse(path: Path, held: BulkImport) -> Rows:
	"""The rows of a kept file. Raises Unreadable, also where reading it takes too much."""
	with path.open("rb") as file:
		kind = guess(file.read(HEAD)) or Kind.TEXT
	smaller = _("Split it into smaller files.")
	try:
		found = await confined(
			tables.read_file, READER_MEMORY, READER_SECONDS, str(path), kind.value
		)
	except Refusal as refused:
		raise Unreadable(refused.reason, refused.remedy) from refused
	except Overrun as over:
		raise Unreadable(
			_("Reading the file takes too much {what}.", what=over.what), smaller
		) from over
	except Broken as broken:
		raise Unreadable(_("The file could not be read."), smaller) from broken
	return columns.of_file(found, is_text=kind in (Kind.TEXT, Kind.XLSX))


async def read(work: Work, kind: str, import_id: str) -> One:
	"""One import as JSON. Raises NotFound."""
	if not is_id(import_id):
		raise NotFound(_("{what} not found", what=_("import")))
	return await work.read_one(
		reading.select_imports(kind).where(BulkImport.id == import_id), BulkImport
	)


async def shown(work: Work, kind: str, import_id: str) -> dict[str, Any]:
	"""The same for a page. Raises NotFound."""
	return load_json((await read(work, kind, import_id)).body)


async def page(work: Work, kind: str, *, limit: int, offset: int) -> Page:
	"""One page of imports, the newest first."""
	statement = reading.select_imports(kind).order_by(
		BulkImport.created_at.desc(), BulkImport.id.desc()
	)
	return await work.read_list(statement, limit=limit, offset=offset)


async def problems(work: Work, kind: str, import_id: str, *, limit: int, offset: int) -> Page:
	"""One page of what is wrong with its rows. Raises NotFound."""
	await read(work, kind, import_id)
	return await work.read_list(reading.select_problems(import_id), limit=limit, offset=offset)


async def report(work: Work, kind: str, import_id: str) -> str:
	"""All bad rows as CSV: row, field, what stands there, reason, remedy. Raises NotFound."""
	await read(work, kind, import_id)
	rows = (await work.execute(reading.select_problems(import_id))).all()
	return "".join(write_csv(map(tuple, rows), ("Row", "Field", "Value", "Reason", "Remedy")))


async def stop(work: Work, kind: str, task: str, import_id: str) -> None:
	"""Stops an import; what it took is removed. Raises NotFound, ImportOver."""
	found = (
		await work.session.scalar(
			select(BulkImport.id).where(BulkImport.id == import_id, BulkImport.kind == kind)
		)
		if is_id(import_id)
		else None
	)
	if found is None:
		raise NotFound(_("{what} not found", what=_("import")))
	await bulk.stop(work, await work.edit(BulkImport, import_id), task)


async def abandon(work: Work, import_id: str, kind: str) -> None:
	"""Ends an import that nobody goes on with; the system removes what it took."""
	held = await work.edit(BulkImport, import_id, compare=False)
	if held.state in bulk.OVER:
		return
	if held.state != State.REMOVING or held.outcome == State.WAITING:
		held.state, held.outcome = State.REMOVING, State.FAILED
		held.failure = _(
			"Taking the rows was begun again and again and never ended; nothing was taken. "
			"Bring the file again, in smaller parts if it is large."
		)
	work.enqueue(f"{kind}.take_bulk", import_id=held.id)
