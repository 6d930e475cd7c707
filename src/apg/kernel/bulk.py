"""Rows by the thousand: staged, taken in chunks with a marker each, seen by nobody before all are.

Up to DIRECT rows go straight into the table, in one statement. More are put into an unlogged staging
table and taken from there under RLS; the marker of a chunk commits with its rows, so whoever goes on
after a kill takes none twice. A policy on the table hides the rows of an import that is not done. A
crash of the database empties staging: then what was taken is removed and the kept file read again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import BigInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel import uploads
from apg.kernel.database import Base
from apg.kernel.errors import AppError, Conflict, Unavailable
from apg.kernel.events import GiveUp
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.tasks import Cancelled
from apg.kernel.tenancy import TenantOwned, protect_sql
from apg.kernel.texts import _
from apg.kernel.web.envelopes import as_app_error
from apg.kernel.work import Work, conflict_of

if TYPE_CHECKING:
	from apg.kernel.worker import Run

DIRECT = 5_000
CHUNK = 20_000
MOST_PROBLEMS = 10_000  # kept of one import; the number of bad rows is exact
RETRIES = 4
_OPEN = "('waiting', 'running', 'removing')"


class Mode(StrEnum):
	"""ALL: one bad row and nothing is taken; VALID: good rows are taken, the others listed."""

	ALL = "all"
	VALID = "valid"


class State(StrEnum):
	"""waiting: not checked yet; running: being taken; removing: what was taken is being removed."""

	WAITING = "waiting"
	RUNNING = "running"
	REMOVING = "removing"
	DONE = "done"
	FAILED = "failed"
	CANCELLED = "cancelled"


OVER = frozenset({State.DONE, State.FAILED, State.CANCELLED})
DDL: tuple[str, ...] = (
	f"""
	create table bulk_imports (
		id uuid constraint pk_bulk_imports primary key,
		tenant_id uuid not null,
		kind text not null,
		mode text not null constraint ck_bulk_imports_mode check (mode in ('all', 'valid')),
		state text not null constraint ck_bulk_imports_state
			check (state in ('done', 'failed', 'cancelled') or state in {_OPEN}),
		outcome text,
		name text not null,
		sha256 text,
		options jsonb not null default '{{}}',
		row_count bigint not null default 0,
		bad_count bigint not null default 0,
		staged bigint not null default 0,
		marker bigint not null default 0,
		taken bigint not null default 0,
		failure text,
		finished_at timestamptz,
		version integer not null default 1,
		created_at timestamptz not null,
		updated_at timestamptz not null,
		created_by uuid,
		updated_by uuid,
		constraint uq_bulk_imports_tenant_id_id unique (tenant_id, id)
	)
	""",
	f"create index ix_bulk_imports_open on bulk_imports (tenant_id, id) where state in {_OPEN}",
	"create index ix_bulk_imports_kind on bulk_imports (tenant_id, kind, created_at, id)",
	"""
	create table bulk_problems (
		tenant_id uuid not null,
		import_id uuid not null,
		number integer not null,
		place bigint not null,
		field text not null,
		value text not null,
		reason text not null,
		remedy text not null,
		created_at timestamptz not null default clock_timestamp(),
		primary key (tenant_id, import_id, number),
		foreign key (tenant_id, import_id) references bulk_imports (tenant_id, id) on delete cascade
	)
	""",
	*protect_sql("bulk_imports", app="select, insert, update"),
	*protect_sql("bulk_problems", audited=False, app="select, insert, delete", keep="90 days"),
)


def staging_sql(table: str, mark: str, *, computed: Sequence[str] = ()) -> list[str]:
	"""What a migration runs for a table that takes bulk: its staging table, and the policy that hides
	rows of an import (named by the column `mark`) until it is done."""
	staged = f"{table}_staged"
	return [
		f"create unlogged table {staged} (like {table} including defaults)",
		*(f"alter table {staged} drop column {name}" for name in computed),
		f"alter table {staged} add column place bigint not null, "
		f"add primary key (tenant_id, {mark}, place)",
		*protect_sql(staged, audited=False, app="select, insert, delete", keep="7 days"),
		f"create policy done on {table} as restrictive for select using ({mark} is null "
		f"or {mark} <> all (array(select i.id from bulk_imports i where i.state in {_OPEN})) "
		f"or {mark} = (select nullif(current_setting('app.bulk', true), '')::uuid))",
	]


class ImportOver(Conflict):
	"""The import ended; there is nothing to stop."""

	code = "IMPORT_OVER"


class BulkImport(TenantOwned, Base):
	"""One import: how many rows, how many are taken, and the marker behind the last chunk."""

	__tablename__ = "bulk_imports"
	__human__ = "import"

	kind: Mapped[str] = mapped_column()
	mode: Mapped[str] = mapped_column()
	state: Mapped[str] = mapped_column(default=State.WAITING)
	outcome: Mapped[str | None] = mapped_column()
	name: Mapped[str] = mapped_column()
	sha256: Mapped[str | None] = mapped_column()
	options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
	row_count: Mapped[int] = mapped_column(BigInteger, default=0)
	bad_count: Mapped[int] = mapped_column(BigInteger, default=0)
	staged: Mapped[int] = mapped_column(BigInteger, default=0)
	marker: Mapped[int] = mapped_column(BigInteger, default=0)
	taken: Mapped[int] = mapped_column(BigInteger, default=0)
	failure: Mapped[str | None] = mapped_column()
	finished_at: Mapped[datetime | None] = mapped_column()


@dataclass(frozen=True, slots=True)
class Target:
	"""A table that takes bulk. `arrays` are columns with a value a row and `fixed` those with one for
	all, each with the type it is sent as and, after a space, the one it is kept as."""

	table: str
	mark: str
	arrays: Mapping[str, str]
	fixed: Mapping[str, str]

	@property
	def columns(self) -> str:
		return ", ".join((*self.arrays, *self.fixed))

	def insert(self, *, staged: bool) -> str:
		"""One statement of arrays, then the fixed values; with places as the last array."""
		sent = {name: f"{kind} {kind}".split()[:2] for name, kind in self.arrays.items()}
		names = ", ".join((*sent, "place") if staged else sent)
		calls = [f"${n}::{kind}[]" for n, (kind, _kept) in enumerate(sent.values(), 1)]
		first = len(calls) + 1
		fixed = [f"${n}::{kind}" for n, kind in enumerate(self.fixed.values(), first)]
		if staged:
			calls.append(f"${first + len(fixed)}::bigint[]")
		kept = [f"g.{n}" if a == b else f"g.{n}::{b}" for n, (a, b) in sent.items()]
		return (
			f"insert into {self.table}{'_staged' if staged else ''} "
			f"({self.columns}{', place' if staged else ''}) "
			f"select {', '.join([*kept, *fixed, *(['g.place'] if staged else [])])} "
			f"from unnest({', '.join(calls)}) as g({names})"
		)


@dataclass(frozen=True, slots=True)
class Bad:
	"""What is wrong with one row: `place` is its number for a person, counted from 1."""

	place: int
	field: str
	value: str
	reason: str
	remedy: str


@dataclass(slots=True)
class Checked:
	"""All rows after the check: columns of the good ones with their places, problems of the others;
	`summary` is kept for the end, in the options of the import."""

	count: int
	places: Sequence[int] = ()
	arrays: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
	fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
	problems: Sequence[Bad] = ()
	summary: Mapping[str, Any] = field(default_factory=dict[str, Any])

	@property
	def bad(self) -> int:
		return self.count - len(self.places)


# Opens a short Work; a request gives its own.
Opening = Callable[[], AbstractAsyncContextManager[Work]]


@dataclass(frozen=True, slots=True)
class Bulk:
	"""What a feature brings: reading a kept file (no Work is open), checking the rows against the
	record, and what follows once all are there, in the transaction that lets them be seen."""

	kind: str
	target: Target
	parse: Callable[[Path, BulkImport], Awaitable[Any]]
	check: Callable[[Opening, Any, BulkImport], Awaitable[Checked]]
	finish: Callable[[Work, BulkImport], Awaitable[None]]


def begun(work: Work, kind: str, mode: Mode, name: str, options: Mapping[str, Any]) -> BulkImport:
	"""A new import; nothing of it is checked yet."""
	made = BulkImport(id=new_id(), kind=kind, mode=mode, name=name, options=dict(options))
	return work.add(made)


async def take_now(work: Work, bulk: Bulk, held: BulkImport, checked: Checked) -> None:
	"""Writes good rows straight into the table and ends the import, all in this transaction."""
	await _see_own(work, held)
	await note(work, held, checked)
	if checked.places:
		try:
			await _put(work, bulk.target, checked, staged=False)
		except IntegrityError as error:
			raise conflict_of(error) from error
	held.taken = held.staged = len(checked.places)
	await _done(work, bulk, held)


async def note(work: Work, held: BulkImport, checked: Checked) -> None:
	"""Writes down how many rows there are and what is wrong with the bad ones."""
	held.row_count, held.bad_count = checked.count, checked.bad
	held.options = {**held.options, "summary": dict(checked.summary)}
	await work.flush()
	await _report(work, held, checked.problems, 0)


async def _report(work: Work, held: BulkImport, problems: Sequence[Bad], first: int) -> None:
	told = problems[: MOST_PROBLEMS - first]
	columns = [[getattr(one, name) for one in told] for name in Bad.__slots__]
	if told:
		await (await work.connection()).exec_driver_sql(
			"insert into bulk_problems (tenant_id, import_id, number, place, field, value, reason, "
			"remedy) select $1::uuid, $2::uuid, $3::int + g.n, g.place, g.field, g.value, g.reason, "
			"g.remedy from unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[]) "
			"with ordinality as g(place, field, value, reason, remedy, n)",
			(held.tenant_id, held.id, first, *columns),
		)


async def _put(work: Work, target: Target, checked: Checked, *, staged: bool) -> None:
	"""Rows into the table, or into staging in pieces."""
	connection = await work.connection()
	fixed = [checked.fixed[name] for name in target.fixed]
	for start in range(0, len(checked.places), CHUNK):
		piece = slice(start, start + CHUNK)
		arrays = [checked.arrays[name][piece] for name in target.arrays]
		places = [checked.places[piece]] if staged else []
		await connection.exec_driver_sql(
			target.insert(staged=staged), cast(Any, (*arrays, *fixed, *places))
		)


async def _see_own(work: Work, held: BulkImport) -> None:
	await work.execute(text("select set_config('app.bulk', :id, true)"), {"id": held.id})


async def _done(work: Work, bulk: Bulk, held: BulkImport) -> None:
	held.state, held.finished_at = State.DONE, utc_now()
	await work.flush()
	await bulk.finish(work, held)
	if held.sha256:
		await uploads.release(work, "bulk_imports", held.id)


async def stop(work: Work, held: BulkImport, task: str) -> None:
	"""Asks for an end; what was taken is removed by the task. Raises ImportOver."""
	if held.state in OVER:
		raise ImportOver(_("The import is {state}; there is nothing to stop.", state=_(held.state)))
	if held.state != State.REMOVING or held.outcome == State.WAITING:
		held.state, held.outcome = State.REMOVING, State.CANCELLED
	work.enqueue(task, import_id=held.id)


async def carry(run: "Run", import_id: str, bulk: Bulk) -> None:
	"""Brings an import to its end from wherever it stands; one short transaction a step."""
	try:
		while await _step(run, import_id, bulk):
			pass
	except Cancelled:
		await _give_up(run, import_id, State.CANCELLED, None)
		while await _step(run, import_id, bulk):
			pass
		raise
	except (AppError, DBAPIError) as error:
		told = as_app_error(error)
		if (isinstance(told, Unavailable) or told.status >= 500) and run.attempt <= RETRIES:
			raise
		await _give_up(run, import_id, State.FAILED, told.message)
		while await _step(run, import_id, bulk):
			pass
		raise GiveUp(told.message) from error


async def _give_up(run: "Run", import_id: str, outcome: State, reason: str | None) -> None:
	async with run.open() as work:
		held = await work.edit(BulkImport, import_id, compare=False)
		if held.state not in OVER and held.state != State.REMOVING:
			held.state, held.outcome, held.failure = State.REMOVING, outcome, reason


async def _step(run: "Run", import_id: str, bulk: Bulk) -> bool:
	"""One step on; answers whether there is another one."""
	async with run.open() as work:
		held = await work.edit(BulkImport, import_id, compare=False)
		await _see_own(work, held)
		match held.state:
			case State.RUNNING:
				await _take(work, bulk, held)
				# Seen when the step commits, like its rows.
				await run.report(work, held.taken, held.staged)
				return True
			case State.REMOVING:
				return await _remove(work, bulk.target, held)
			case State.WAITING:
				await run.report(work, 0)
				path = await uploads.place(work, held.sha256 or "")
			case _:
				return False
	rows = await bulk.parse(path, held)
	checked = await bulk.check(run.open, rows, held)
	await _stage(run, import_id, bulk, checked)
	return True


async def _stage(run: "Run", import_id: str, bulk: Bulk, checked: Checked) -> None:
	async with run.open() as work:
		held = await work.edit(BulkImport, import_id, compare=False)
		if held.state != State.WAITING:
			return
		target = bulk.target
		await _sql(work, f"delete from {target.table}_staged where {target.mark} = $1", held.id)
		await note(work, held, checked)
		if checked.bad and held.mode == Mode.ALL:
			held.state, held.outcome = State.REMOVING, State.FAILED
			held.failure = _("{n} rows cannot be taken; nothing was taken.", n=checked.bad)
			return
		await _put(work, target, checked, staged=True)
		held.staged, held.state = len(checked.places), State.RUNNING
		held.marker = held.taken = 0


async def _sql(work: Work, statement: str, *values: Any) -> Any:
	return await (await work.connection()).exec_driver_sql(statement, values)


async def _take(work: Work, bulk: Bulk, held: BulkImport) -> None:
	"""The next chunk with its marker, or the end where none is left."""
	target = bulk.target
	table, mark, columns = target.table, target.mark, target.columns
	there, ahead, last = (
		await _sql(
			work,
			f"select count(*), count(*) filter (where place > $2), (array_agg(place order by place) "
			f"filter (where place > $2))[{CHUNK}] from {table}_staged where {mark} = $1",
			held.id,
			held.marker,
		)
	).one()
	if there != held.staged:
		# The staging table is unlogged, and the database crashed: read the file again.
		held.state, held.outcome = State.REMOVING, State.WAITING
		return
	if not ahead:
		if held.bad_count and held.mode == Mode.ALL:
			held.state, held.outcome = State.REMOVING, State.FAILED
			held.failure = _("Rows were recorded by somebody else meanwhile; nothing was taken.")
			return
		await _done(work, bulk, held)
		await _sql(work, f"delete from {table}_staged where {mark} = $1", held.id)
		return
	span = f"{mark} = $1 and place > $2 and place <= $3"
	last = last or 2**62
	put = await _sql(
		work,
		f"insert into {table} ({columns}) select {columns} from {table}_staged where {span} "
		"order by place on conflict do nothing",
		held.id,
		held.marker,
		last,
	)
	if put.rowcount < min(ahead, CHUNK):
		await _lost(work, target, held, span, last)
	held.taken += put.rowcount
	held.marker = last


async def _lost(work: Work, target: Target, held: BulkImport, span: str, last: int) -> None:
	"""Rows that somebody else recorded between the check and the chunk."""
	rows = await _sql(
		work,
		f"select place from {target.table}_staged s where {span} and not exists (select from "
		f"{target.table} t where t.id = s.id and t.{target.mark} = $1) order by place",
		held.id,
		held.marker,
		last,
	)
	reason = _("Somebody recorded the same while the file was being taken.")
	remedy = _("Compare with what is recorded; correct that, or leave the row out.")
	bad = [Bad(place, "", "", reason, remedy) for (place,) in rows.all()]
	await _report(work, held, bad, min(held.bad_count, MOST_PROBLEMS))
	held.bad_count += len(bad)


async def _remove(work: Work, target: Target, held: BulkImport) -> bool:
	"""Removes a chunk of what was taken; after the last one the import is what it was to become."""
	table, mark = target.table, target.mark
	gone = await _sql(
		work,
		f"delete from {table} where {mark} = $1 and id = any(array(select id from {table} "
		f"where {mark} = $1 limit {CHUNK}))",
		held.id,
	)
	if gone.rowcount:
		return True
	await _sql(work, f"delete from {table}_staged where {mark} = $1", held.id)
	held.staged = held.marker = held.taken = 0
	if held.outcome == State.WAITING:
		held.state, held.outcome, held.bad_count = State.WAITING, None, 0
		await _sql(work, "delete from bulk_problems where import_id = $1", held.id)
		return True
	held.state, held.finished_at = State(held.outcome or State.FAILED), utc_now()
	await work.flush()
	await uploads.release(work, "bulk_imports", held.id)
	return False
