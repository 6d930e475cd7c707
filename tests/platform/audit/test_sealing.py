"""What a superuser of the database does to the trail, one deed after the other; each is named."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from apg.app import make_runtime
from apg.kernel import signing
from apg.kernel.audit import NOBODY
from apg.kernel.merkle import Head
from apg.kernel.runtime import Runtime
from apg.kernel.sealing import PURPOSE, Sealer, witness_lines
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.platform.audit.sealing import verifying, witnessed
from apg.platform.audit.sealing.faults import Chain, Kind


@dataclass
class Bench:
	"""A company of its own, a sealer with a witness of its own, and a superuser without triggers."""

	runtime: Runtime
	admin: asyncpg.Connection
	sealer: Sealer
	tenant: str
	url: str

	async def write(self, count: int, tenant: str | None = None, **more: Any) -> None:
		"""So many entries in one transaction."""
		await self.admin.execute(
			"insert into audit_entries (epoch, tenant_id, table_name, row_id, operation, before, after, "
			"action, origin, request_id, occurred_at) select e.epoch, $1, 'plm_items', n::text, 'update', "
			"jsonb_build_object('cost', n), jsonb_build_object('cost', 12345678901234567890.123456 + n, "
			"'name', 'Größe ' || n), 'plm.products.update', 'api', 'r-1', "
			"coalesce($3, clock_timestamp()) from log_epoch e, generate_series(1, $2) n",
			tenant or self.tenant, count, more.get("at"),
		)  # fmt: skip

	async def seal(self, tenant: str | None = None) -> None:
		"""Until nothing of the tenant waits; other runs of the server may hold the horizon back."""
		async with asyncio.timeout(60):
			while True:
				while await self.sealer.seal() == self.sealer.batch:
					pass
				if not await self.waiting(tenant or self.tenant):
					return
				await asyncio.sleep(0.05)

	async def waiting(self, tenant: str) -> int:
		return await self.admin.fetchval(
			"select count(*) from audit_entries a where tenant_id = $1 and not exists (select from "
			"audit_leaves l where l.tenant_id = $1 and l.seq = a.seq)", tenant,
		)  # fmt: skip

	async def batches(self, *sizes: int) -> list[int]:
		"""Entries sealed by as many heads as sizes; their numbers in log order."""
		for size in sizes:
			await self.write(size)
			await self.seal()
		rows = await self.admin.fetch(
			"select seq from audit_entries where tenant_id = $1 order by epoch, xid, seq",
			self.tenant,
		)
		return [row["seq"] for row in rows]

	async def verify(self, witness: Path | None = None, tenant: str | None = None) -> Chain:
		keys = await verifying.keys_of(self.runtime)
		seen = witnessed.read(witness or self.sealer.witness.path, keys)
		return await verifying.verify(
			self.runtime, tenant or self.tenant, "acme", keys, seen, patience=0
		)

	async def faults(self, witness: Path | None = None) -> list[tuple[Any, ...]]:
		return [(f.kind, f.seq, f.place, f.head) for f in (await self.verify(witness)).faults]


@pytest.fixture(scope="module")
async def worker(
	settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Runtime]:
	home = tmp_path_factory.mktemp("home")
	made = make_runtime(settings.model_copy(update={"home": home}), role="apg_worker")
	yield made
	await made.engine.dispose()


@pytest.fixture
async def bench(worker: Runtime, admin_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
	admin = await asyncpg.connect(admin_url)
	await admin.execute("set session_replication_role = 'replica'")  # no trigger, no check
	sealer = Sealer(worker)
	sealer.witness = type(sealer.witness)(tmp_path / "witness")
	yield Bench(worker, admin, sealer, new_id(), admin_url)
	await admin.close()


async def test_what_nobody_touched_is_clean_and_nothing_is_left_out(bench: Bench) -> None:
	seqs = await bench.batches(3, 1, 4)
	await bench.write(2)
	found = await bench.verify()
	assert found.faults == []
	assert (found.entries, found.sealed, found.heads, found.head) == (10, 8, 3, 3)
	assert found.unsealed == 2
	assert "2 unsealed entries from" in found.window()
	assert len(seqs) == 8
	await bench.seal()
	found = await bench.verify()
	assert (found.sealed, found.unsealed, found.window()) == (10, 0, "every entry is sealed")
	lines = [Head.of_line(line) for _file, _n, line in witness_lines(bench.sealer.witness.path)]
	mine = [head for head in lines if head.tenant == bench.tenant]
	assert [(head.number, head.size) for head in mine] == [(1, 3), (2, 4), (3, 8), (4, 10)]
	assert mine[0].previous == bytes(32)
	assert [head.previous for head in mine[1:]] == [head.digest() for head in mine[:-1]]
	mode = stat.S_IMODE(bench.sealer.witness.path.stat().st_mode)
	assert (mode, stat.S_IMODE(bench.sealer.witness.path.parent.stat().st_mode)) == (0o600, 0o700)


async def test_nothing_to_do_writes_nothing(bench: Bench) -> None:
	await bench.batches(1)
	before = bench.sealer.witness.path.stat().st_mtime_ns
	heads = await bench.admin.fetchval("select count(*) from audit_heads")
	assert await bench.sealer.seal() == 0
	assert await bench.admin.fetchval("select count(*) from audit_heads") == heads
	assert bench.sealer.witness.path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
	("assignment", "columns"),
	[
		("after = jsonb_set(after, '{cost}', '12345678901234567890.123458')", ("after",)),
		("before = null", ("before",)),
		("user_id = tenant_id", ("user_id",)),
		("occurred_at = occurred_at - interval '1 microsecond'", ("occurred_at",)),
		("action = 'x', request_id = ''", ("action", "request_id")),
		("row_id = null", ("row_id",)),
	],
)
async def test_a_changed_entry(bench: Bench, assignment: str, columns: tuple[str, ...]) -> None:
	seqs = await bench.batches(3, 5, 2)
	await bench.admin.execute(f"update audit_entries set {assignment} where seq = $1", seqs[5])
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.seq, fault.place, fault.head) == (Kind.CHANGED, seqs[5], 5, 2)
	assert (fault.columns, fault.table) == (columns, "plm_items")
	assert f"Entry {seqs[5]} at place 5 (plm_items, 20" in fault.text
	assert f"was changed: {', '.join(columns)} differ." in fault.text


async def test_a_removed_entry(bench: Bench) -> None:
	seqs = await bench.batches(3, 5, 2)
	await bench.admin.execute("delete from audit_entries where seq = $1", seqs[3])
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.seq, fault.place, fault.head) == (Kind.REMOVED, seqs[3], 3, 2)
	assert fault.text.startswith(f"Entry {seqs[3]} at place 3 (plm_items, 20")


async def test_all_that_is_wrong_is_counted_and_the_first_is_first(bench: Bench) -> None:
	seqs = await bench.batches(20, 20)
	await bench.admin.execute("delete from audit_entries where seq = any($1)", seqs[2:17])
	found = await bench.verify()
	assert (found.faults[0].seq, len(found.faults), found.more) == (seqs[2], 10, 5)
	assert {fault.kind for fault in found.faults} == {Kind.REMOVED}


async def test_an_inserted_entry(bench: Bench) -> None:
	seqs = await bench.batches(3, 3)
	seq = await bench.admin.fetchval(
		"insert into audit_entries select (jsonb_populate_record(a, jsonb_build_object('seq', "
		"nextval('log_seq')))).* from audit_entries a where seq = $1 returning seq", seqs[1],
	)  # fmt: skip
	await bench.sealer.seal()
	(fault,) = (await bench.verify()).faults
	# Its transaction is that of the sealed ones, its number the latest: it stands at their end.
	assert (fault.kind, fault.seq, fault.place, fault.table) == (
		Kind.INSERTED,
		seq,
		None,
		"plm_items",
	)
	assert "was inserted" in fault.text


async def test_two_entries_that_changed_places(bench: Bench) -> None:
	seqs = await bench.batches(3, 5)
	one, two = seqs[1], seqs[6]
	swap = "update audit_entries set seq = $2 where seq = $1"
	for pair in ((one, -1), (two, one), (-1, two)):
		await bench.admin.execute(swap, *pair)
	found = (await bench.verify()).faults
	# Each keeps its transaction: so each is missed in one place and too many in the other.
	assert {fault.kind for fault in found} == {Kind.REORDERED}
	assert {fault.seq for fault in found} == {one, two}


async def test_contents_that_changed_places(bench: Bench) -> None:
	seqs = await bench.batches(6)
	await bench.admin.execute(
		"update audit_entries a set row_id = b.row_id, before = b.before, after = b.after, "
		"occurred_at = b.occurred_at from audit_entries b where a.seq = any($1) and b.seq = any($1) "
		"and a.seq <> b.seq", [seqs[1], seqs[4]],
	)  # fmt: skip
	first, second = (await bench.verify()).faults
	assert (first.kind, first.seq, second.kind, second.seq) == (
		Kind.REORDERED, seqs[1], Kind.REORDERED, seqs[4],
	)  # fmt: skip
	assert f"it holds what was sealed as entry {seqs[4]} at place 4" in first.text


async def test_an_entry_moved_to_another_transaction(bench: Bench) -> None:
	seqs = await bench.batches(3, 3)
	await bench.admin.execute(
		"update audit_entries set xid = (select xid from audit_entries where seq = $2) where seq = $1",
		seqs[0], seqs[5],
	)  # fmt: skip
	found = (await bench.verify()).faults
	assert {(fault.kind, fault.seq) for fault in found} == {(Kind.REORDERED, seqs[0])}


async def test_an_entry_given_to_another_company(bench: Bench) -> None:
	seqs = await bench.batches(3)
	other = new_id()
	await bench.write(2, other)
	await bench.seal(other)
	await bench.admin.execute(
		"update audit_entries set tenant_id = $2 where seq = $1", seqs[1], other
	)
	assert await bench.faults() == [(Kind.REMOVED, seqs[1], 1, 1)]
	theirs = await bench.verify(tenant=other)
	assert [(fault.kind, fault.seq) for fault in theirs.faults] == [(Kind.INSERTED, seqs[1])]


async def test_a_tail_that_was_cut_with_all_its_traces(bench: Bench) -> None:
	await bench.batches(3, 4, 2)
	for statement in (
		"delete from audit_entries a using audit_leaves l where l.seq = a.seq and l.tenant_id = $1 "
		"and l.place >= 7",
		"delete from audit_leaves where tenant_id = $1 and place >= 7",
		"delete from audit_heads where tenant_id = $1 and number = 3",
	):
		await bench.admin.execute(statement, bench.tenant)
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.head, fault.place) == (Kind.TAIL_CUT, 3, 7)
	assert "The trail ends at head 2 (7 entries" in fault.text
	assert "the witness has seen head 3 (9 entries" in fault.text
	assert "its tail, 2 entries, was cut off." in fault.text


async def test_a_tail_of_entries_alone(bench: Bench) -> None:
	seqs = await bench.batches(3, 4)
	await bench.admin.execute("delete from audit_entries where seq = any($1)", seqs[5:])
	assert await bench.faults() == [
		(Kind.REMOVED, seqs[5], 5, 2), (Kind.REMOVED, seqs[6], 6, 2),
	]  # fmt: skip


async def test_everything_of_a_company_removed(bench: Bench) -> None:
	await bench.batches(3)
	for table in ("audit_entries", "audit_leaves", "audit_heads"):
		await bench.admin.execute(f"delete from {table} where tenant_id = $1", bench.tenant)
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.head) == (Kind.TAIL_CUT, 1)
	keys = await verifying.keys_of(bench.runtime)
	seen = witnessed.read(bench.sealer.witness.path, keys)
	assert bench.tenant in await verifying.tenants_of(bench.runtime, seen)


@pytest.mark.parametrize(
	"assignment",
	[
		"size = size + 1",
		"root = sha256(root)",
		"first = '1-1-1'",
		"sealed_at = sealed_at + interval '1 second'",
		"signature = sha512(signature)",
		"frontier = sha256(frontier) || substr(frontier, 33)",
		"previous = sha256(previous)",
		"kid = 'nobody'",
	],
)
@pytest.mark.parametrize("number", [2, 3])
async def test_a_changed_head(bench: Bench, assignment: str, number: int) -> None:
	await bench.batches(3, 4, 3)
	await bench.admin.execute(
		f"update audit_heads set {assignment} where tenant_id = $1 and number = $2", bench.tenant, number,
	)  # fmt: skip
	found = await bench.verify()
	assert [(fault.kind, fault.head) for fault in found.faults] == [(Kind.HEAD_CHANGED, number)]
	assert f"Head {number} was changed: " in found.faults[0].text
	assert ("never had" in found.faults[0].text) == ("kid" in assignment)


@pytest.mark.parametrize(("numbers", "text"), [((1,), "Head 1 was removed."), ((2, 3), "Heads 2 to 3 were removed.")])  # fmt: skip
async def test_a_removed_head(bench: Bench, numbers: tuple[int, ...], text: str) -> None:
	await bench.batches(3, 4, 1, 2)
	await bench.admin.execute(
		"delete from audit_heads where tenant_id = $1 and number = any($2)",
		bench.tenant,
		list(numbers),
	)
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.head, fault.text) == (Kind.HEAD_REMOVED, numbers[0], text)


async def test_the_last_head_removed_and_no_new_one_grows_over_the_hole(bench: Bench) -> None:
	await bench.batches(3, 4)
	await bench.admin.execute(
		"delete from audit_heads where tenant_id = $1 and number = 2", bench.tenant
	)
	await bench.write(1)
	for _n in range(100):
		await bench.sealer.seal()
	found = await bench.verify()
	assert [(fault.kind, fault.head) for fault in found.faults] == [(Kind.HEAD_REMOVED, 2)]
	assert "4 entries were sealed by heads after head 1 that are gone." in found.faults[0].text
	alarms = await bench.admin.fetch(
		"select kind, risk, route from security_events where tenant_id = $1", bench.tenant
	)
	assert {tuple(row.values()) for row in alarms} == {("verify_failed", "critical", "sealing")}


async def test_a_forged_head_over_forged_entries(bench: Bench) -> None:
	"""Everything but the key: entry, hash, subtrees and root agree with each other."""
	await bench.batches(3)
	await bench.write(1)
	await bench.admin.execute(
		"insert into audit_leaves select a.tenant_id, 3, a.epoch, a.xid, a.seq, sha256('x'), 'x', "
		"a.table_name, a.occurred_at from audit_entries a where tenant_id = $1 "
		"order by a.epoch desc, a.xid desc, a.seq desc limit 1", bench.tenant,
	)  # fmt: skip
	await bench.admin.execute(
		"insert into audit_heads select tenant_id, 2, 4, sha256('x'), sha256('x'), first, last, kid, "
		"signature, clock_timestamp(), sha256('x') from audit_heads where tenant_id = $1", bench.tenant,
	)  # fmt: skip
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.head) == (Kind.HEAD_FORGED, 2)
	assert fault.text.startswith("Head 2 was forged: its content is not what its signature")


async def test_a_key_of_ones_own_makes_no_head_trusted(bench: Bench) -> None:
	from apg.kernel.keys import RootKey, SigningKey, new_root_secret
	from apg.kernel.stamps import utc_now

	await bench.batches(2)
	root = RootKey.parse(new_root_secret())
	key = SigningKey.generate(root, PURPOSE, utc_now())
	await bench.admin.execute(
		"insert into signing_keys values ($1, $2, $3, $4, $5)",
		key.kid, key.purpose, key.public_pem, key.private_wrapped, key.active_from,
	)  # fmt: skip
	await bench.admin.execute(
		"update audit_heads set kid = $2 where tenant_id = $1", bench.tenant, key.kid
	)
	(fault,) = (await bench.verify()).faults
	await bench.admin.execute("delete from signing_keys where kid = $1", key.kid)
	assert (fault.kind, fault.head) == (Kind.HEAD_CHANGED, 1)
	assert key.kid in fault.text


async def test_an_entry_changed_together_with_its_stored_hash(bench: Bench) -> None:
	from apg.kernel.merkle import leaf_of, sketch_of
	from apg.kernel.sealing import ENTRY

	seqs = await bench.batches(3, 4, 2)
	await bench.admin.execute("update audit_entries set action = 'x' where seq = $1", seqs[4])
	row = dict(
		await bench.admin.fetchrow(f"select {ENTRY} from audit_entries a where seq = $1", seqs[4])
	)
	await bench.admin.execute(
		"update audit_leaves set hash = $2, sketch = $3 where seq = $1",
		seqs[4],
		leaf_of(row),
		sketch_of(row),
	)
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.head) == (Kind.BATCH_CHANGED, 2)
	assert (
		f"Among the 4 entries that head 2 sealed (from number {seqs[3]} to number {seqs[6]})"
		in fault.text
	)


@pytest.mark.parametrize(
	"statement",
	[
		"update audit_leaves set hash = sha256(hash) where seq = $1",
		"delete from audit_leaves where seq = $1",
	],
)
async def test_a_stored_hash_alone_accuses_no_entry(bench: Bench, statement: str) -> None:
	seqs = await bench.batches(3, 4, 2)
	await bench.admin.execute(statement, seqs[4])
	(fault,) = (await bench.verify()).faults
	assert (fault.kind, fault.seq, fault.head) == (Kind.HASH_CHANGED, seqs[4], 2)


async def test_heads_that_the_witness_never_saw(bench: Bench) -> None:
	await bench.batches(2)
	witness = bench.sealer.witness.path
	held = witness.read_bytes()
	await bench.batches(2)
	witness.write_bytes(held)
	assert await bench.faults() == []  # sealed this very minute: the line may be on its way
	import apg.platform.audit.sealing.verifying as module

	before, module.LATE_SECONDS = module.LATE_SECONDS, -1.0  # type: ignore[attr-defined]
	try:
		assert await bench.faults() == [(Kind.NOT_WITNESSED, None, None, 2)]
		witness.unlink()
		assert await bench.faults() == [(Kind.NOT_WITNESSED, None, None, 1)]
	finally:
		module.LATE_SECONDS = before  # type: ignore[attr-defined]


async def test_an_entry_that_nobody_seals(bench: Bench) -> None:
	from datetime import timedelta

	from apg.kernel.stamps import utc_now

	await bench.batches(2)
	await bench.write(3, at=utc_now() - timedelta(seconds=90))
	async with asyncio.timeout(60):
		while not (found := await bench.verify()).faults:  # below the horizon once others are done
			await asyncio.sleep(0.05)
	(fault,) = found.faults
	assert fault.kind is Kind.NOT_SEALED
	assert fault.text.startswith("3 entries are not sealed though nothing can come before them")
	assert found.unsealed == 3


async def test_a_line_of_the_witness_changed(bench: Bench) -> None:
	await bench.batches(2, 2, 2)
	witness = bench.sealer.witness.path
	lines = [
		line for line in witness.read_bytes().splitlines(True) if bench.tenant.encode() in line
	]
	copy = witness.with_name("copy.jsonl")
	copy.write_bytes(b"".join(lines))
	assert await bench.faults(copy) == []
	copy.write_bytes(lines[0] + lines[2])
	assert await bench.faults(copy) == [(Kind.WITNESS_CHANGED, None, None, 3)]
	copy.write_bytes(lines[0] + lines[1] + lines[2].replace(b'"size":"6"', b'"size":"7"'))
	assert (Kind.WITNESS_CHANGED, None, None, 3) in await bench.faults(copy)
	copy.write_bytes(lines[0] + b"{}\n" + lines[1])
	keys = await verifying.keys_of(bench.runtime)
	(fault,) = witnessed.read(copy, keys).faults
	assert (fault.kind, fault.text) == (
		Kind.WITNESS_CHANGED, "Line 2 of the witness copy.jsonl is no head.",
	)  # fmt: skip


# -- order, crashes, keys ----------------------------------------------------------------------------


async def test_a_long_transaction_and_one_rolled_back(bench: Bench) -> None:
	"""Who began first and commits last stands first; what was rolled back never existed."""
	other = await asyncpg.connect(bench.url)
	gone = await asyncpg.connect(bench.url)
	insert = (
		"insert into audit_entries (epoch, tenant_id, table_name, operation, action, origin, request_id) "
		"select epoch, $1, $2, 'insert', 'a', 'o', 'r' from log_epoch returning seq"
	)
	try:
		slow, lost = other.transaction(), gone.transaction()
		await slow.start()
		await lost.start()
		first = await other.fetchval(insert, bench.tenant, "slow")
		await gone.fetchval(insert, bench.tenant, "lost")
		await bench.write(2)
		await bench.sealer.seal()
		# Nothing after the open transaction may be sealed: it could still come before.
		assert (
			await bench.admin.fetchval(
				"select count(*) from audit_leaves where tenant_id = $1", bench.tenant
			)
			== 0
		)
		last = await other.fetchval(insert, bench.tenant, "slow")
		await lost.rollback()
		await slow.commit()
	finally:
		await other.close()
		await gone.close()
	await bench.seal()
	rows = await bench.admin.fetch(
		"select seq, table_name from audit_leaves where tenant_id = $1 order by place", bench.tenant
	)
	assert [row["seq"] for row in rows][:2] == [first, last]
	assert [row["table_name"] for row in rows] == ["slow", "slow", "plm_items", "plm_items"]
	assert (await bench.verify()).faults == []


async def test_a_crash_between_commit_and_witness(bench: Bench, tmp_path: Path) -> None:
	await bench.batches(2)

	class Crashed(Exception):
		pass

	def crash(heads: Any) -> None:
		raise Crashed

	await bench.write(3)
	append, bench.sealer.witness.append = bench.sealer.witness.append, crash  # type: ignore[method-assign]
	with pytest.raises(Crashed):
		await bench.seal()
	bench.sealer.witness.append = append  # type: ignore[method-assign]
	with bench.sealer.witness.path.open("ab") as file:
		file.write(b'{"first":"1-2-')  # a line that the crash left half
	again = Sealer(bench.runtime)
	again.witness = type(again.witness)(tmp_path / "witness")
	await again.recover()
	lines = [Head.of_line(line) for _f, _n, line in witness_lines(again.witness.path)]
	assert [head.number for head in lines if head.tenant == bench.tenant] == [1, 2]
	bench.sealer = again
	await bench.batches(1)
	assert (await bench.verify()).faults == []


async def test_a_full_disk_keeps_nothing_from_being_witnessed_later(bench: Bench) -> None:
	await bench.batches(1)

	def full(heads: Any) -> None:
		raise OSError(28, "No space left on device")

	append, bench.sealer.witness.append = bench.sealer.witness.append, full  # type: ignore[method-assign]
	stop = asyncio.Event()
	bench.sealer.seconds = 0.02
	running = asyncio.create_task(bench.sealer.run(stop))
	await bench.write(2)
	async with asyncio.timeout(60):
		while await bench.waiting(bench.tenant):
			await asyncio.sleep(0.02)
	assert bench.sealer.witness.last[bench.tenant][0] == 1
	bench.sealer.witness.append = append  # type: ignore[method-assign]
	await bench.write(1)
	async with asyncio.timeout(60):
		while await bench.waiting(bench.tenant) or bench.sealer.witness.last[bench.tenant][0] < 3:
			await asyncio.sleep(0.02)
	stop.set()
	await running
	assert (await bench.verify()).faults == []


async def test_two_sealers_at_once_seal_each_entry_once(bench: Bench, tmp_path: Path) -> None:
	others = [Sealer(bench.runtime, batch=7, seconds=0.001) for _n in range(3)]
	stop = asyncio.Event()
	for one in others:
		one.witness = type(one.witness)(tmp_path / "witness")
	running = [asyncio.create_task(one.run(stop)) for one in others]
	for _n in range(12):
		await bench.write(5)
	async with asyncio.timeout(60):
		while await bench.waiting(bench.tenant):
			await asyncio.sleep(0.02)
	stop.set()
	await asyncio.gather(*running)
	found = await bench.verify(tmp_path / "witness" / "heads.jsonl")
	assert (found.faults, found.sealed, found.entries) == ([], 60, 60)
	lines = [Head.of_line(line) for _f, _n, line in witness_lines(tmp_path / "witness/heads.jsonl")]
	mine = [head.number for head in lines if head.tenant == bench.tenant]
	assert mine == sorted(mine) == list(range(1, len(mine) + 1))


async def test_keys_rotate_and_retired_ones_verify_for_ever(bench: Bench) -> None:
	await bench.batches(2)
	async with bench.runtime.engine.begin() as connection:
		new = await signing.add_key(connection, bench.runtime.root_key, PURPOSE)
	await bench.admin.execute(
		"update signing_keys set retired_at = now() where purpose = 'audit' and kid <> $1", new.kid
	)
	await bench.batches(2)
	kids = await bench.admin.fetch(
		"select kid from audit_heads where tenant_id = $1 order by number", bench.tenant
	)
	assert kids[0]["kid"] != new.kid == kids[1]["kid"]
	assert (await bench.verify()).faults == []


async def test_full_files_of_the_witness_are_kept_and_read(
	bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
	monkeypatch.setattr("apg.kernel.sealing.LONGEST", 1_500)
	await bench.batches(*[1] * 9)
	folder = bench.sealer.witness.path.parent
	assert len(list(folder.glob("heads-*.jsonl"))) >= 2
	assert not list(folder.glob("*.part"))
	again = type(bench.sealer.witness)(folder)
	again.catch_up()
	assert again.last[bench.tenant][0] == 9
	assert (await bench.verify()).faults == []
	older = sorted(folder.glob("heads-*.jsonl"))[1]
	older.unlink()
	assert Kind.WITNESS_CHANGED in {fault[0] for fault in await bench.faults()}


async def test_entries_of_no_company_have_a_tree_of_their_own(bench: Bench) -> None:
	"""A superuser who renames a company outside of the product is recorded, and sealed."""
	admin = await asyncpg.connect(bench.url)
	try:
		held = await admin.fetchval(
			"select count(*) from audit_entries where tenant_id = $1", NOBODY
		)
		made = await admin.fetchrow(
			"insert into tenants (id, slug, name, version, created_at, updated_at) select gen_random_uuid(), "
			"'x-' || gen_random_uuid(), 'X', 1, now(), now() returning id"
		)
		rows = await admin.fetch(
			"select table_name, row_id, operation, action from audit_entries where tenant_id = $1 "
			"order by seq desc limit 1", NOBODY,
		)  # fmt: skip
		assert [tuple(row.values()) for row in rows] == [
			("tenants", str(made["id"]), "insert", "outside")
		]
		await bench.seal(NOBODY)
		found = await bench.verify(tenant=NOBODY)
		assert found.faults == []
		assert found.entries == held + 1
		await admin.execute("delete from tenants where id = $1", made["id"])
	finally:
		await admin.close()


async def test_the_application_may_add_no_head_and_change_no_hash(
	bench: Bench, settings: Settings
) -> None:
	web = make_runtime(settings)
	try:
		for runtime in (web, bench.runtime):
			for table in ("audit_heads", "audit_leaves", "audit_cursor"):
				async with runtime.engine.connect() as connection:
					for right in ("insert", "update", "delete", "truncate"):
						rows = await connection.exec_driver_sql(
							"select has_table_privilege(current_user, $1, $2)", (table, right)
						)
						assert rows.scalar_one() is False, (table, right)
	finally:
		await web.engine.dispose()
