"""Generated from the database: what protects each table, with no table forgotten."""

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from apg.kernel.migrating import admin_engine
from apg.kernel.roles import PRIVILEGED_FUNCTIONS
from apg.kernel.runtime import Runtime
from apg.kernel.tenancy import WITHOUT_TENANT

OURS = "c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
MACHINERY = ("alembic_version_", "procrastinate_")


@pytest.fixture(scope="module")
def catalogue(admin_url: str):
	engine = admin_engine(admin_url)
	with engine.connect() as connection:
		yield connection
	engine.dispose()


def tables(connection: Connection, *, partitions: bool = False) -> list[str]:
	"""Tables with a tenant, partitions apart."""
	return [
		row[0]
		for row in connection.execute(
			text(
				f"select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid "
				f"and a.attname = 'tenant_id' and not a.attisdropped where {OURS} "
				f"and c.relispartition = :partitions and c.relname not like 'sample_%' order by 1"
			),
			{"partitions": partitions},
		)
	]


def test_every_table_has_a_tenant_or_a_reason(catalogue: Connection) -> None:
	known = set(tables(catalogue)) | set(tables(catalogue, partitions=True))
	everything = {
		row[0] for row in catalogue.execute(text(f"select relname from pg_class c where {OURS}"))
	}
	without = {
		name
		for name in everything - known
		if not name.startswith((*MACHINERY, "sample_")) and name != "task_runs"
	}
	assert without - set(WITHOUT_TENANT) == set()


def test_policies_are_forced_on_every_table(catalogue: Connection) -> None:
	rows = catalogue.execute(
		text(
			f"select c.relname, c.relrowsecurity and c.relforcerowsecurity from pg_class c where {OURS}"
		)
	)
	forced = {row[0]: row[1] for row in rows}
	wanted = {*tables(catalogue), *tables(catalogue, partitions=True)} - set(WITHOUT_TENANT)
	assert [name for name in sorted(wanted) if not forced[name]] == []


def test_one_permissive_policy_binds_reading_and_writing(catalogue: Connection) -> None:
	rows = catalogue.execute(
		text(
			"select tablename, policyname, permissive, cmd, qual, with_check from pg_policies "
			"where schemaname = 'public'"
		)
	).all()
	by_table: dict[str, list[tuple[str, ...]]] = {}
	for row in rows:
		by_table.setdefault(row[0], []).append(tuple(str(v) for v in row[1:]))
	for name in set(tables(catalogue)) - set(WITHOUT_TENANT):
		policies = by_table.get(name, [])
		tenant = [p for p in policies if p[1] == "PERMISSIVE" and "current_tenant_id" in p[3]]
		assert tenant, f"{name} has no tenant policy"
		assert any(p[1] == "RESTRICTIVE" for p in policies), f"{name} does not restrict the reach"
		for policy in policies:
			if policy[1] == "PERMISSIVE" and policy[2] in ("ALL", "INSERT", "UPDATE", "DELETE"):
				assert "current_tenant_id" in f"{policy[3]}{policy[4]}", (
					f"{name}: {policy[0]} is open"
				)


def test_foreign_keys_never_leave_the_tenant(catalogue: Connection) -> None:
	rows = catalogue.execute(
		text(
			"""
			select k.conrelid::regclass::text, k.conname, k.confrelid::regclass::text,
				array(select attname::text from pg_attribute where attrelid = k.conrelid
					and attnum = any(k.conkey))
			from pg_constraint k where k.contype = 'f' and k.connamespace = 'public'::regnamespace
			"""
		)
	).all()
	mine = set(tables(catalogue))
	wrong = [
		(table, name)
		for table, name, target, columns in rows
		if table in mine and target in mine and "tenant_id" not in columns
	]
	assert wrong == []


def test_uniqueness_is_per_tenant(catalogue: Connection) -> None:
	rows = catalogue.execute(
		text(
			"""
			select c.relname, i.indexrelid::regclass::text,
				(select attname::text from pg_attribute where attrelid = i.indrelid
					and attnum = i.indkey[0]), i.indisprimary
			from pg_index i join pg_class c on c.oid = i.indrelid
			where i.indisunique and c.relnamespace = 'public'::regnamespace
			"""
		)
	).all()
	mine = set(tables(catalogue)) - set(WITHOUT_TENANT)
	# A secret's hash is looked up before a tenant is known, and is unique everywhere.
	wrong = [
		(table, index)
		for table, index, first, primary in rows
		if table in mine
		and not primary
		and first != "tenant_id"
		and not (first or "").endswith(("hash", "job_id"))
	]
	assert wrong == []


def test_partitions_and_secrets_are_closed_to_the_application(catalogue: Connection) -> None:
	granted = {
		(row[0], row[1])
		for row in catalogue.execute(
			text(
				"select table_name, privilege_type from information_schema.role_table_grants "
				"where grantee in ('apg_app', 'apg_worker', 'PUBLIC') and table_schema = 'public'"
			)
		)
	}
	open_partitions = {
		(table, right)
		for table, right in granted
		if table in set(tables(catalogue, partitions=True))
	}
	assert open_partitions == set()
	app_only = {
		row[0]
		for row in catalogue.execute(
			text(
				"select table_name from information_schema.role_table_grants where grantee = 'apg_app' "
				"and table_name like 'procrastinate%'"
			)
		)
	}
	assert app_only == set()
	secrets = {
		(row[0], row[1])
		for row in catalogue.execute(
			text(
				"select table_name, column_name from information_schema.column_privileges where "
				"grantee = 'apg_app' and privilege_type = 'SELECT' and (column_name like '%password_hash' "
				"or column_name like 'totp%secret' or column_name like 'recovery%' "
				"or column_name = 'private_wrapped')"
			)
		)
	}
	assert secrets == set()


def test_the_application_cannot_write_the_trail(catalogue: Connection) -> None:
	rights = {
		row[0]
		for row in catalogue.execute(
			text(
				"select privilege_type from information_schema.role_table_grants where "
				"table_name = 'audit_entries' and grantee in ('apg_app', 'apg_worker', 'PUBLIC')"
			)
		)
	}
	assert rights == {"SELECT"}


def test_functions_with_more_rights_are_all_listed(catalogue: Connection) -> None:
	found = {
		row[0]
		for row in catalogue.execute(
			text(
				"select p.proname from pg_proc p where p.prosecdef and "
				"p.pronamespace = 'public'::regnamespace"
			)
		)
	}
	searches = {name for name in found if name.endswith("_search")}
	assert found - searches - set(PRIVILEGED_FUNCTIONS) == set()
	assert set(PRIVILEGED_FUNCTIONS) - found == set()
	open_to_all = {
		row[0]
		for row in catalogue.execute(
			text(
				"select p.proname from pg_proc p where p.prosecdef and "
				"p.pronamespace = 'public'::regnamespace and has_function_privilege('public', p.oid, 'execute')"
			)
		)
	}
	assert open_to_all == set()


async def test_an_unbound_transaction_sees_and_writes_nothing(
	runtime: Runtime, catalogue: Connection
) -> None:
	readable = {
		row[0]
		for row in catalogue.execute(
			text(
				"select table_name from information_schema.role_table_grants where "
				"grantee = 'apg_app' and privilege_type = 'SELECT'"
			)
		)
	}
	for name in sorted((set(tables(catalogue)) - set(WITHOUT_TENANT)) & readable):
		async with runtime.engine.connect() as connection:
			rows = await connection.execute(text(f"select count(*) from {name}"))
			assert rows.scalar_one() == 0, name


@pytest.mark.parametrize("reach", ["portal", "guest:x", "supplier:y"])
async def test_other_reaches_read_nothing(
	runtime: Runtime, catalogue: Connection, reach: str, people: object
) -> None:
	tenant = people.alice.tenant_id  # type: ignore[attr-defined]
	for name in sorted(set(tables(catalogue)) - set(WITHOUT_TENANT)):
		async with runtime.engine.connect() as connection:
			allowed = await connection.scalar(
				text("select has_table_privilege(current_user, :name, 'select')"), {"name": name}
			)
			if not allowed:
				continue
			await connection.execute(
				text(
					"select set_config('app.current_tenant_id', :t, true), "
					"set_config('app.reach', :r, true)"
				),
				{"t": tenant, "r": reach},
			)
			assert await connection.scalar(text(f"select count(*) from {name}")) == 0, name
