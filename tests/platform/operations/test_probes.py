"""Probes answer without a credential, and say not ready rather than fail."""

from dataclasses import replace

from httpx import ASGITransport, AsyncClient

from apg.app import make_app
from apg.kernel.migrating import histories
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.platform.operations.health import probes


class Anybody:
	async def authenticate(self, credential: object) -> None:
		raise AssertionError("a probe asks for no credential")


async def probe(settings: Settings, runtime: Runtime, path: str) -> tuple[int, dict[str, object]]:
	app = make_app(settings)
	app.state.runtime = runtime
	async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
		answer = await client.get(path)
	return answer.status_code, answer.json()


def fresh(runtime: Runtime, **state: object) -> Runtime:
	return replace(runtime, state={"authenticator": Anybody(), **state})


async def test_alive_needs_no_database(settings: Settings, runtime: Runtime) -> None:
	assert await probe(settings, fresh(runtime), "/live") == (200, {"status": "alive"})


async def test_ready_when_everything_is_there(settings: Settings, runtime: Runtime) -> None:
	assert await probe(settings, fresh(runtime), "/ready") == (
		200,
		{"status": "ready", "missing": {}},
	)


async def test_not_ready_before_anybody_can_sign_in(settings: Settings, runtime: Runtime) -> None:
	status, body = await probe(settings, replace(runtime, state={}), "/ready")
	assert (status, body["status"], list(body["missing"])) == (  # type: ignore[call-overload]
		503,
		"unavailable",
		["authenticator"],
	)


async def test_not_ready_while_a_migration_is_missing(settings: Settings, runtime: Runtime) -> None:
	heads = {one.short: one.head() for one in histories(runtime.composition)}
	heads["tenants"] = "9999"
	status, body = await probe(settings, fresh(runtime, schema_heads=heads), "/ready")
	assert status == 503
	assert body["missing"] == {"migrations": "Run apg migrate; behind: tenants."}


async def test_not_ready_without_a_database_and_no_word_of_where_it_is(
	settings: Settings, runtime: Runtime
) -> None:
	from apg.kernel.database import make_engine

	engine = make_engine("postgresql://somebody:secret@127.0.0.1:1/none", settings)
	status, body = await probe(settings, replace(fresh(runtime), engine=engine), "/ready")
	assert (status, body["missing"]) == (503, {"database": "The database cannot be used."})
	await engine.dispose()


async def test_readiness_is_asked_for_once_a_second(runtime: Runtime) -> None:
	asked = fresh(runtime)
	assert await probes.ready(asked) == {}
	del asked.state["authenticator"]
	assert await probes.ready(asked) == {}
	moment, found = asked.state["operations.ready"]
	asked.state["operations.ready"] = (moment - 1.5, found)
	assert list(await probes.ready(asked)) == ["authenticator"]
