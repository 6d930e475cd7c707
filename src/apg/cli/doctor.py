"""`apg doctor`: what is wrong with this installation, and how to mend it."""

import asyncio
import os
import stat
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from apg.cli import catalogue
from apg.cli.explaining import free_bytes
from apg.cli.findings import Finding, bad, note, ok
from apg.cli.home import installation
from apg.cli.output import show
from apg.kernel.composition import Composition
from apg.kernel.retention import classes
from apg.kernel.settings import UNUSED, Settings

if TYPE_CHECKING:
	from sqlalchemy.ext.asyncio import AsyncConnection

HORIZON_SECONDS = 60.0
LAG_EVENTS = 10_000
LAG_SECONDS = 300.0
SCARCE = 2**30  # bytes free
TOO_SCARCE = 256 * 2**20
PRIVATE = ("secret", "demo.json", "postgres.json")


def examine(*, as_json: bool) -> int:
	"""Looks at everything; answers 1 when something is bad."""
	with installation() as settings:
		embedded = (
			settings.database_url == settings.database_admin_url
			and (settings.home / "postgres.json").exists()
		)
		findings = [*_of_home(settings), *_of_composition(settings)]
		findings += catalogue.findings(settings, embedded=embedded)
		if not any(finding.state == "bad" and finding.fatal for finding in findings):
			findings += asyncio.run(_of_log(settings))
		findings.append(asyncio.run(mail_finding(settings)))
	show([finding.row() for finding in findings], as_json=as_json)
	wrong = [finding for finding in findings if finding.state == "bad"]
	if not as_json:
		told = f"{len(wrong)} to mend." if wrong else "Nothing to mend."
		print(f"\n{len(findings)} findings. {told}")
	return 1 if wrong else 0


def _of_home(settings: Settings) -> list[Finding]:
	free = free_bytes(settings.home)
	told = f"{free / 1e9:,.1f} GB free at {settings.home}"
	found = [ok("disk", told)]
	if free < SCARCE:
		remedy = "free some space, or move APG_HOME"
		found = [(bad if free < TOO_SCARCE else note)("disk", told, remedy)]
	open_files = [name for name in PRIVATE if _is_open(settings.home / name)]
	if open_files:
		remedy = f"chmod 600 {' '.join(open_files)}"
		found.append(bad("secrets", f"others may read {', '.join(open_files)}", remedy))
	else:
		found.append(ok("secrets", "only their owner may read them"))
	return found


def _is_open(file: Path) -> bool:
	return file.exists() and bool(stat.S_IMODE(file.stat().st_mode) & 0o077)


def _of_composition(settings: Settings) -> list[Finding]:
	from apg.app import composition
	from apg.platform.operations import telemetry

	whole = composition()
	found = [ok("composition", ", ".join(c.short for c in whole.capabilities))]
	for name, missing in whole.unmet().items():
		told = f"{whole[name].short} would also use {', '.join(missing)}"
		found.append(note("optional", told, "nothing: it does without"))
	for name, problems in whole.left_out.items():
		found.append(bad("left out", f"{name}: {' '.join(problems)}", "mend or remove it"))
	for name, extra in telemetry.lacking(settings):
		found.append(bad(name, "is set and what it needs is not installed", f"install {extra}"))
	return [*found, *_retention(settings, whole), *unused(os.environ)]


def _retention(settings: Settings, whole: Composition) -> list[Finding]:
	"""What is kept for a number of days only; a class that nobody declares keeps nothing shorter."""
	known = classes(whole)
	return [
		ok("retention", f"{name}: {days} days")
		if name in known
		else bad("retention", f"no class {name}", f"name one of {', '.join(sorted(known))}")
		for name, days in sorted(settings.retention_days.items())
	]


def unused(environ: Mapping[str, str]) -> list[Finding]:
	"""Settings that somebody made and that change nothing, each with the reason."""
	return [
		note(name, f"is set and not used: {why}", "it may be removed")
		for name, why in sorted(UNUSED.items())
		if environ.get(name)
	]


async def _of_log(settings: Settings) -> list[Finding]:
	from apg.app import make_runtime
	from apg.kernel import growth, log

	runtime = make_runtime(settings, role="apg_worker")
	found: list[Finding] = []
	try:
		async with runtime.engine.connect() as connection:
			found.append(_horizon(await log.horizon(connection)))
			known = {consumer.name for consumer in runtime.composition.consumers}
			every = await log.lag(connection)
			lags = [one for one in every if one.consumer in known]
			if gone := [one.consumer for one in every if one.consumer not in known]:
				# Of a capability that was removed: its place in the log is kept, nobody waits for it.
				told = f"{', '.join(gone)}, which nobody runs here"
				found.append(
					note("readers left", told, "nothing: should they come back they go on")
				)
			found += [_lag(one) for one in lags if _is_late(one) or one.failed]
			if lags and not any(one.state == "bad" for one in found):
				most = max(one.events for one in lags)
				found.append(
					ok(
						"event log",
						f"{len(lags)} readers, none failed, at most {most} events behind",
					)
				)
			elif not lags and runtime.composition.consumers:
				found.append(note("event log", "no reader yet", "start a worker: apg worker"))
			elif not lags:
				found.append(ok("event log", "no capability reads it yet"))
			found.append(await _seal(connection))
			sizes = await growth.report(connection)
			biggest = ", ".join(f"{g.table} {g.bytes / 1e6:.1f} MB" for g in sizes[:5])
			found.append(ok("largest tables", biggest or "empty"))
	finally:
		await runtime.engine.dispose()
	return found


async def mail_finding(settings: Settings) -> Finding:
	"""Connects and signs in as before a mail; nothing is sent."""
	from apg.kernel.outbound import Outbound
	from apg.platform.notifications.settings import MailSettings
	from apg.platform.notifications.transports.email import EmailTransport, MailFailed

	try:
		mail = MailSettings()
	except ValidationError as error:
		told = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
		return bad("mail", told, "mend the settings APG_SMTP_*")
	if not mail.is_on:
		return note("mail", "off: links are shown to administrators, once", "set APG_SMTP_HOST")
	where = f"{mail.host}:{mail.port}"
	try:
		await EmailTransport(mail, Outbound(settings), "localhost").check()
	except MailFailed as failed:
		return bad("mail", f"{where}: {failed.kind.replace('_', ' ')}", _MAIL[failed.kind])
	return ok("mail", f"{where} takes it, security {mail.security}")


_MAIL = defaultdict(
	lambda: "look at the log of the mail server",
	address_refused="name the server or its network in APG_OUTBOUND_ALLOW if it is yours",
	login="mend APG_SMTP_USER and APG_SMTP_PASSWORD",
	name="mend APG_SMTP_HOST: the name is not known",
	no_starttls="set APG_SMTP_SECURITY=tls, or none for a server on this machine",
	tls="set APG_OUTBOUND_CA to the certificate that signed the server's",
	connection="start the server, or mend APG_SMTP_HOST and APG_SMTP_PORT",
)


def _horizon(held: "catalogue.Horizon | None") -> Finding:
	if held is None:
		return ok("log horizon", "free")
	who = f"{held.role} ({held.pid})"
	if held.seconds is None:
		remedy = "grant pg_read_all_stats to apg_system"
		return note("log horizon", f"held back by {who}, for how long is not told", remedy)
	told = f"held back {held.seconds:.0f} s by {who}: {held.doing}"
	if held.seconds > HORIZON_SECONDS:
		return bad("log horizon", told, f"end it: select pg_terminate_backend({held.pid})")
	return ok("log horizon", told)


async def _seal(connection: "AsyncConnection") -> Finding:
	from apg.kernel.sealing import LATE_SECONDS
	from apg.kernel.stamps import utc_now

	row = (await connection.exec_driver_sql("select * from audit_waiting()")).one()
	age = (utc_now() - row.oldest).total_seconds() if row.oldest else 0.0
	if age > LATE_SECONDS:
		told = f"{row.entries} entries of the trail are not sealed, the oldest since {age:.0f} s"
		return bad("seal", told, "start a worker: apg worker")
	return ok("seal", f"{row.entries} entries wait to be sealed")


def _is_late(one: "catalogue.Lag") -> bool:
	return one.events >= LAG_EVENTS or (one.seconds or 0.0) > LAG_SECONDS


def _lag(one: "catalogue.Lag") -> Finding:
	told = f"{one.events} events behind"
	if one.seconds is not None and one.events:
		told += f", the oldest {one.seconds:.0f} s old"
	told += f", {one.failed} failed"
	remedy = "see /admin/jobs" if one.failed else "start a worker: apg worker"
	return bad(f"reader {one.consumer}", told, remedy)
