"""The three people of every test, made through the product's own services."""

from dataclasses import dataclass

from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id
from apg.kernel.work import open_work
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.users import service as users
from apg.platform.tenants.tenants import service as tenants


@dataclass(frozen=True)
class Person:
	"""Somebody with an access token; `headers` go into a request."""

	user_id: str
	tenant_id: str
	username: str
	headers: dict[str, str]
	principal: Principal

	def by(self, **more: str) -> dict[str, str]:
		"""The headers with others: `alice.by(if_match="1")` sends If-Match."""
		return self.headers | {name.replace("_", "-"): value for name, value in more.items()}


@dataclass(frozen=True)
class People:
	alice: Person
	bob: Person
	charlie: Person


async def make_person(
	runtime: Runtime, tenant_id: str, name: str, roles: tuple[str, ...] = ()
) -> Person:
	"""A member of the tenant with these roles, signed in; no password is hashed."""
	username = f"{name}-{new_id()[-12:]}"
	facts = await runtime.state["authenticator"].principal_of(tenant_id, None)
	async with open_work(runtime, facts, action="test", origin="task") as work:
		user = await users.add_user(work, username, password_hash=None, display_name=name.title())
		await users.join(work, user.id, roles)
	tokens = await sessions.issue_tokens(runtime, tenant_id, user.id)
	headers = {"Authorization": f"Bearer {tokens.access_token}"}
	principal = await runtime.state["authenticator"].principal_of(tenant_id, user.id)
	return Person(user.id, tenant_id, username, headers, principal)


async def make_tenant(runtime: Runtime) -> str:
	slug = f"t-{new_id()[-12:]}"
	return await tenants.create_tenant(runtime, slug, f"Company {slug}")


async def make_admin(runtime: Runtime, name: str) -> Person:
	"""The administrator of a fresh company."""
	return await make_person(runtime, await make_tenant(runtime), name, ("tenant_admin",))


async def make_people(runtime: Runtime) -> People:
	alice = await make_admin(runtime, "alice")
	bob = await make_person(runtime, alice.tenant_id, "bob")
	return People(alice, bob, await make_admin(runtime, "charlie"))
