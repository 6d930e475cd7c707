"""Verification: every entry, hash and head of a tenant in one pass, in memory that does not grow.

Entries and stored hashes are read side by side in log order. Each head is checked by itself: from
the perfect subtrees of the head before, its own entries must lead to its root, which is signed.
Where the stored hashes lead to the root and the entries do not, the entries that differ are named
exactly; where the entries do, the stored hashes were changed; where neither, it is one of this
head's entries. A head that is not as it was signed is named and passed over.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel import security_events
from apg.kernel.audit import NOBODY
from apg.kernel.events import Position
from apg.kernel.keys import SigningKey
from apg.kernel.merkle import NOTHING, Frontier, Head, leaf_of, sketch_of
from apg.kernel.runtime import Runtime
from apg.kernel.sealing import BIND, ENTRY, HEAD, LATE_SECONDS, audit_keys
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.platform.audit.sealing.faults import MOST, Chain, Fault, Kind, when
from apg.platform.audit.sealing.tree import differing
from apg.platform.audit.sealing.witnessed import Seen

FETCH = 2_000
PATIENCE = 5.0  # seconds after which an entry that came below the horizon just now must be sealed
HEADS = f"select {HEAD} from audit_heads h where h.tenant_id = $1 order by h.number"
LEAVES = """select place, epoch, xid::text::bigint as xid, seq, hash, sketch, table_name, occurred_at
	from audit_leaves where tenant_id = $1 order by place"""
ENTRIES = f"""select {ENTRY}, a.occurred_at as at from audit_entries a where a.tenant_id = $1
	order by a.epoch, a.xid, a.seq"""
HORIZON = """select e.epoch, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid,
	(select last_value from log_seq) as seq from log_epoch e"""
UNSEALED = """select count(*) from audit_entries a where a.tenant_id = $1
	and (a.epoch, a.xid, a.seq) <= ($2, $3::text::xid8, $4) and not exists (
		select from audit_leaves l where l.tenant_id = $1 and l.seq = a.seq)"""

Report = Callable[[int], Awaitable[None]]
Row = Mapping[str, Any]


class Stream:
	"""Rows of a server-side cursor, one ahead."""

	def __init__(self, cursor: Any) -> None:
		self._cursor = cursor
		self._rows: deque[Row] = deque()
		self._ended = False

	async def peek(self) -> Row | None:
		if not self._rows and not self._ended:
			self._rows.extend(await self._cursor.fetch(FETCH))
			self._ended = not self._rows
		return self._rows[0] if self._rows else None

	def take(self) -> Row:
		return self._rows.popleft()


async def tenants_of(runtime: Runtime, seen: Seen) -> list[str]:
	"""Every tenant that has, or by the witness should have, entries; the platform's own first."""
	async with runtime.engine.connect() as connection:
		rows = await connection.exec_driver_sql(
			"select id::text from tenant_ids() as t(id) union select tenant from audit_tips(null)"
		)
		known = {row[0] for row in rows} | set(seen.last)
	return [NOBODY, *sorted(known - {NOBODY})]


async def keys_of(runtime: Runtime) -> dict[str, SigningKey]:
	async with runtime.engine.connect() as connection:
		return await audit_keys(connection, runtime)


async def name_of(runtime: Runtime, tenant: str) -> str:
	"""What a person calls the tenant; its id when no such company is there any more."""
	if tenant == NOBODY:
		return _("platform")
	async with runtime.engine.connect() as connection:
		rows = await connection.exec_driver_sql("select slug from tenant_facts($1)", (tenant,))
		return rows.scalar() or tenant


async def alarm(runtime: Runtime, tenant: str, route: str) -> None:
	"""Notes that the trail is not as it was sealed; who administers the tenant is told."""
	await security_events.record(
		runtime,
		"verify_failed",
		route=route,
		address="",
		subject=route,
		tenant_id=None if tenant == NOBODY else tenant,
	)


async def verify(
	runtime: Runtime,
	tenant: str,
	name: str,
	keys: Mapping[str, SigningKey],
	seen: Seen,
	*,
	report: Report | None = None,
	patience: float = PATIENCE,
) -> Chain:
	"""Checks one tenant in one snapshot; `seen` was read before, so that the database is ahead of it."""
	async with runtime.engine.connect() as connection:
		await connection.execution_options(
			isolation_level="REPEATABLE READ", postgresql_readonly=True
		)
		check = await _Check.begin(connection, tenant, name, keys, seen, report)
		await check.run()
	if check.late:
		await asyncio.sleep(patience)
		async with runtime.engine.connect() as connection:
			await connection.exec_driver_sql(BIND, (tenant,))
			last = check.late_last
			rows = await connection.exec_driver_sql(
				UNSEALED, (tenant, last.epoch, str(last.xid), last.seq)
			)
			still = rows.scalar_one()
		if still:
			text = _(
				"{n} entries are not sealed though nothing can come before them any more, the oldest "
				"since {when}: no worker seals them, or the last head is not one to go on from.",
				n=still,
				when=when(check.late),
			)
			check.chain.add(Fault(Kind.NOT_SEALED, tenant, text, at=check.late))
	check.chain.faults = [fault for fault in seen.faults if fault.tenant == tenant][
		:MOST
	] + check.chain.faults
	return check.chain


class _Check:
	"""The pass over one tenant."""

	def __init__(
		self, raw: Any, chain: Chain, keys: Mapping[str, SigningKey], seen: Head | None
	) -> None:
		self.raw = raw
		self.chain = chain
		self.keys = keys
		self.seen = seen
		self.late: datetime | None = None
		self.late_last = Position(0, 0, 0)
		self.report: Report | None = None
		self.tree = Frontier()
		self.last: Head | None = None
		self.unwitnessed: Head | None = None

	@classmethod
	async def begin(
		cls,
		connection: AsyncConnection,
		tenant: str,
		name: str,
		keys: Mapping[str, SigningKey],
		seen: Seen,
		report: Report | None,
	) -> "_Check":
		await connection.exec_driver_sql(BIND, (tenant,))
		raw: Any = (await connection.get_raw_connection()).driver_connection
		made = cls(raw, Chain(tenant, name), keys, seen.last.get(tenant))
		made.report = report
		made.heads, made.leaves, made.entries = [
			Stream(await raw.cursor(statement, tenant)) for statement in (HEADS, LEAVES, ENTRIES)
		]
		return made

	heads: Stream
	leaves: Stream
	entries: Stream

	async def run(self) -> None:
		before: Head | None = None  # the row before, sound or not
		sound = True
		while (row := await self.heads.peek()) is not None:
			self.heads.take()
			self.chain.heads += 1
			head, fault = self._head(row, before, sound)
			gap = row["number"] - (before.number + 1 if before else 1)
			if gap > 0:
				await self._gone(row["number"] - gap, row["number"] - 1)
			if fault is not None:
				self.chain.add(fault)
			before, sound = head or before, fault is None
			if head is None or fault is not None:
				self.passed_over = True
				continue
			self.passed_over = False
			if self.seen is not None and head.number == self.seen.number:
				self._compare(head, self.seen)
			if self.unwitnessed is None and head.number > (self.seen.number if self.seen else 0):
				self.unwitnessed = head
			await self._batch(head, Frontier(row["size"], row["frontier"]))
			self.last = head
		self.chain.sealed = self.last.size if self.last else 0
		self.chain.head = self.last.number if self.last else 0
		self.chain.sealed_at = self.last.sealed_at if self.last else None
		await self._after()
		await self._witness()

	# -- heads ------------------------------------------------------------------------------------

	def _head(self, row: Row, before: Head | None, sound: bool) -> tuple[Head | None, Fault | None]:
		number, tenant = row["number"], self.chain.tenant
		kind = Kind.HEAD_CHANGED
		try:
			head = Head.of_row(row)
		except ValueError:
			return None, Fault(
				kind, tenant, _("Head {n} was changed: it is no head.", n=number), head=number
			)
		text = ""
		if head.kid not in self.keys:
			text = _(
				"it is signed with a key ({kid}) that this installation never had", kid=head.kid
			)
		elif not head.is_signed_by(self.keys):
			text = _("its content is not what its signature was made for")
		else:
			try:
				whole = Frontier(row["size"], row["frontier"]).root() == head.root
			except ValueError:
				whole = False
			if not whole:
				text = _("its subtrees do not lead to its root")
			elif (
				sound
				and head.number == (before.number if before else 0) + 1
				and head.previous != (before.digest() if before else NOTHING)
			):
				text = _("it does not follow the head before it")
		if not text:
			return head, None
		if self.seen is not None and number > self.seen.number:
			kind = Kind.HEAD_FORGED
			told = _("Head {n} was forged: {why}.", n=number, why=text)
		else:
			told = _("Head {n} was changed: {why}.", n=number, why=text)
		return head, Fault(kind, tenant, told, head=number, at=head.sealed_at)

	async def _gone(self, first: int, last: int) -> None:
		what = (
			_("Head {n} was removed.", n=first)
			if first == last
			else _("Heads {a} to {b} were removed.", a=first, b=last)
		)
		self.chain.add(Fault(Kind.HEAD_REMOVED, self.chain.tenant, what, head=first))

	def _compare(self, head: Head, seen: Head) -> None:
		if head.digest() == seen.digest():
			return
		text = _(
			"Head {n} is not the one that the witness has seen: another history took its place.",
			n=head.number,
		)
		self.chain.add(Fault(Kind.ROLLED_BACK, self.chain.tenant, text, head=head.number))

	# -- entries ----------------------------------------------------------------------------------

	async def _batch(self, head: Head, tree: Frontier) -> None:
		"""The entries of a head that is as it was signed."""
		stored = Frontier(self.tree.size, self.tree.packed())
		actual = Frontier(self.tree.size, self.tree.packed())
		found: list[Fault] = []
		more = 0
		while True:
			leaf, entry = await self.leaves.peek(), await self.entries.peek()
			if leaf is not None and leaf["place"] >= head.size:
				leaf = None
			if entry is not None and _position(entry) > head.last:
				entry = None
			if leaf is None and entry is None:
				break
			if leaf is not None and entry is not None:
				at, there = _position(leaf), _position(entry)
				leaf, entry = leaf if at <= there else None, entry if there <= at else None
			if entry is not None:
				self.entries.take()
				await self._count()
				actual.append(digest := leaf_of(texts := _texts(entry)))
			else:
				digest, texts = b"", {}
			if leaf is not None:
				self.leaves.take()
				stored.append(leaf["hash"])
			if leaf is None or digest != leaf["hash"]:
				if len(found) < MOST:
					found.append(await self._difference(leaf, entry, texts, head))
				else:
					more += 1
		stored_holds, actual_holds = stored.root() == head.root, actual.root() == head.root
		self.tree = tree
		if stored_holds and actual_holds:
			return
		if actual_holds:
			found = [self._of_hash(one, head) for one in found] or [self._of_hash(None, head)]
		elif not stored_holds:
			text = _(
				"Among the {n} entries that head {head} sealed (from number {a} to number {b}) at least "
				"one was changed together with its stored hash: their root is not the signed one.",
				n=head.size - (self.last.size if self.last else 0),
				head=head.number,
				a=head.first.seq,
				b=head.last.seq,
			)
			self.chain.add(
				Fault(
					Kind.BATCH_CHANGED, self.chain.tenant, text, head=head.number, at=head.sealed_at
				)
			)
		for one in found:
			self.chain.add(one)
		self.chain.more += more

	async def _count(self) -> None:
		self.chain.entries += 1
		if self.report is not None and self.chain.entries % 20_000 == 0:
			await self.report(self.chain.entries)

	async def _difference(
		self, leaf: Row | None, entry: Row | None, texts: dict[str, str | None], head: Head
	) -> Fault:
		tenant = self.chain.tenant
		if leaf is None:
			assert entry is not None
			seq = int(entry["seq"])
			known = await self.raw.fetchval(
				"select place from audit_leaves where tenant_id = $1 and seq = $2", tenant, seq
			)
			if known is not None:
				text = _(
					"Entry {seq} was moved: it was sealed at place {place}.", seq=seq, place=known
				)
				kind = Kind.REORDERED
			else:
				text = _(
					"Entry {seq} ({table}, {when}) was inserted among what head {head} had sealed.",
					seq=seq,
					table=entry["table_name"],
					when=when(entry["at"]),
					head=head.number,
				)
				kind = Kind.INSERTED
			return Fault(
				kind, tenant, text, known, seq, entry["table_name"], entry["at"], head.number
			)
		fault = Fault(
			Kind.REMOVED, tenant, "", leaf["place"], leaf["seq"], leaf["table_name"],
			leaf["occurred_at"], head.number,
		)  # fmt: skip
		facts = {
			"seq": fault.seq,
			"place": fault.place,
			"table": fault.table,
			"when": when(fault.at),
		}
		if entry is None:
			there = await self.raw.fetchval(
				"select seq from audit_entries where tenant_id = $1 and seq = $2",
				tenant,
				leaf["seq"],
			)
			if there is None:
				return replace(
					fault,
					text=_("Entry {seq} at place {place} ({table}, {when}) was removed.", **facts),
				)
			text = _("Entry {seq} was moved away from place {place} ({table}, {when}).", **facts)
			return replace(fault, kind=Kind.REORDERED, text=text)
		other = await self.raw.fetchrow(
			"select place, seq from audit_leaves where tenant_id = $1 and sketch = $2 and seq <> $3 "
			"limit 1",
			tenant,
			sketch_of(texts),
			leaf["seq"],
		)
		if other is not None and leaf["sketch"] != sketch_of(texts):
			text = _(
				"Entry {seq} at place {place} ({table}, {when}) was reordered: it holds what was "
				"sealed as entry {other} at place {there}.",
				**facts,
				other=other["seq"],
				there=other["place"],
			)
			return replace(fault, kind=Kind.REORDERED, text=text)
		columns = differing(leaf["sketch"], texts)
		text = _(
			"Entry {seq} at place {place} ({table}, {when}) was changed: {columns} differ.",
			**facts,
			columns=", ".join(columns) or _("its hash does"),
		)
		return replace(fault, kind=Kind.CHANGED, text=text, columns=tuple(columns))

	def _of_hash(self, fault: Fault | None, head: Head) -> Fault:
		text = _(
			"A stored hash of head {head} was changed (entry {seq}); the entries themselves are as they "
			"were sealed.",
			head=head.number,
			seq=fault.seq if fault else "?",
		)
		empty = Fault(Kind.HASH_CHANGED, self.chain.tenant, text, head=head.number)
		return empty if fault is None else replace(fault, kind=empty.kind, text=text, columns=())

	# -- what no head holds -----------------------------------------------------------------------

	async def _after(self) -> None:
		"""What comes after the last head: what waits, and hashes whose head is gone."""
		horizon = await self.raw.fetchrow(HORIZON)
		limit = utc_now() - timedelta(seconds=LATE_SECONDS)
		headless = 0
		chain = self.chain
		while (entry := await self.entries.peek()) is not None:
			self.entries.take()
			await self._count()
			position = _position(entry)
			while (leaf := await self.leaves.peek()) is not None and _position(leaf) <= position:
				self.leaves.take()
				headless += 1
				texts = _texts(entry)
				changed = leaf["seq"] == position.seq and leaf["hash"] != leaf_of(texts)
				if changed and not self.passed_over:
					head = self.last or _no_head(position)
					chain.add(await self._difference(leaf, entry, texts, head))
			chain.unsealed += 1
			chain.unsealed_from = min(chain.unsealed_from or entry["at"], entry["at"])
			chain.unsealed_to = max(chain.unsealed_to or entry["at"], entry["at"])
			if position[:2] < (horizon["epoch"], horizon["xid"]) and entry["at"] < limit:
				self.late = min(self.late or entry["at"], entry["at"])
				self.late_last = position
		while await self.leaves.peek() is not None:
			self.leaves.take()
			headless += 1
		self.headless = headless
		if headless and not self.passed_over:
			text = _(
				"{n} entries were sealed by heads after head {head} that are gone.",
				n=headless,
				head=chain.head,
			)
			chain.add(Fault(Kind.HEAD_REMOVED, chain.tenant, text, head=chain.head + 1))
		self.sequence = int(horizon["seq"])

	async def _witness(self) -> None:
		"""The last head outside of the database against the last one inside."""
		seen, chain = self.seen, self.chain
		if seen is not None and seen.size > chain.sealed + self.headless:
			back = self.sequence < seen.last.seq
			text = _(
				"The trail ends at head {head} ({size} entries, {when}), and the witness has seen head "
				"{seen} ({seen_size} entries, {seen_when}): ",
				head=chain.head,
				size=chain.sealed,
				when=when(chain.sealed_at),
				seen=seen.number,
				seen_size=seen.size,
				seen_when=when(seen.sealed_at),
			) + (
				_("the database was put back to an older state.")
				if back
				else _("its tail, {n} entries, was cut off.", n=seen.size - chain.sealed)
			)
			kind = Kind.ROLLED_BACK if back else Kind.TAIL_CUT
			chain.add(Fault(kind, chain.tenant, text, chain.sealed, head=seen.number))
		first = self.unwitnessed
		if first is not None and first.sealed_at < utc_now() - timedelta(seconds=LATE_SECONDS):
			text = _(
				"Heads from {n} on ({when}) are not in the witness: a return to an older state would "
				"not be noticed for them.",
				n=first.number,
				when=when(first.sealed_at),
			)
			chain.add(
				Fault(Kind.NOT_WITNESSED, chain.tenant, text, head=first.number, at=first.sealed_at)
			)

	sequence = 0
	headless = 0
	passed_over = False  # whether the last head read was none to trust


def _no_head(position: Position) -> Head:
	return Head("", 0, 0, b"", b"", position, position, "", utc_now(), b"")


def _position(row: Row) -> Position:
	return Position(int(row["epoch"]), int(row["xid"]), int(row["seq"]))


def _texts(entry: Row) -> dict[str, str | None]:
	return {name: entry[name] for name in _NAMES}


_NAMES: Sequence[str] = (
	"epoch", "xid", "seq", "tenant_id", "table_name", "row_id", "operation", "before", "after",
	"user_id", "action", "origin", "request_id", "occurred_at",
)  # fmt: skip
