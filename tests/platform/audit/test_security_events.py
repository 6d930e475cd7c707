"""What was refused is seen by the company it happened in."""

import httpx

from tests.platform.cast import Cast, by, page

EVENTS = "/api/v1/audit/security-events"


async def test_refusals_are_counted_and_listed(api: httpx.AsyncClient, cast: Cast) -> None:
	for _n in range(3):
		assert (await api.get("/api/v1/audit", headers=by("bob"))).status_code == 403
	found = await api.get(EVENTS, headers=by("alice"))
	rows = found.json()
	assert list(rows[0]) == [
		"id", "kind", "risk", "subject", "route", "times", "user_id", "user_name", "address",
		"agent", "first_at", "last_at",
	]  # fmt: skip
	assert {(row["kind"], row["risk"], row["route"], row["user_id"]) for row in rows} == {
		("denied", "low", "GET /api/v1/audit", cast.bob.user_id)
	}
	assert sum(row["times"] for row in rows) == 3  # two rows when the minute turned meanwhile
	assert found.headers["x-total-count"] == str(len(rows))


async def test_filters_and_other_companies(api: httpx.AsyncClient, cast: Cast) -> None:
	assert (await api.get("/api/v1/audit", headers=by("bob"))).status_code == 403

	async def count(query: str, who: str = "alice") -> int:
		return len((await api.get(f"{EVENTS}?{query}", headers=by(who))).json())

	assert await count("kind=denied&risk=low") == 1
	assert await count("kind=token_reuse") == 0
	assert await count(f"user={cast.bob.user_id}") == 1
	assert await count(f"user={cast.alice.user_id}") == 0
	assert await count("to=2020-01-01") == 0
	assert await count("", "charlie") == 0
	assert (await api.get(f"{EVENTS}?kind=gossip", headers=by("alice"))).status_code == 422
	assert (await api.get(EVENTS, headers=by("bob"))).status_code == 403
	shown = await api.get("/admin/security-events", headers=page("alice"))
	assert "GET /api/v1/audit" in shown.text
