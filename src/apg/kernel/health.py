"""Health: real checks in the form of the ESG guide; an exception's text never leaves the log."""

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from apg.kernel.capability import HealthCheck
from apg.kernel.errors import AppError
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import moment_text
from apg.kernel.work import Work, open_work

if TYPE_CHECKING:
	from collections.abc import AsyncGenerator

	from apg.kernel.composition import Composition

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"
DATABASE_MS = 100.0  # ESG guide: below it the database is healthy, above it degraded
CHECK_SECONDS = 5.0
NOBODY = "00000000-0000-0000-0000-000000000000"
_RANK = {HEALTHY: 0, DEGRADED: 1, UNHEALTHY: 2}


async def _database(work: Work) -> tuple[str, str, dict[str, Any]]:
	await work.scalar(text("select 1"))  # the first statement may wait for a connection
	started = perf_counter()
	await work.scalar(text("select 1"))
	took = (perf_counter() - started) * 1_000
	details = {"response_time_ms": round(took, 2)}
	if took < DATABASE_MS:
		return HEALTHY, _("The database answers."), details
	return DEGRADED, _("The database answers slowly."), details


DATABASE = HealthCheck("database", _database)


@asynccontextmanager
async def _work_of(subject: Work | Runtime) -> "AsyncGenerator[Work]":
	if isinstance(subject, Work):
		yield subject
		return
	nobody = Principal(kind="system", tenant_id=NOBODY)
	async with open_work(subject, nobody, action="health", origin="api", read_only=True) as work:
		yield work


async def health_report(
	subject: Work | Runtime, checks: Iterable[HealthCheck] = (), *, database: bool = True
) -> dict[str, Any]:
	"""`{status, checks: {name: {status, message, details}}, timestamp}`; the worst check decides.

	A Runtime in place of a Work asks for no tenant. A check that raises, or takes more than 5 s, is
	unhealthy; what it raised goes to the log alone.
	"""
	found: dict[str, dict[str, Any]] = {}
	wanted = [DATABASE, *checks] if database else list(checks)
	for check in wanted:
		try:
			async with asyncio.timeout(CHECK_SECONDS), _work_of(subject) as work:
				status, message, details = await check.check(work)
		except (AppError, SQLAlchemyError, OSError, TimeoutError) as error:
			structlog.get_logger("apg.health").error(
				"check failed", check=check.name, error=type(error).__name__, exc_info=error
			)
			status, message, details = UNHEALTHY, _("The check failed; the log says why."), {}
		found[check.name] = {"status": status, "message": message, "details": details}
	return {
		"status": max((one["status"] for one in found.values()), key=_RANK.__getitem__)
		if found
		else HEALTHY,
		"checks": found,
		"timestamp": moment_text(utc_now()),
	}


def dependency_report(
	composition: "Composition", name: str, enabled: frozenset[str]
) -> dict[str, dict[str, Any]]:
	"""What a capability requires and uses, each as `available`, `off` for the tenant or `absent`."""
	capability = composition[name]
	present = {c.name: c for c in composition.capabilities}
	report: dict[str, dict[str, Any]] = {}
	for other in (*capability.requires, *capability.uses):
		held = present.get(other)
		state = "absent"
		if held is not None:
			state = "available" if held.always_on or held.short in enabled else "off"
		report[other] = {"status": state, "required": other in capability.requires}
	return report


async def readiness(runtime: Runtime) -> dict[str, str]:
	"""What stands between this process and its first request: name → reason; empty means ready."""
	from apg.kernel.migrating import histories

	if "authenticator" not in runtime.state:
		return {"authenticator": _("Nobody can sign in yet.")}
	try:
		async with asyncio.timeout(CHECK_SECONDS), runtime.engine.connect() as connection:
			rows = await connection.exec_driver_sql("select short, version from schema_versions()")
			stands = {row.short: row.version for row in rows}
	except (SQLAlchemyError, OSError, TimeoutError) as error:
		structlog.get_logger("apg.health").error("not ready", error=type(error).__name__)
		return {"database": _("The database cannot be used.")}
	if "schema_heads" not in runtime.state:
		runtime.state["schema_heads"] = {h.short: h.head() for h in histories(runtime.composition)}
	wanted: dict[str, str | None] = runtime.state["schema_heads"]
	behind = sorted(short for short, head in wanted.items() if stands.get(short) != head)
	if behind:
		return {"migrations": _("Run apg migrate; behind: {names}.", names=", ".join(behind))}
	return {}
