"""Commands about companies, people and their data."""

import asyncio
import getpass
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from apg.cli.home import installation
from apg.cli.output import Failure, print_json, show
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Runtime]:
	"""A Runtime as the worker role, with the authenticator started."""
	from apg.app import make_runtime
	from apg.platform.auth import starting as auth

	async with AsyncExitStack() as stack:
		runtime = make_runtime(settings, role="apg_worker")
		stack.push_async_callback(runtime.engine.dispose)
		await auth.start(runtime, stack)
		yield runtime


def run_with(call: Callable[[Runtime, Settings], Awaitable[Any]]) -> Any:
	async def inside(settings: Settings) -> Any:
		async with running(settings) as runtime:
			return await call(runtime, settings)

	with installation() as settings:
		return asyncio.run(inside(settings))


async def system_of(runtime: Runtime, slug: str) -> Any:
	"""The machinery's Principal in a tenant. Raises Failure for an unknown slug."""
	from apg.platform.tenants.tenants import service as tenants

	tenant_id = await tenants.find_tenant(runtime, slug)
	if tenant_id is None:
		raise Failure(f"There is no company {slug}.", f"Make it with: apg tenant create {slug}")
	return await runtime.state["authenticator"].principal_of(tenant_id, None)


async def enter(runtime: Runtime, slug: str, command: str) -> Any:
	"""As `system_of`, on record among the company's security events: an operator was there."""
	from apg.kernel import security_events

	principal = await system_of(runtime, slug)
	await security_events.record(
		runtime,
		"operator_entry",
		tenant_id=principal.tenant_id,
		subject=f"operator {getpass.getuser()}",
		route=command,
		address="command line",
	)
	return principal


def create_tenant(slug: str, name: str, admin: str, *, as_json: bool) -> None:
	"""`apg tenant create`."""

	async def call(runtime: Runtime, settings: Settings) -> list[dict[str, Any]]:
		from apg.platform.tenants.tenants import service as tenants

		await tenants.create_tenant(runtime, slug, name)
		row: dict[str, Any] = {"tenant": slug, "name": name}
		if admin:
			row |= await _person(runtime, slug, admin, admin, ("tenant_admin",))
		return [row]

	show(run_with(call), as_json=as_json)


def create_user(
	username: str, tenant: str, name: str, roles: tuple[str, ...], *, as_json: bool
) -> None:
	"""`apg user create`."""

	async def call(runtime: Runtime, settings: Settings) -> list[dict[str, Any]]:
		await enter(runtime, tenant, "apg user create")
		return [{"tenant": tenant, **await _person(runtime, tenant, username, name, roles)}]

	show(run_with(call), as_json=as_json)


async def _person(
	runtime: Runtime, slug: str, username: str, name: str, roles: tuple[str, ...]
) -> dict[str, Any]:
	from apg.kernel.work import open_work
	from apg.platform.auth.users import service as users

	password = secrets.token_urlsafe(15)
	principal = await system_of(runtime, slug)
	async with open_work(runtime, principal, action="auth.users.create", origin="cli") as work:
		await users.create_user(work, username, password, name, roles)
	return {"username": username, "password": password, "roles": roles}


def import_bom_file(
	file: str, tenant: str, *, parent: str, currency: str, dry_run: bool, as_json: bool
) -> None:
	"""`apg import bom`."""
	path = Path(file)
	if not path.is_file():
		raise Failure(f"There is no file {path}.", "Name a table, a netlist or a STEP file.")

	async def call(runtime: Runtime, settings: Settings) -> dict[str, Any]:
		from apg.capabilities.plm.imports import service as imports
		from apg.capabilities.plm.imports.schemas import ImportOptions
		from apg.kernel.web.forms import checked

		options = checked(ImportOptions, {"parent": parent or None, "currency": currency or None})
		principal = await enter(runtime, tenant, "apg import bom")
		return await imports.import_now(
			runtime, principal, path.name, path.read_bytes(), dry_run=dry_run, options=options
		)

	report = run_with(call)
	problems = report.get("problems", [])
	if as_json:
		print_json(report)
	else:
		show(problems, as_json=False, empty="No problems.")
		print(f"{report['summary']}")
	if any(one["severity"] == "error" for one in problems):
		raise Failure("Nothing was imported.", "Mend the rows above and import the file again.")


def load_demo(*, as_json: bool) -> None:
	"""`apg demo`."""

	async def call(runtime: Runtime, settings: Settings) -> list[dict[str, Any]]:
		from apg.demo.company import load

		return await load(runtime, settings)

	show(run_with(call), as_json=as_json)
