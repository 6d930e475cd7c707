"""`apg doctor`: what is wrong with this installation, and how to mend it."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from apg.cli.home import installation
from apg.cli.output import show
from apg.kernel.settings import Settings

HORIZON_SECONDS = 60.0
LAG_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
	"""One thing looked at: `ok`, `note` (nothing to do) or `bad`, and what to do."""

	what: str
	state: str
	found: str
	remedy: str = ""

	def row(self) -> dict[str, Any]:
		return {"what": self.what, "state": self.state, "found": self.found, "remedy": self.remedy}


def examine(*, as_json: bool) -> int:
	"""Looks at everything; answers 1 when something is bad."""
	with installation() as settings:
		findings = [*_of_composition(settings), *_of_database(settings)]
		findings += asyncio.run(_of_log(settings))
	show([finding.row() for finding in findings], as_json=as_json)
	return 1 if any(finding.state == "bad" for finding in findings) else 0


def _of_composition(settings: Settings) -> list[Finding]:
	from apg.app import composition

	whole = composition()
	names = ", ".join(c.short for c in whole.capabilities)
	found = [Finding("composition", "ok", names)]
	for name, missing in whole.unmet().items():
		found.append(
			Finding(
				"optional", "note", f"{name} would use {', '.join(missing)}", "none: it degrades"
			)
		)
	for name, problems in whole.left_out.items():
		found.append(
			Finding("left out", "bad", f"{name}: {' '.join(problems)}", "mend or remove it")
		)
	if settings.redis_url:
		found.append(Finding("APG_REDIS_URL", "note", "is set and not used", "it may be removed"))
	return found


def _of_database(settings: Settings) -> list[Finding]:
	from apg.app import composition
	from apg.kernel.database import Base
	from apg.kernel.migrating import admin_engine, check_server, histories, version
	from apg.kernel.tenancy import WITHOUT_TENANT

	whole = composition()
	engine = admin_engine(settings.database_admin_url)
	found: list[Finding] = []
	with engine.connect() as connection:
		check_server(connection)
		found.append(
			Finding(
				"database", "ok", f"PostgreSQL {connection.scalar(text('show server_version'))}"
			)
		)
		known = {history.table for history in histories(whole)}
		for history in histories(whole):
			stands, head = version(connection, history), history.head()
			state = "ok" if stands == head else "bad"
			found.append(
				Finding(
					f"tables of {history.short}",
					state,
					f"at {stands}" + ("" if state == "ok" else f", wanted {head}"),
					"" if state == "ok" else "apg migrate",
				)
			)
		orphans = connection.scalars(
			text("select tablename from pg_tables where tablename like 'alembic_version_%'")
		)
		for table in sorted(set(orphans) - known):
			short = table.removeprefix("alembic_version_")
			found.append(
				Finding(
					"tables left",
					"note",
					f"of {short}, which is not installed",
					"keep or drop them",
				)
			)
		open_tables = connection.execute(
			text(
				"select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and "
				"a.attname = 'tenant_id' where c.relkind in ('r', 'p') and c.relnamespace = "
				"'public'::regnamespace and not (c.relrowsecurity and c.relforcerowsecurity) "
				"and not c.relispartition"
			)
		)
		gaps = sorted(row[0] for row in open_tables if row[0] not in WITHOUT_TENANT)
		gaps = [
			name for name in gaps if name in Base.metadata.tables or name.startswith(("esg", "plm"))
		]
		found.append(
			Finding(
				"row-level security",
				"bad" if gaps else "ok",
				"not forced on " + ", ".join(gaps) if gaps else "forced on every tenant's table",
				"apg migrate; if it stays, report it" if gaps else "",
			)
		)
	engine.dispose()
	return found


async def _of_log(settings: Settings) -> list[Finding]:
	from apg.app import make_runtime
	from apg.kernel import growth, log

	runtime = make_runtime(settings, role="apg_worker")
	found: list[Finding] = []
	try:
		async with runtime.engine.connect() as connection:
			held = await log.horizon(connection)
			age = held.seconds if held else None
			old = age is not None and age > HORIZON_SECONDS
			found.append(
				Finding(
					"log horizon",
					"bad" if old else "ok",
					f"held back {'for an unknown time' if age is None else f'{age:.0f} s'} "
					f"by {held.role} ({held.pid})"
					if held
					else "free",
					"end that session" if old else "",
				)
			)
			for one in await log.lag(connection):
				late = one.events >= LAG_EVENTS
				found.append(
					Finding(
						f"consumer {one.consumer}",
						"bad" if late or one.failed else "ok",
						f"{one.events} behind, {one.failed} failed",
						"start a worker (apg worker)"
						if late
						else "see /admin/jobs"
						if one.failed
						else "",
					)
				)
			sizes = await growth.report(connection)
			biggest = ", ".join(f"{g.table} {g.bytes / 1e6:.1f} MB" for g in sizes[:5])
			found.append(Finding("largest tables", "ok", biggest or "empty"))
	finally:
		await runtime.engine.dispose()
	return found
