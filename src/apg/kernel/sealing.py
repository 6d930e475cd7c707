"""Sealing of the trail: signed heads over what lies below the horizon, and their witness.

Once a second one worker takes the entries that nothing can join any more, adds their hashes to the
tree of their tenant, signs the new root and writes it down outside of the database too. Entries
of no tenant have a tree of their own, under the id of zeros.

Three things vouch for an entry: its hash in `audit_leaves`, by which the very entry is named that
differs; the root in `audit_heads`, which whoever changes entry and hash cannot sign; the line in
`$APG_HOME/witness`, which shows when heads themselves went back to an older state.
"""

import asyncio
import base64
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel import security_events
from apg.kernel.audit import RECORDERS
from apg.kernel.events import Position
from apg.kernel.keys import SigningKey, SigningPurpose
from apg.kernel.log import definer
from apg.kernel.merkle import NOTHING, Frontier, Head, leaf_of, sketch_of
from apg.kernel.relay import wait_for_any
from apg.kernel.runtime import Runtime
from apg.kernel.signing import ensure_key, load_keys
from apg.kernel.stamps import utc_now
from apg.kernel.tenancy import protect_sql

BATCH = 5_000  # entries of one transaction, and so the most that one head adds
SECONDS = 1.0
LATE_SECONDS = 60.0  # an entry below the horizon that is unsealed for longer is a fault
LONGEST = 16 * 2**20  # bytes of a file of the witness; then the next one is begun
PURPOSE = SigningPurpose.AUDIT
_log = structlog.get_logger("apg.sealing")

# The texts of one entry, as they are hashed; `a` is the entry.
ENTRY = """a.epoch::text as epoch, a.xid::text as xid, a.seq::text as seq,
	a.tenant_id::text as tenant_id, a.table_name, a.row_id, a.operation, a.before::text as before,
	a.after::text as after, a.user_id::text as user_id, a.action, a.origin, a.request_id,
	to_char(a.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as occurred_at"""
HEAD = """h.tenant_id::text as tenant, h.number, h.size, h.root, h.previous, h.first, h.last,
	h.kid, h.signature, h.sealed_at, h.frontier"""
AFTER_HEAD = """(a.epoch, a.xid, a.seq) > (split_part(h.last, '-', 1)::bigint,
	split_part(h.last, '-', 2)::xid8, split_part(h.last, '-', 3)::bigint)"""
_TEXTS = ", ".join(
	f"{name} text"
	for name in (
		"epoch", "xid", "seq", "tenant_id", "table_name", "row_id", "operation", "before", "after",
		"user_id", "action", "origin", "request_id", "occurred_at",
	)
)  # fmt: skip

DDL: tuple[str, ...] = (
	*RECORDERS,
	"create index ix_audit_entries_log on audit_entries (epoch, xid, seq)",
	"create index ix_audit_entries_tenant_log on audit_entries (tenant_id, epoch, xid, seq)",
	"""
	create table audit_heads (
		tenant_id uuid not null,
		number bigint not null,
		size bigint not null,
		root bytea not null,
		previous bytea not null,
		first text not null,
		last text not null,
		kid text not null,
		signature bytea not null,
		sealed_at timestamptz not null,
		frontier bytea not null,
		primary key (tenant_id, number)
	)
	""",
	"create unique index ix_audit_heads_size on audit_heads (tenant_id, size)",
	"""
	create table audit_leaves (
		tenant_id uuid not null,
		place bigint not null,
		epoch bigint not null,
		xid xid8 not null,
		seq bigint not null,
		hash bytea not null,
		sketch bytea not null,
		table_name text not null,
		occurred_at timestamptz not null,
		primary key (tenant_id, place),
		constraint uq_audit_leaves_seq unique (tenant_id, seq)
	)
	""",
	*protect_sql("audit_heads", audited=False, app="select"),
	*protect_sql("audit_leaves", audited=False, app="select"),
	"create table audit_cursor (one boolean primary key default true check (one), "
	"epoch bigint not null, xid xid8 not null, seq bigint not null)",
	"insert into audit_cursor (epoch, xid, seq) values (0, '0', 0)",
	"grant select on audit_cursor to apg_backup",
	"grant select on sequence log_seq to apg_app, apg_worker",
	"grant insert on audit_heads, audit_leaves to apg_system",
	"grant select, update on audit_cursor to apg_system",
	# What waits to be sealed, in log order; no row while another worker seals. With a tenant: what
	# was passed by because the tenant's last head could not be gone on with.
	*definer(
		"audit_unsealed(p_tenant uuid, p_limit integer)",
		f"table ({_TEXTS})",
		f"""
		#variable_conflict use_column
		declare v_epoch bigint; v_xid xid8;
		begin
			if not pg_try_advisory_xact_lock(7267, 3) then return; end if;
			select e.epoch, pg_snapshot_xmin(pg_current_snapshot()) into v_epoch, v_xid
				from log_epoch e;
			if p_tenant is null then
				return query select {ENTRY} from audit_cursor c, lateral (
					select * from audit_entries l where (l.epoch, l.xid, l.seq) > (c.epoch, c.xid, c.seq)
						and (l.epoch, l.xid) < (v_epoch, v_xid)
					order by l.epoch, l.xid, l.seq limit p_limit) a order by a.epoch, a.xid, a.seq;
			else
				return query select {ENTRY} from audit_cursor c, audit_entries a
				where a.tenant_id = p_tenant and (a.epoch, a.xid, a.seq) <= (c.epoch, c.xid, c.seq)
					and not exists (select from audit_heads h where h.tenant_id = p_tenant
						and h.number = (select max(number) from audit_heads where tenant_id = p_tenant)
						and not {AFTER_HEAD})
				order by a.epoch, a.xid, a.seq limit p_limit;
			end if;
		end""",
		to="apg_worker",
		options="set enable_seqscan = off set enable_bitmapscan = off",
	),
	# The last head of each tenant, or of those asked for; how many leaves there are; whether
	# entries of the tenant were passed by.
	*definer(
		"audit_tips(p_tenants uuid[])",
		"table (tenant text, number bigint, size bigint, root bytea, previous bytea, first text, "
		"last text, kid text, signature bytea, sealed_at timestamptz, frontier bytea, leaves bigint, "
		"passed boolean)",
		f"""
		#variable_conflict use_column
		begin
			return query with recursive every as (
				(select tenant_id from audit_heads where p_tenants is null order by 1 limit 1)
				union all
				select (select n.tenant_id from audit_heads n where n.tenant_id > every.tenant_id
					order by 1 limit 1) from every where every.tenant_id is not null),
			wanted as (select tenant_id from every union all select unnest(p_tenants))
			select {HEAD},
				coalesce((select max(place) + 1 from audit_leaves l where l.tenant_id = w.tenant_id), 0),
				exists (select from audit_entries a, audit_cursor c where a.tenant_id = w.tenant_id
					and {AFTER_HEAD} and (a.epoch, a.xid, a.seq) <= (c.epoch, c.xid, c.seq))
			from wanted w, lateral (select * from audit_heads where tenant_id = w.tenant_id
				order by number desc limit 1) h;
		end""",
		to="apg_app, apg_worker",
	),
	# Only adds. Table and time of a leaf are kept to name an entry that was removed.
	*definer(
		"audit_seal(p_tenants uuid[], p_places bigint[], p_seqs bigint[], p_hashes bytea[], "
		"p_sketches bytea[], p_heads jsonb, p_passed text)",
		"void",
		"""
		begin
			insert into audit_leaves (tenant_id, place, epoch, xid, seq, hash, sketch, table_name,
				occurred_at)
			select n.tenant, n.place, a.epoch, a.xid, n.seq, n.hash, n.sketch, a.table_name,
				a.occurred_at
			from unnest(p_tenants, p_places, p_seqs, p_hashes, p_sketches)
				as n(tenant, place, seq, hash, sketch)
			join audit_entries a on a.seq = n.seq;
			insert into audit_heads (tenant_id, number, size, root, previous, first, last, kid,
				signature, sealed_at, frontier)
			select n.tenant, n.number, n.size, decode(n.root, 'hex'), decode(n.previous, 'hex'),
				n.first, n.last, n.kid, decode(n.signature, 'base64'), n.sealed_at,
				decode(n.frontier, 'hex')
			from jsonb_to_recordset(p_heads) as n(tenant uuid, number bigint, size bigint, root text,
				previous text, first text, last text, kid text, signature text,
				sealed_at timestamptz, frontier text);
			update audit_cursor set epoch = split_part(p_passed, '-', 1)::bigint,
				xid = split_part(p_passed, '-', 2)::xid8, seq = split_part(p_passed, '-', 3)::bigint
			where p_passed <> '';
		end""",
		to="apg_worker",
	),
	# For doctor: what waits below the horizon, and since when.
	*definer(
		"audit_waiting()",
		"table (entries bigint, oldest timestamptz)",
		"""
		begin
			return query select count(*), min(w.occurred_at) from log_epoch e, audit_cursor c, lateral (
				select a.occurred_at from audit_entries a
				where (a.epoch, a.xid, a.seq) > (c.epoch, c.xid, c.seq)
					and (a.epoch, a.xid) < (e.epoch, pg_snapshot_xmin(pg_current_snapshot()))
				order by a.epoch, a.xid, a.seq limit 100000) w;
		end""",
		to="apg_app, apg_worker",
	),
)


async def audit_keys(connection: AsyncConnection, runtime: Runtime) -> dict[str, SigningKey]:
	"""All keys that ever signed heads of this installation; retired ones verify for ever."""
	keys = await load_keys(connection, PURPOSE, runtime.root_key)
	return {key.kid: key for key in keys}


class Witness:
	"""Lines of heads in `$APG_HOME/witness`, where no role of the database can write.

	`heads.jsonl` is the file in use; a full one becomes `heads-000001.jsonl` and so on. A new file
	begins with the last line of each tenant, so that only the file in use is read at start.
	"""

	def __init__(self, folder: Path) -> None:
		self.path = folder / "heads.jsonl"
		self.last: dict[str, tuple[int, bytes]] = {}
		self._lines: dict[str, bytes] = {}
		self._at = (0, 0)  # which file, and how far it was read

	def append(self, heads: Iterable[Head]) -> bool:
		"""Writes the lines that the file lacks and returns when they are on the disk.

		Answers whether nothing is missing before them; what would leave a gap is not written.
		"""
		whole = True
		self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
		with self._locked(), open(self.path, "a+b", opener=_private) as file:
			self._read(file)
			wanted: list[bytes] = []
			for head in heads:
				number, digest = self.last.get(head.tenant, (0, NOTHING))
				if head.number > number + 1:
					whole = False
				elif (head.number, head.digest()) != (number, digest):
					wanted.append(self._note(head.line()) + b"\n")
			file.write(b"".join(wanted))
			file.flush()
			os.fsync(file.fileno())
			self._at = (os.fstat(file.fileno()).st_ino, size := file.tell())
			if size > LONGEST:
				self._begin_next()
		return whole

	def catch_up(self) -> None:
		"""Reads what other processes wrote."""
		if self.path.exists():
			with self._locked(), open(self.path, "r+b") as file:
				self._read(file)

	def held(self) -> Iterator[tuple[str, BinaryIO, int]]:
		"""Name, open file and length of each file as they stand now, the oldest first.

		What is added later lies behind those lengths; a file that is put aside stays open.
		"""
		if not self.path.exists():
			return
		with self._locked(), open(self.path, "r+b") as file:
			self._read(file)
			found = [(one.name, one.open("rb")) for one in witness_files(self.path)]
			sizes = [os.fstat(one.fileno()).st_size for _name, one in found]
		for (name, one), size in zip(found, sizes, strict=True):
			yield name, one, size

	def _locked(self) -> BinaryIO:
		held = open(self.path.with_name(".lock"), "ab", opener=_private)  # noqa: SIM115
		fcntl.flock(held, fcntl.LOCK_EX)
		return held

	def _read(self, file: BinaryIO) -> None:
		"""From where we stood; a line that a crash left half is cut off."""
		inode = os.fstat(file.fileno()).st_ino
		whole = self._at[1] if self._at[0] == inode else 0
		file.seek(whole)
		for line in file:
			if not line.endswith(b"\n"):
				file.truncate(whole)
				break
			self._note(line[:-1])
			whole += len(line)
		file.seek(0, os.SEEK_END)
		self._at = (inode, whole)

	def _note(self, line: bytes) -> bytes:
		try:
			head = Head.of_line(line)
		except ValueError:  # `apg audit verify` names it
			return line
		self.last[head.tenant] = (head.number, hashlib.sha256(line).digest())
		self._lines[head.tenant] = line
		return line

	def _begin_next(self) -> None:
		number = len(list(self.path.parent.glob("heads-*.jsonl"))) + 1
		half = self.path.with_suffix(".part")
		with open(half, "wb", opener=_private) as file:
			file.writelines(line + b"\n" for line in self._lines.values())
			file.flush()
			os.fsync(file.fileno())
		# A second name first: whenever a crash comes, no line is without a file that holds it.
		os.link(self.path, self.path.with_name(f"heads-{number:06}.jsonl"))
		half.replace(self.path)
		folder = os.open(self.path.parent, os.O_RDONLY)
		os.fsync(folder)
		os.close(folder)


def _private(path: str, flags: int) -> int:
	return os.open(path, flags | os.O_CLOEXEC, 0o600)


def witness_files(path: Path) -> list[Path]:
	"""The files that were full, oldest first, then the one in use."""
	return [*sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")), path]


def witness_lines(path: Path) -> Iterator[tuple[str, int, bytes]]:
	"""(file, number of the line, line) of all its files."""
	for one in witness_files(path):
		with one.open("rb") as file:
			for number, line in enumerate(file, 1):
				yield one.name, number, line.rstrip(b"\n")


class Sealer:
	"""Seals what waits, once a second, until it is told to stop; then once more."""

	def __init__(self, runtime: Runtime, *, seconds: float = SECONDS, batch: int = BATCH) -> None:
		self.runtime = runtime
		self.seconds = seconds
		self.batch = batch
		self.witness = Witness(runtime.settings.home / "witness")
		self._behind = True  # whether the witness may lack what the database has

	async def run(self, stop: asyncio.Event) -> None:
		last = False
		while not last:
			last = stop.is_set()
			for step in (self.recover, self._seal_all):
				try:
					await step()
				except (DBAPIError, OSError) as error:
					if (me := asyncio.current_task()) and me.cancelling():
						raise
					self._behind = True
					_log.warning("not sealed", error=f"{type(error).__name__}: {error}"[:300])
			if not last:
				await wait_for_any(stop, seconds=self.seconds)

	async def _seal_all(self) -> None:
		while await self.seal() == self.batch:
			pass

	async def seal(self, tenant: str | None = None) -> int:
		"""Seals one batch; the number of entries it looked at, 0 while another worker seals."""
		async with self.runtime.engine.begin() as connection:
			rows = await _rows(
				connection, "select * from audit_unsealed($1, $2)", tenant, self.batch
			)
			if not rows:
				return 0
			by_tenant: dict[str, list[Mapping[str, Any]]] = {}
			for row in rows:
				by_tenant.setdefault(row["tenant_id"], []).append(row)
			tips = await _rows(connection, "select * from audit_tips($1)", list(by_tenant))
			key = await ensure_key(connection, self.runtime.root_key, PURPOSE)
			keys = await audit_keys(connection, self.runtime)
			grown, refused = await asyncio.to_thread(self._grow, by_tenant, tips, key, keys)
			passed = "" if tenant else str(_position(rows[-1]))
			await _write(connection, grown, passed)
		try:
			self._behind |= not await asyncio.to_thread(
				self.witness.append, [one.head for one in grown]
			)
		except OSError:
			self._behind = True
			raise
		for one in refused:
			await _alarm(self.runtime, one)
		return len(rows)

	def _grow(
		self,
		by_tenant: Mapping[str, Sequence[Mapping[str, Any]]],
		tips: Sequence[Mapping[str, Any]],
		key: SigningKey,
		keys: Mapping[str, SigningKey],
	) -> tuple[list["_Grown"], list[str]]:
		private, now = key.unwrap(self.runtime.root_key), utc_now()
		known, refused = {row["tenant"]: row for row in tips}, list[str]()
		grown: list[_Grown] = []
		for tenant, rows in by_tenant.items():
			tip = known.get(tenant)
			tree, number, previous = Frontier(), 0, NOTHING
			if tip is not None:
				held = _trusted(tip, keys)
				if held is None:
					refused.append(tenant)
					continue
				tree, number, previous = held[1], held[0].number, held[0].digest()
				rows = [row for row in rows if _position(row) > held[0].last]
			start, leaves = tree.size, [leaf_of(dict(row)) for row in rows]
			if not leaves:
				continue
			for leaf in leaves:
				tree.append(leaf)
			head = Head(tenant, number + 1, tree.size, tree.root(), previous, _position(rows[0]),
				_position(rows[-1]), key.kid, now, b"")  # fmt: skip
			head = replace(head, signature=private.sign(head.signed()))
			grown.append(_Grown(head, start, leaves, rows, tree.packed()))
		return grown, refused

	async def recover(self) -> None:
		"""Adds to the witness what a crash kept from it, and seals what was passed by."""
		if not self._behind:
			return
		await asyncio.to_thread(self.witness.catch_up)
		async with self.runtime.engine.begin() as connection:
			tips = await _rows(connection, "select * from audit_tips(null)")
			keys = await audit_keys(connection, self.runtime)
		for tip in tips:
			number, digest = self.witness.last.get(tip["tenant"], (0, NOTHING))
			missing: list[Head] = []
			async with self.runtime.engine.begin() as connection:
				await connection.exec_driver_sql(BIND, (tip["tenant"],))
				for row in await _rows(connection, _HEADS_AFTER, tip["tenant"], number):
					head = Head.of_row(row)
					if head.previous != digest or not head.is_signed_by(keys):
						_log.error("a head does not follow its witness", number=head.number)
						break
					missing.append(head)
					digest = head.digest()
			if missing:
				await asyncio.to_thread(self.witness.append, missing)
			if tip["passed"] and _trusted(tip, keys) is not None:
				while await self.seal(tip["tenant"]) == self.batch:
					pass
		self._behind = False


BIND = (
	"select set_config('app.current_tenant_id', $1, true), set_config('app.reach', 'member', true)"
)
_HEADS_AFTER = (
	f"select {HEAD} from audit_heads h where h.tenant_id = $1 and h.number > $2 order by h.number"
)


@dataclass(frozen=True, slots=True)
class _Grown:
	head: Head
	start: int
	leaves: Sequence[bytes]
	rows: Sequence[Mapping[str, Any]]
	frontier: bytes


def _trusted(
	tip: Mapping[str, Any], keys: Mapping[str, SigningKey]
) -> tuple[Head, Frontier] | None:
	"""A head to go on from; None when it is not as we signed it: nothing is built upon that."""
	try:
		head, tree = Head.of_row(tip), Frontier(tip["size"], tip["frontier"])
	except ValueError:
		return None
	sound = head.is_signed_by(keys) and tree.root() == head.root and tip["leaves"] == head.size
	return (head, tree) if sound else None


def _position(row: Mapping[str, Any]) -> Position:
	return Position(int(row["epoch"]), int(row["xid"]), int(row["seq"]))


async def _rows(
	connection: AsyncConnection, statement: str, *values: Any
) -> Sequence[Mapping[str, Any]]:
	found = await connection.exec_driver_sql(statement, values)
	return cast(Sequence[Mapping[str, Any]], found.mappings().all())


async def _write(connection: AsyncConnection, grown: Sequence[_Grown], passed: str) -> None:
	flat = [(one, n) for one in grown for n in range(len(one.leaves))]
	heads = [
		one.head.texts()
		| {
			"signature": base64.b64encode(one.head.signature).decode(),
			"frontier": one.frontier.hex(),
		}
		for one in grown
	]
	await connection.exec_driver_sql(
		"select audit_seal($1, $2, $3, $4, $5, $6::text::jsonb, $7)",
		(
			[one.head.tenant for one, _n in flat],
			[one.start + n for one, n in flat],
			[int(one.rows[n]["seq"]) for one, n in flat],
			[one.leaves[n] for one, n in flat],
			[sketch_of(one.rows[n]) for one, n in flat],
			orjson.dumps(heads).decode(),
			passed,
		),
	)


async def _alarm(runtime: Runtime, tenant: str) -> None:
	_log.error("the last head is not as it was signed: nothing is sealed after it", tenant=tenant)
	await security_events.record(
		runtime, "verify_failed", route="sealing", address="", tenant_id=tenant, subject="sealing"
	)
