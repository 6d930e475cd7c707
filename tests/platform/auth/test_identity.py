"""What other capabilities may ask about people, and the roles a tenant starts with."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text

from apg.contracts.identity import Identity, Person
from apg.kernel.migrating import admin_engine
from apg.kernel.permissions import Permission
from apg.kernel.principal import Principal
from apg.kernel.stamps import new_id
from apg.kernel.work import Work, open_work
from apg.platform.auth.roles.models import Role
from apg.platform.auth.roles.rights import canonical_all
from apg.platform.auth.users import service as users
from tests.platform.auth.conftest import World
from tests.platform.auth.test_administration import give

READ = Permission("plm", "products", "read")


@pytest.fixture
async def asking(world: World) -> AsyncIterator[Work]:
	authenticator = world.runtime.state["authenticator"]
	principal = await authenticator.principal_of(world.alice.tenant_id, world.alice.id)
	async with open_work(world.runtime, principal, action="tests", origin="task") as work:
		yield work


async def test_people_of_the_tenant_and_nobody_else(asking: Work, world: World) -> None:
	port = asking.port(Identity)
	wanted = [world.alice.id, world.bob.id, world.charlie.id, new_id(), "no id"]
	found = await port.people(asking, wanted)
	assert dict(found) == {
		world.alice.id: Person(world.alice.id, world.alice.username, "Alice", None, "en", True),
		world.bob.id: Person(world.bob.id, world.bob.username, "Bob", None, "en", True),
	}


async def test_who_holds_a_right_and_who_has_a_role(asking: Work, world: World) -> None:
	port = asking.port(Identity)
	assert await port.members_with(asking, READ) == [world.alice.id]
	assert await port.members_in_role(asking, "tenant_admin") == [world.alice.id]
	assert await port.get_user_roles(asking, world.alice.id) == ["tenant_admin"]
	assert await port.get_user_roles(asking, world.charlie.id) == []
	assert await port.check_permission(asking, world.alice.id, "plm_products", "read") is True
	assert await port.check_permission(asking, world.bob.id, "plm_products", "read") is False
	assert await port.check_permission(asking, world.charlie.id, "plm_products", "read") is False


async def test_an_ended_membership_is_asked_for_nothing(world: World, asking: Work) -> None:
	await give(world, world.bob, "integrator")
	system = Principal.system(world.alice.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		(await users.membership_of(work, world.bob.id)).is_active = False
	port = asking.port(Identity)
	assert await port.members_in_role(asking, "integrator") == []
	assert await port.get_user_roles(asking, world.bob.id) == []
	assert (await port.people(asking, [world.bob.id]))[world.bob.id].is_active is False


async def test_default_roles_are_added_and_never_overwritten(world: World) -> None:
	enabled = frozenset({"plm"})
	system = Principal.system(world.alice.tenant_id, enabled)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		changed = await work.scalar(select(Role).where(Role.name == "user_admin"))
		changed.permissions = ["auth.users.read"]
		gone = await work.scalar(select(Role).where(Role.name == "integrator"))
		await work.delete(gone)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await work.port(Identity).seed_roles(work)
		await work.port(Identity).seed_roles(work)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		found = dict((await work.execute(select(Role.name, Role.permissions))).all())
	expected = {
		role.name
		for capability in world.runtime.composition.capabilities
		if capability.always_on or capability.short in enabled
		for role in capability.default_roles
	}
	assert expected <= set(found)
	assert found["user_admin"] == ["auth.users.read"]
	assert found["integrator"] == ["auth.api_keys.create", "auth.api_keys.read"]
	assert found["tenant_admin"] == ["*"]


async def test_every_default_role_names_rights_that_exist(world: World) -> None:
	composition = world.runtime.composition
	for capability in composition.capabilities:
		for role in capability.default_roles:
			names = canonical_all(role.permissions, composition, role.name)
			assert names == sorted(set(role.permissions)), role.name


async def test_joining_and_leaving_are_told(world: World) -> None:
	system = Principal.system(world.alice.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await users.remove(work, world.bob.id)
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.connect() as connection:
		told = connection.execute(
			text(
				"select name, body->>'user_id' from event_log where tenant_id = :t "
				"order by epoch, xid, seq"
			),
			{"t": world.alice.tenant_id},
		).all()
	engine.dispose()
	assert [(name, user) for name, user in told if name.startswith("auth.")] == [
		("auth.user.joined.v1", world.alice.id),
		("auth.user.joined.v1", world.bob.id),
		("auth.user.left.v1", world.bob.id),
	]


async def test_without_auth_nobody_is_known(asking: Work, world: World) -> None:
	absent = Identity.absent
	assert await absent.check_permission(asking, world.alice.id, "plm_products", "read") is False
	assert await absent.members_with(asking, READ) == []
