"""What the database's own catalogue says: versions, roles, policies, functions, the trail."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, text

from apg.app import composition
from apg.cli.findings import Finding, bad, note, ok
from apg.kernel.database import Base
from apg.kernel.keys import RootKey
from apg.kernel.log import Horizon, Lag
from apg.kernel.migrating import admin_engine, check_server, histories, version
from apg.kernel.roles import LOGIN_ROLES, PRIVILEGED_FUNCTIONS, ROLES
from apg.kernel.settings import Settings
from apg.kernel.tenancy import WITHOUT_TENANT

__all__ = ["Horizon", "Lag", "findings", "trail"]

SKEW_SECONDS = 5.0
AGAIN = "apg migrate; if it stays, restore a backup or report it"
TENANT_TABLES = """
	select c.relname, c.relrowsecurity and c.relforcerowsecurity,
		exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive
			and pg_get_expr(p.polqual, p.polrelid) like '%current_tenant_id%'),
		exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive)
	from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
		and not a.attisdropped
	where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
		and not c.relispartition
"""
FUNCTIONS = """
	select p.proname, has_function_privilege('public', p.oid, 'execute'),
		coalesce(array_to_string(p.proconfig, ' ') like '%search_path=%', false)
	from pg_proc p where p.prosecdef and p.pronamespace = 'public'::regnamespace
"""
JOBS = """
	select count(*) filter (where status = 'failed'),
		count(*) filter (where status = 'todo' and scheduled_at is null)
	from procrastinate_jobs
"""


def findings(settings: Settings, *, embedded: bool) -> list[Finding]:
	"""All that can be seen from the catalogue. Raises SQLAlchemyError when the server is away."""
	engine = admin_engine(settings.database_admin_url)
	try:
		with engine.connect() as connection:
			check_server(connection)
			found = [_server(connection, embedded), _skew(connection)]
			stands = _versions(connection)
			found += stands
			if any(one.state == "bad" for one in stands):
				return found
			found += [
				_roles(connection, settings),
				_policies(connection),
				_functions(connection),
				*_jobs(connection),
			]
			return found
	finally:
		engine.dispose()


def _server(connection: Connection, embedded: bool) -> Finding:
	told = f"PostgreSQL {connection.scalar(text('show server_version'))}"
	return ok("database", f"{told}, {'which comes with APG' if embedded else 'a server of yours'}")


def _skew(connection: Connection) -> Finding:
	before = time.time()
	theirs = float(connection.scalar(text("select extract(epoch from clock_timestamp())")) or 0)
	after = time.time()
	skew = max(before - theirs, theirs - after, 0.0)
	if skew > SKEW_SECONDS:
		return bad("clock", f"the database's differs by {skew:.0f} s", "let both machines use NTP")
	return ok("clock", "as the database's")


def _versions(connection: Connection) -> list[Finding]:
	found: list[Finding] = []
	known = histories(composition())
	for history in known:
		stands, head = version(connection, history), history.head()
		if stands != head:
			told = f"{history.short} at {stands or 'nothing'}, wanted {head}"
			found.append(bad("migrations", told, "apg migrate", fatal=True))
	if not found:
		found.append(ok("migrations", f"{len(known)} histories, each at its last step"))
	there = connection.scalars(
		text("select tablename from pg_tables where tablename like 'alembic_version_%'")
	)
	for table in sorted(set(there) - {history.table for history in known}):
		short = table.removeprefix("alembic_version_")
		told = f"of {short}, which is not installed"
		found.append(note("tables left", told, "keep or drop them"))
	return found


def _roles(connection: Connection, settings: Settings) -> Finding:
	rows = connection.execute(
		text(
			"select rolname, rolcanlogin, rolbypassrls, rolsuper or rolcreaterole or rolcreatedb "
			"or rolreplication from pg_roles where rolname like 'apg%'"
		)
	)
	there = {row[0]: tuple(row[1:]) for row in rows}
	wrong: list[str] = []
	for role, (attributes, _budget) in ROLES.items():
		words = attributes.split()
		wanted = (role in LOGIN_ROLES, "bypassrls" in words, False)
		if role not in there:
			wrong.append(f"{role} is missing")
		elif there[role] != wanted:
			wrong.append(f"{role} may do other than it should")
	mark = connection.scalar(
		text(
			"select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'public'"
		)
	)
	if mark != f"apg {RootKey.parse(settings.secret_key).fingerprint}":
		wrong.append("their passwords are of another root secret")
	if wrong:
		return bad("roles", "; ".join(wrong), "apg migrate")
	return ok("roles", f"{len(ROLES)} with the rights they should have")


def _policies(connection: Connection) -> Finding:
	ours = set(Base.metadata.tables)
	prefixes = tuple(prefix for c in composition().capabilities for prefix in c.table_prefixes)
	gaps: list[str] = []
	count = 0
	for name, forced, bound, reach in connection.execute(text(TENANT_TABLES)):
		if name in WITHOUT_TENANT or not (name in ours or name.startswith(prefixes)):
			continue
		count += 1
		if not (forced and bound and reach):
			gaps.append(name)
	if gaps:
		return bad("policies", f"not whole on {', '.join(sorted(gaps))}", AGAIN)
	return ok("policies", f"forced on {count} tables of tenants")


def _functions(connection: Connection) -> Finding:
	rows = list(connection.execute(text(FUNCTIONS)))
	names = {row[0] for row in rows}
	wrong: list[str] = []
	unknown = sorted(n for n in names - set(PRIVILEGED_FUNCTIONS) if not n.endswith("_search"))
	if unknown:
		wrong.append(f"unknown: {', '.join(unknown)}")
	if missing := sorted(set(PRIVILEGED_FUNCTIONS) - names):
		wrong.append(f"missing: {', '.join(missing)}")
	if public := sorted(row[0] for row in rows if row[1]):
		wrong.append(f"open to everybody: {', '.join(public)}")
	if loose := sorted(row[0] for row in rows if not row[2]):
		wrong.append(f"without a search path of their own: {', '.join(loose)}")
	if wrong:
		return bad("functions with more rights", "; ".join(wrong), AGAIN)
	return ok("functions with more rights", f"{len(names)}, all known and closed to the public")


def _jobs(connection: Connection) -> list[Finding]:
	failed, waiting = connection.execute(text(JOBS)).one()
	if failed:
		return [bad("tasks", f"{failed} failed, {waiting} waiting", "see /admin/jobs")]
	return [ok("tasks", f"none failed, {waiting} waiting")]


# -- the trail -----------------------------------------------------------------------------------

WRITERS = """
	select g.rolname || ' may ' || lower(r.privilege_type)
	from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) r
		left join pg_roles g on g.oid = r.grantee
	where c.oid = 'audit_entries'::regclass
		and r.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
		and r.grantee <> c.relowner
		and not (g.rolname = 'apg_system' and r.privilege_type = 'INSERT')
"""
WATCHED = """
	select t.tgrelid::regclass::text, t.tgenabled in ('O', 'A')
	from pg_trigger t join pg_proc p on p.oid = t.tgfoid
	where p.proname in ('audit_row', 'audit_statement') and not t.tgisinternal
"""
KEEPERS = """
	select p.proname, r.rolname = 'apg_system' and p.prosecdef
	from pg_proc p join pg_roles r on r.oid = p.proowner
	where p.proname in ('audit_row', 'audit_statement')
		and p.pronamespace = 'public'::regnamespace
"""


def trail(settings: Settings) -> list[Finding]:
	"""What can be said of the trail as it stands, and what cannot."""
	engine = admin_engine(settings.database_admin_url)
	try:
		with engine.connect() as connection:
			entries, first, last = connection.execute(
				text("select count(*), min(occurred_at), max(occurred_at) from audit_entries")
			).one()
			span = f", from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}" if entries else ""
			return [
				ok("entries", f"{entries}{span}"),
				_watched(connection),
				_keepers(connection),
				_writers(list(connection.scalars(text(WRITERS)))),
			]
	finally:
		engine.dispose()


def _audited() -> set[str]:
	"""Tables whose models say that each of their changes is recorded."""
	found: set[str] = set()
	for mapper in Base.registry.mappers:
		protect = getattr(mapper.class_, "__protect__", None)
		if protect is not None and protect.audited:
			found.add(str(mapper.class_.__tablename__))
	return found


def _watched(connection: Connection) -> Finding:
	composition()
	active = {row[0]: bool(row[1]) for row in connection.execute(text(WATCHED))}
	asleep = sorted(name for name in _audited() | set(active) if not active.get(name, False))
	if asleep:
		return bad("recording", f"off for {', '.join(asleep)}", AGAIN)
	return ok("recording", f"on for all {len(active)} tables that are recorded")


def _keepers(connection: Connection) -> Finding:
	rows = dict(connection.execute(text(KEEPERS)).tuples().all())
	if set(rows) != {"audit_row", "audit_statement"} or not all(rows.values()):
		return bad("recorder", "its functions are not as they were installed", AGAIN)
	return ok("recorder", "its functions belong to the role that alone may write")


def _writers(others: Sequence[str]) -> Finding:
	if others:
		remedy = "revoke these rights on audit_entries"
		return bad("writers", "; ".join(sorted(others)), remedy)
	return ok("writers", "no role but the recorder's may add an entry, and none may change one")
