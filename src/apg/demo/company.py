"""Makes the demo company; every step looks first whether it was done, so it may be repeated."""

import secrets
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.imports import service as imports
from apg.demo import carbon, changes, rates, sustainability
from apg.kernel.principal import Principal
from apg.kernel.private_files import write_private
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.platform.auth.passwords import hash_password
from apg.platform.auth.users import service as users
from apg.platform.auth.users.models import User
from apg.platform.tenants.tenants import service as tenants

SLUG = "demo"
NAME = "Demo Widgets"
INVENTREE = "inventree_demo_2024-02-28_parts_bom.json"


@dataclass(frozen=True, slots=True)
class Someone:
	"""A person of the demo company."""

	username: str
	name: str
	roles: tuple[str, ...]
	role: str


# who of them has which part in the story of the changes
PARTS = {
	"administrator": "admin@demo.example",
	"engineer": "engineer@demo.example",
	"technical": "technical@demo.example",
	"quality": "sustainability@demo.example",
}
PEOPLE = (
	Someone(
		"admin@demo.example",
		"Ada Admin",
		("tenant_admin", "plm_management_approver"),
		"administrator",
	),
	Someone(
		"engineer@demo.example", "Emil Engineer", ("plm_engineer", "esg_viewer"), "design engineer"
	),
	Someone(
		"technical@demo.example",
		"Tilda Technical",
		("plm_technical_approver", "esg_viewer"),
		"technical approver",
	),
	Someone(
		"sustainability@demo.example",
		"Sana Sustainability",
		("esg_manager", "plm_viewer", "plm_quality_approver"),
		"sustainability manager",
	),
	Someone("auditor@demo.example", "Aram Auditor", ("plm_viewer", "esg_viewer"), "reader"),
)


async def load(runtime: Runtime, settings: Settings) -> list[dict[str, Any]]:
	"""Company, people, parts and metrics; answers one row per step.

	Passwords are made anew whenever `demo.json` is missing, and written there (mode 0600).
	"""
	steps: list[dict[str, Any]] = []
	tenant_id = await tenants.find_tenant(runtime, SLUG)
	if tenant_id is None:
		tenant_id = await tenants.create_tenant(runtime, SLUG, NAME)
		steps.append({"step": "company", "what": NAME})
	principal = await runtime.state["authenticator"].principal_of(tenant_id, None)
	told = await people(runtime, principal)
	steps.append({"step": "people", "what": f"{len(told)} people"})
	content = files("apg.demo").joinpath("inventree", INVENTREE).read_bytes()
	report = await imports.import_now(runtime, principal, INVENTREE, content, dry_run=False)
	steps.append({"step": "parts", "what": report["summary"]})
	steps.append({"step": "rates", "what": await rates.load(runtime, principal)})
	steps.append({"step": "metrics", "what": await sustainability.load(runtime, principal)})
	steps.append({"step": "carbon", "what": await carbon.load(runtime, principal, settings)})
	steps.append({"step": "changes", "what": await changes.load(story(runtime, tenant_id, told))})
	for one in told:
		del one["user_id"]
	write_private(
		settings.home / "demo.json", {"url": settings.base_url, "tenant": SLUG, "users": told}
	)
	return steps


def story(runtime: Runtime, tenant_id: str, told: list[dict[str, str]]) -> changes.Company:
	"""The company as its changes need it."""
	by_name = {one["username"]: changes.Signer(one["user_id"], one["password"]) for one in told}
	parts = {part: by_name[username] for part, username in PARTS.items()}
	return changes.Company(runtime, tenant_id, parts)


async def people(runtime: Runtime, principal: Principal) -> list[dict[str, str]]:
	"""Makes who is missing; each with a new password."""
	told: list[dict[str, str]] = []
	for someone in PEOPLE:
		password = secrets.token_urlsafe(12)
		async with open_work(runtime, principal, action="auth.users.create", origin="cli") as work:
			held = await work.scalar(select(User.id).where(User.username == someone.username))
			if held is None:
				held = await users.create_user(
					work, someone.username, password, someone.name, someone.roles
				)
			else:
				await users.set_password_hash(work, held, await hash_password(password))
		told.append(
			{
				"username": someone.username,
				"password": password,
				"role": someone.role,
				"user_id": held,
			}
		)
	return told
