"""The company, its capabilities and its pages through their doors."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from apg.kernel.capability import Capability, HomeCard
from apg.kernel.composition import Composition, compose
from apg.kernel.errors import Unavailable
from apg.kernel.work import Work
from apg.platform.tenants.home import service as home
from apg.platform.tenants.subscriptions import service as subscriptions
from apg.platform.tenants.tenants.service import create_tenant
from tests.platform.cast import Cast, by, page, part

CURRENT = "/api/v1/tenants/current"
SWITCHES = f"{CURRENT}/capabilities"


async def test_the_own_company_is_read_and_changed(api: httpx.AsyncClient, cast: Cast) -> None:
	read = await api.get(CURRENT, headers=by("alice"))
	body = read.json()
	assert (body["id"], body["name"], body["currency"], body["is_active"]) == (
		cast.alice.tenant_id,
		"Nordwind",
		"EUR",
		True,
	)
	changed = await api.patch(
		CURRENT,
		headers=by("alice", **{"If-Match": read.headers["etag"]}),
		content=b'{"annual_revenue": 12345678901234.50, "esg_frameworks": ["ESRS"], "employee_count": 7}',
	)
	assert changed.status_code == 200, changed.text
	assert b'"annual_revenue":12345678901234.5,' in changed.content
	assert changed.headers["etag"] == '"2"'
	assert changed.json()["updated_by"] == cast.alice.user_id
	assert (await api.get(CURRENT, headers=by("alice"))).content == changed.content
	other = (await api.get(CURRENT, headers=by("charlie"))).json()
	assert (other["name"], other["employee_count"]) == ("Südwind", None)


async def test_a_stale_change_is_refused_and_changes_nothing(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	first = await api.get(CURRENT, headers=by("alice"))
	tag = {"If-Match": first.headers["etag"]}
	one = await api.patch(CURRENT, headers=by("alice", **tag), json={"industry": "bicycles"})
	assert one.status_code == 200
	two = await api.patch(CURRENT, headers=by("alice", **tag), json={"industry": "boats"})
	assert (two.status_code, two.headers["etag"]) == (412, '"2"')
	assert (await api.get(CURRENT, headers=by("alice"))).json()["industry"] == "bicycles"


@pytest.mark.parametrize(
	("field", "wrong"),
	[
		("name", ""),
		("name", None),
		("name", "x" * 256),
		("headquarters_country", "Germany"),
		("employee_count", -1),
		("employee_count", 1.5),
		("annual_revenue", "1.234"),
		("annual_revenue", "NaN"),
		("currency", "euro"),
		("currency", "XQX"),
		("locale", "../../etc"),
		("slug", "another"),
		("subscription_tier", "enterprise"),
		("is_active", False),
		("settings", {"rate_tier": "wide"}),
		("settings", {"x": "y" * 40_000}),
		("tenant_id", "x"),
	],
)
async def test_what_a_company_may_not_say_of_itself(
	api: httpx.AsyncClient, cast: Cast, field: str, wrong: object
) -> None:
	before = await api.get(CURRENT, headers=by("alice"))
	refused = await api.patch(CURRENT, headers=by("alice"), json={field: wrong})
	assert refused.status_code == 422, refused.text
	assert all(d["field"].startswith(field) for d in refused.json()["details"])
	assert (await api.get(CURRENT, headers=by("alice"))).content == before.content


async def test_settings_are_merged_and_null_removes(api: httpx.AsyncClient, cast: Cast) -> None:
	async def patch(**settings: object) -> dict[str, object]:
		answer = await api.patch(CURRENT, headers=by("alice"), json={"settings": settings})
		assert answer.status_code == 200, answer.text
		return answer.json()["settings"]

	assert await patch(require_if_match=True, threshold=1000.25) == {
		"require_if_match": True,
		"threshold": 1000.25,
	}
	assert await patch(threshold=None, colour="blue") == {
		"require_if_match": True,
		"colour": "blue",
	}


async def test_who_may(api: httpx.AsyncClient, cast: Cast) -> None:
	assert (await api.get(CURRENT)).status_code == 401
	for method, place in (
		("GET", CURRENT),
		("PATCH", CURRENT),
		("GET", SWITCHES),
		("PUT", SWITCHES),
		("GET", "/api/v1/platform/capabilities"),
	):
		answer = await api.request(method, place, headers=by("bob"), content=b"{not json")
		assert answer.status_code == 403, (method, place)
	assert (await api.get(CURRENT, headers=by("alice"))).json()["version"] == 1


async def test_capabilities_are_described(api: httpx.AsyncClient, cast: Cast) -> None:
	found = (await api.get("/api/v1/platform/capabilities", headers=by("alice"))).json()
	known = {one["short"]: one for one in found["capabilities"]}
	tenants = known["tenants"]
	assert (tenants["always_on"], tenants["enabled"], tenants["id"]) == (True, True, "tenants")
	assert {"path": CURRENT, "methods": ["GET", "PATCH"]} in tenants["api_endpoints"]
	assert {"path": SWITCHES, "methods": ["GET", "PUT"]} in tenants["api_endpoints"]
	assert found["platform_version"] == "1.0"
	assert set(known) == {c.short for c in cast.runtime.composition.capabilities}


async def test_what_is_always_on_or_unknown_cannot_be_switched(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	for short in ("tenants", "nonsense"):
		refused = await api.put(SWITCHES, headers=by("alice"), json={short: False})
		assert refused.status_code == 422
		assert [detail["field"] for detail in refused.json()["details"]] == [short]


started: list[str] = []


def toy(short: str, *requires: str, **more: object) -> Capability:
	async def begin(work: Work) -> None:
		started.append(f"{short} in {sorted(work.principal.enabled)}")
		await work.execute(text("select 1"))

	return Capability(
		name=short,
		short=short,
		title=short.capitalize(),
		version="1",
		package="apg.contracts",
		category="toys",
		requires=requires,
		on_enabled=begin,
		**more,  # type: ignore[arg-type]
	)


@pytest.fixture
async def toys(cast: Cast) -> Cast:
	"""The same people on an installation with three more capabilities, all off."""
	started.clear()
	whole: Composition = compose(
		[
			*cast.runtime.composition.capabilities,
			toy("base"),
			toy("middle", "base"),
			toy("top", "middle"),
		]
	)
	cast.runtime = replace(cast.runtime, composition=whole)
	return cast


async def test_switching_runs_the_first_steps_in_order_and_keeps_requirements(toys: Cast) -> None:
	async with toys.work() as work:
		with pytest.raises(subscriptions.NeedsAnother) as needs:
			await subscriptions.switch(work, {"top": True})
	assert "Top needs Middle" in needs.value.message
	assert started == []
	async with toys.work() as work:
		states = await subscriptions.switch(work, {"top": True, "middle": True, "base": True})
	assert {short: states[short] for short in ("base", "middle", "top")} == dict.fromkeys(
		("base", "middle", "top"), True
	)
	assert [line.split(" ")[0] for line in started] == ["base", "middle", "top"]
	assert all("top" in line for line in started)
	async with toys.work() as work:
		with pytest.raises(subscriptions.StillNeeded) as needed:
			await subscriptions.switch(work, {"base": False})
	assert "Middle needs Base" in needed.value.message
	async with toys.work() as work:
		assert (await subscriptions.switch(work, {"top": False}))["top"] is False
		again = await subscriptions.switch(work, {"base": True})
		assert again["base"] is True
	assert len(started) == 3  # what was on already does not begin again
	async with toys.work("charlie") as work:
		others = await subscriptions.states(work)
	assert [others[one] for one in ("base", "middle", "top")] == [False] * 3
	async with toys.runtime.engine.connect() as connection:
		facts = await connection.exec_driver_sql(
			"select enabled from tenant_facts($1)", (toys.alice.tenant_id,)
		)
		assert {"base", "middle"} <= set(facts.scalar_one())


async def test_a_first_step_that_fails_leaves_everything_off(toys: Cast) -> None:
	async def fails(work: Work) -> None:
		await work.execute(text("select 1"))
		raise Unavailable

	bad = replace(toy("bad"), on_enabled=fails)
	whole = compose([*toys.runtime.composition.capabilities, bad])
	toys.runtime = replace(toys.runtime, composition=whole)

	async def switch_on() -> None:
		async with toys.work() as work:
			await subscriptions.switch(work, {"base": True, "bad": True})

	with pytest.raises(Unavailable):
		await switch_on()
	async with toys.work() as work:
		states = await subscriptions.states(work)
	assert (states["base"], states["bad"]) == (False, False)


async def test_a_new_company_begins_with_what_was_asked_for(toys: Cast) -> None:
	from apg.kernel.stamps import new_id

	tenant_id = await create_tenant(toys.runtime, f"t-{new_id()}", "New", capabilities=["base"])
	assert [line for line in started if line.startswith(("base", "middle"))] == ["base in ['base']"]
	with pytest.raises(subscriptions.NeedsAnother):
		await create_tenant(toys.runtime, slug := f"t-{new_id()}", "New", capabilities=["top"])
	async with toys.runtime.engine.connect() as connection:
		found = await connection.exec_driver_sql("select tenant_by_slug($1)", (slug,))
		assert found.scalar_one() is None
		ids = await connection.exec_driver_sql("select tenant_ids()")
		assert tenant_id in {str(row[0]) for row in ids}


async def test_home_shows_the_cards_a_person_may_see(toys: Cast) -> None:
	from apg.kernel.permissions import Permission

	async def two(work: Work) -> dict[str, object] | None:
		return {"n": int(await work.scalar(text("select 2")))}

	async def nothing(work: Work) -> None:
		return None

	async def breaks(work: Work) -> dict[str, object]:
		raise Unavailable

	allowed = Permission("cards", "all", "read")
	cards = (
		HomeCard("Late", "x.html", two, allowed, order=2),
		HomeCard("Silent", "x.html", nothing),
		HomeCard("Broken", "x.html", breaks, order=1),
	)
	whole = compose([*toys.runtime.composition.capabilities, replace(toy("cards"), home=cards)])
	toys.runtime = replace(toys.runtime, composition=whole)
	toys.alice = replace(toys.alice, enabled=frozenset({"cards"}))
	toys.bob = replace(toys.bob, enabled=frozenset({"cards"}))

	async def shown(who: str) -> list[tuple[str, dict[str, object] | None]]:
		async with toys.work(who) as work:
			return [
				(one.card.title, one.data) for one in await home.cards(work) if one.card in cards
			]

	assert await shown("alice") == [("Broken", None), ("Late", {"n": 2})]
	assert await shown("bob") == [("Broken", None)]
	assert await shown("charlie") == []


async def test_the_pages_answer(api: httpx.AsyncClient, cast: Cast) -> None:
	for place, word in (
		("/", "Nordwind"),
		("/admin/tenant", "Nordwind"),
		("/admin/capabilities", "Reference data"),
	):
		answer = await api.get(place, headers=page("alice"))
		assert answer.status_code == 200, answer.text
		assert word in answer.text
	assert (await api.get("/", headers=page("bob"))).status_code == 200
	assert (await api.get("/admin/tenant", headers=page("bob"))).status_code == 403
	led = await api.get("/", headers={"Accept": "text/html"})
	assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2F")


async def test_the_form_saves_shows_what_is_wrong_and_both_sides_of_a_conflict(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	fields = {"name": "Nordwind", "currency": "EUR", "locale": "en", "esg_frameworks": "GRI, ESRS,"}
	tag = {"If-Match": '"1"'}
	saved = await api.post("/admin/tenant", headers=part("alice", **tag), data=fields)
	assert (saved.status_code, saved.headers["hx-redirect"]) == (204, "/admin/tenant")
	body = (await api.get(CURRENT, headers=by("alice"))).json()
	assert (body["esg_frameworks"], body["version"]) == (["GRI", "ESRS"], 2)
	stale = await api.post(
		"/admin/tenant", headers=part("alice", **tag), data=fields | {"name": "Westwind"}
	)
	assert stale.status_code == 412
	assert "Westwind" in stale.text
	assert 'name="if_match" value="2"' in stale.text
	wrong = await api.post(
		"/admin/tenant", headers=part("alice"), data=fields | {"currency": "<b>", "name": "Kept"}
	)
	assert wrong.status_code == 422
	assert 'value="Kept"' in wrong.text
	assert "<b>" not in wrong.text
	assert (await api.get(CURRENT, headers=by("alice"))).json() == body
