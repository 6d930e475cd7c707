"""A database put back to an older state: by somebody who hides it, and by an operator who may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, text

from apg.app import composition, make_runtime
from apg.kernel.migrating import admin_engine
from apg.kernel.runtime import Runtime
from apg.kernel.sealing import Sealer
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.kernel.testing import TEST_SECRET, database, database_name
from apg.platform.audit.sealing import verifying, witnessed
from apg.platform.audit.sealing.faults import Chain, Kind
from tests.conftest import HOME

TENANT = new_id()


@asynccontextmanager
async def product(url: str, home: Path) -> AsyncIterator[tuple[Runtime, asyncpg.Connection]]:
	"""The worker's side of a product on this database; nobody is connected afterwards."""
	settings = Settings(
		env="test", home=home, secret_key=TEST_SECRET, database_url=url, database_admin_url=url
	)
	runtime, admin = make_runtime(settings, role="apg_worker"), await asyncpg.connect(url)
	try:
		yield runtime, admin
	finally:
		await runtime.engine.dispose()
		await admin.close()


async def write_and_seal(runtime: Runtime, admin: asyncpg.Connection, count: int) -> None:
	await admin.execute(
		"insert into audit_entries (epoch, tenant_id, table_name, operation, action, origin, request_id) "
		"select e.epoch, $1, 'plm_items', 'insert', 'a', 'o', 'r' from log_epoch e, "
		"generate_series(1, $2)",
		TENANT,
		count,
	)
	sealer = Sealer(runtime)
	await sealer.recover()
	async with asyncio.timeout(60):
		while True:
			await sealer.seal()
			waiting = await admin.fetchval(
				"select count(*) from audit_entries a where tenant_id = $1 and not exists (select from "
				"audit_leaves l where l.seq = a.seq and l.tenant_id = $1)",
				TENANT,
			)
			if not waiting:
				return
			await asyncio.sleep(0.05)


async def verified(runtime: Runtime) -> Chain:
	keys = await verifying.keys_of(runtime)
	seen = witnessed.read(runtime.settings.home / "witness" / "heads.jsonl", keys)
	return await verifying.verify(runtime, TENANT, "acme", keys, seen, patience=0)


@pytest.fixture
def server(server_url: str) -> Connection:
	engine = admin_engine(server_url)
	connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
	yield connection
	connection.close()
	engine.dispose()


@pytest.mark.parametrize("lawful", [False, True], ids=["hidden", "witness too, epoch raised"])
async def test_an_older_dump(
	server_url: str, server: Connection, tmp_path: Path, lawful: bool
) -> None:
	name = f"{database_name()}_{'law' if lawful else 'hid'}"
	lock = HOME / "template.lock"
	with database(server_url, composition(), name, lock) as url:
		try:
			witness = tmp_path / "witness" / "heads.jsonl"
			async with product(url, tmp_path) as (runtime, admin):
				await write_and_seal(runtime, admin, 3)
			held = witness.read_bytes()
			server.execute(text(f'create database "{name}_old" template "{name}"'))
			async with product(url, tmp_path) as (runtime, admin):
				await write_and_seal(runtime, admin, 40)
				assert (await verified(runtime)).faults == []
			old = url.replace(name, f"{name}_old")
			if lawful:  # what a restore does: the witness of that moment, and a new epoch
				witness.write_bytes(held)
				async with product(old, tmp_path) as (runtime, admin):
					await admin.execute("update log_epoch set epoch = epoch + 1")
					await write_and_seal(runtime, admin, 2)
					found = await verified(runtime)
					assert (found.faults, found.sealed, found.entries) == ([], 5, 5)
					last = await admin.fetchval("select max(epoch) from audit_leaves")
					assert last == 2
				return
			async with product(old, tmp_path) as (runtime, admin):
				(fault,) = (await verified(runtime)).faults
				assert (fault.kind, fault.head, fault.place) == (Kind.ROLLED_BACK, 2, 3)
				assert "The trail ends at head 1 (3 entries" in fault.text
				assert "the witness has seen head 2 (43 entries" in fault.text
				assert "the database was put back to an older state." in fault.text
				# And it stays named, however much is sealed on top of it.
				await write_and_seal(runtime, admin, 2)
				await write_and_seal(runtime, admin, 2)
				faults = (await verified(runtime)).faults
				assert {fault.kind for fault in faults} == {Kind.ROLLED_BACK}
				assert "was put back to an older state and sealed on" in faults[0].text
		finally:
			server.execute(text(f'drop database if exists "{name}_old" with (force)'))
