"""A company with an author, approvers of each kind, somebody who runs changes, and another company."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.capabilities.plm.workshop import Answer, Workshop
from tests.people import make_tenant

from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id
from apg.kernel.work import open_work
from apg.platform.auth import passwords
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.users import service as users

PASSWORD = "seven plain words for a test"
CHANGES = "/api/v1/plm/changes"
_hash: list[str] = []


@dataclass
class Desk(Workshop):
	"""One person of a company at the API, with what he does to changes."""

	user_id: str = ""
	tenant_id: str = ""
	username: str = ""
	principal: Principal | None = None
	headers: dict[str, str] = field(default_factory=dict[str, str])

	async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
		named = {name.replace("_", "-"): value for name, value in headers.items()}
		response = await self.api.request(method, path, json=body, headers=self.headers | named)
		return Answer(response)

	async def raised(self, *names: str, **fields: Any) -> str:
		"""A change order for these products; answers its id."""
		body = {
			"change_title": "Stiffer bracket",
			"affected_products": [self.ids[name] for name in names],
			**fields,
		}
		return (await self.call("POST", CHANGES, body)).data["change_id"]

	async def do(self, change_id: str, action: str, body: Any = None) -> Answer:
		return await self.call("POST", f"{CHANGES}/{change_id}/{action}", body)

	async def seen(self, change_id: str, rest: str = "") -> Any:
		return (await self.call("GET", f"{CHANGES}/{change_id}{rest}")).data

	async def proof(self, subject: str) -> str:
		body = {"subject": subject, "password": PASSWORD}
		answer = await self.call("POST", "/api/v1/auth/confirm", body)
		assert answer.status == 200, answer.response.text
		return answer.json["proof"]

	async def sign(self, change_id: str, comments: str | None = None) -> Answer:
		"""Confirms with the password and approves."""
		package = (await self.seen(change_id))["package_hash"]
		body = {"proof": await self.proof(package), "comments": comments}
		return await self.do(change_id, "approve", body)

	async def order_line(
		self, change_id: str, parent: str, child: str, quantity: Any = 1, **fields: Any
	) -> Answer:
		"""A line into the order's working revision."""
		revision = await self.working(change_id, parent)
		body = {"product_id": self.ids[child], "quantity": quantity, **fields}
		path = self.path(parent, f"/structure/lines?revision={revision}")
		return await self.call("POST", path, body)

	async def working(self, change_id: str, name: str) -> str:
		row = await self.seen(change_id, f"/items/{self.ids[name]}")
		return row["to_revision_id"]

	async def redlined(self, change_id: str, parent: str, child: str, **fields: Any) -> Answer:
		"""Changes the line of a child in the order's working revision."""
		revision = await self.working(change_id, parent)
		rows = (await self.get(parent, "/structure/lines", revision=revision)).data
		uid = next(row["line_uid"] for row in rows if row["product_id"] == self.ids[child])
		path = self.path(parent, f"/structure/lines/{uid}?revision={revision}")
		if not fields:
			return await self.call("DELETE", path)
		return await self.call("PATCH", path, fields)


@dataclass
class Company:
	"""`author` is an engineer; `ada` and `ben` approve technically, the others as they are called."""

	runtime: Runtime
	tenant_id: str
	author: Desk
	second: Desk
	ada: Desk
	ben: Desk
	quality: Desk
	finance: Desk
	boss: Desk
	manager: Desk
	admin: Desk
	outsider: Desk

	def all(self) -> list[Desk]:
		return [value for value in vars(self).values() if isinstance(value, Desk)]

	async def sign_in_anew(self) -> None:
		"""Tokens of ten minutes from now, for what runs longer than one lasts."""
		for one in self.all():
			tokens = await sessions.issue_tokens(self.runtime, one.tenant_id, one.user_id)
			one.headers["Authorization"] = f"Bearer {tokens.access_token}"

	async def approved(self, change_id: str) -> None:
		"""Submits and lets the technical approvers sign."""
		answer = await self.author.do(change_id, "submit")
		assert answer.status == 200, answer.response.text
		for one in (self.ada, self.ben):
			answer = await one.sign(change_id)
			assert answer.status == 200, answer.response.text
		assert answer.data["status"] == "approved"

	async def released(self, change_id: str) -> Answer:
		await self.approved(change_id)
		answer = await self.manager.do(change_id, "implement")
		assert answer.status == 200, answer.response.text
		return answer

	async def settings(self, **values: Any) -> None:
		answer = await self.admin.call("PATCH", "/api/v1/tenants/current", {"settings": values})
		assert answer.status == 200, answer.response.text
		self.runtime.state["authenticator"].forget_everything()


async def add_people(
	runtime: Runtime, client: httpx.AsyncClient, tenant_id: str, wanted: dict[str, tuple[str, ...]]
) -> dict[str, Desk]:
	"""Members by their names, with these roles; all in one transaction."""
	if not _hash:
		_hash.append(await passwords.hash_password(PASSWORD))
	authenticator = runtime.state["authenticator"]
	system = await authenticator.principal_of(tenant_id, None)
	desks: dict[str, Desk] = {}
	async with open_work(runtime, system, action="test", origin="task") as work:
		for name, roles in wanted.items():
			username = f"{name}-{new_id()[-12:]}"
			user = await users.add_user(
				work, username, password_hash=_hash[0], display_name=name.title()
			)
			await users.join(work, user.id, roles)
			desks[name] = Desk(
				client, name, user_id=user.id, tenant_id=tenant_id, username=username
			)
	for desk in desks.values():
		tokens = await sessions.issue_tokens(runtime, tenant_id, desk.user_id)
		desk.principal = await authenticator.principal_of(tenant_id, desk.user_id)
		desk.headers = {"Authorization": f"Bearer {tokens.access_token}"}
	return desks


async def add_person(
	runtime: Runtime, client: httpx.AsyncClient, tenant_id: str, name: str, *roles: str
) -> Desk:
	return (await add_people(runtime, client, tenant_id, {name: roles}))[name]


ROLES = {
	"author": ("plm_engineer",),
	"second": ("plm_engineer",),
	"ada": ("plm_technical_approver",),
	"ben": ("plm_technical_approver",),
	"quality": ("plm_quality_approver",),
	"finance": ("plm_financial_approver",),
	"boss": ("plm_management_approver",),
	"manager": ("plm_manager",),
	"admin": ("tenant_admin",),
}


@pytest.fixture
async def company(app: FastAPI, client: httpx.AsyncClient) -> Company:
	runtime: Runtime = app.state.runtime
	own, other = await make_tenant(runtime), await make_tenant(runtime)
	desks = await add_people(runtime, client, own, ROLES)
	outsider = await add_person(runtime, client, other, "outsider", "tenant_admin")
	made = Company(runtime, own, **desks, outsider=outsider)
	for one in made.all():
		one.ids = made.author.ids if one is not made.outsider else {}
	return made


@pytest.fixture
async def stocked(company: Company) -> Company:
	"""bracket (2 × screw, 1 × plate) in frame, all released."""
	manager = company.manager
	await manager.parts("screw", "bolt", "plate", "washer")
	await manager.lines({"bracket": {"screw": 2, "plate": 1}, "frame": {"bracket": 4}})
	await manager.release("screw", "bolt", "plate", "washer", "bracket", "frame")
	return company
