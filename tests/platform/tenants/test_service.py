"""A tenant comes to be whole or not at all, is seen by itself alone, and changes as asked."""

import pytest
from sqlalchemy import select, text

from apg.kernel.errors import Invalid
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id
from apg.kernel.work import open_work
from apg.platform.tenants.tenants import service
from apg.platform.tenants.tenants.models import Scope, Tenant


def slug() -> str:
	return f"t-{new_id()}"


async def test_a_new_tenant_has_its_row_its_root_scope_and_its_trail(runtime: Runtime) -> None:
	name = slug()
	tenant_id = await service.create_tenant(runtime, name, "O'Brien & Söhne", currency="SEK")
	async with open_work(
		runtime, Principal.system(tenant_id), action="test", origin="cli", read_only=True
	) as work:
		tenants = await work.scalars(select(Tenant))
		assert [(t.id, t.slug, t.name, t.currency) for t in tenants] == [
			(tenant_id, name, "O'Brien & Söhne", "SEK")
		]
		assert [(s.id, s.parent_id) for s in await work.scalars(select(Scope))] == [
			(tenant_id, None)
		]
		trail = await work.execute(
			text("select table_name, operation, action from audit_entries order by seq")
		)
		assert ("tenants", "insert", "tenants.tenant.create") in [tuple(row) for row in trail]


async def test_a_taken_slug_is_refused_and_nothing_is_made(runtime: Runtime) -> None:
	name = slug()
	first = await service.create_tenant(runtime, name, "First")
	with pytest.raises(service.SlugTaken) as refused:
		await service.create_tenant(runtime, name, "Second")
	assert name in refused.value.message
	assert await service.find_tenant(runtime, name) == first
	async with runtime.engine.connect() as connection:
		facts = (
			await connection.exec_driver_sql(
				"select name, slug, is_active, locale, settings, enabled from tenant_facts($1)",
				(first,),
			)
		).one()
	assert facts[:4] == ("First", name, True, "en")
	switchable = {c.short for c in runtime.composition.capabilities if not c.always_on}
	assert set(facts.enabled) == switchable
	assert {facts.settings["currency"], facts.settings["tier"]} == {"EUR", "standard"}


@pytest.mark.parametrize("bad", ["", "a", "With Space", "UPPER", "-a", "a--b", "a" * 129, "a;b"])
async def test_a_slug_that_cannot_stand_in_an_address_is_refused(
	runtime: Runtime, bad: str
) -> None:
	with pytest.raises(Invalid) as refused:
		await service.create_tenant(runtime, bad, "Name")
	assert [problem.field for problem in refused.value.problems] == ["slug"]
