"""Everything changed is found again, by whoever may look, of the own company alone."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from apg.contracts.audit import AuditTrail
from apg.kernel.stamps import new_id, utc_now
from apg.platform.tenants.tenants import service as tenants
from apg.platform.tenants.tenants.schemas import TenantPatch
from tests.platform.cast import Cast, by, page, part

AUDIT = "/api/v1/audit"


async def rename(cast: Cast, name: str, who: str = "alice") -> None:
	async with cast.work(who) as work:
		await tenants.change(work, TenantPatch(name=name))


async def test_a_change_is_found_with_old_and_new(api: httpx.AsyncClient, cast: Cast) -> None:
	await rename(cast, "Nordwind & Co")
	found = await api.get(f"{AUDIT}?table=tenants&operation=update", headers=by("alice"))
	(entry,) = found.json()
	assert list(entry) == [
		"seq", "occurred_at", "user_id", "user_name", "action", "operation", "table", "row_id",
		"before", "after", "origin", "request_id",
	]  # fmt: skip
	assert (entry["before"]["name"], entry["after"]["name"]) == ("Nordwind", "Nordwind & Co")
	assert "slug" not in entry["after"]
	assert (entry["user_id"], entry["action"], entry["origin"], entry["row_id"]) == (
		cast.alice.user_id,
		"test",
		"task",
		cast.alice.tenant_id,
	)
	one = await api.get(f"{AUDIT}/{entry['seq']}", headers=by("alice"))
	assert b"[" + one.content + b"]" == found.content


async def test_each_filter_narrows(api: httpx.AsyncClient, cast: Cast) -> None:
	await rename(cast, "Second")
	await rename(cast, "Third", who="bob")

	async def seqs(query: str) -> list[int]:
		answer = await api.get(f"{AUDIT}?{query}", headers=by("alice"))
		assert answer.status_code == 200, answer.text
		found = [entry["seq"] for entry in answer.json()]
		assert answer.headers["x-total-count"] == str(len(found))
		return found

	everything = await seqs("limit=500")
	assert everything == sorted(everything, reverse=True)
	assert await seqs("limit=500&sort=seq") == sorted(everything)
	mine = await seqs(f"user={cast.alice.user_id}")
	bobs = await seqs(f"user={cast.bob.user_id}")
	systems = await seqs("user=system&limit=500")
	assert sorted([*mine, *bobs, *systems]) == sorted(everything)
	assert len(mine) == len(bobs) == 2  # the company and its root scope
	updates = await seqs("table=tenants&operation=update")
	assert set(updates) < {*mine, *bobs}
	made = set(systems) & set(await seqs("table=tenants"))
	assert await seqs("table=tenants&operation=update&operation=insert") == [*updates, *made]
	today, tomorrow = utc_now().date(), utc_now().date() + timedelta(days=1)
	assert await seqs(f"from={today}&to={today}&limit=500") == everything
	assert await seqs(f"from={tomorrow}") == []
	assert await seqs(f"before={everything[1]}&limit=500") == everything[2:]
	assert await seqs("row_id=unknown") == []


@pytest.mark.parametrize(
	("query", "field"),
	[
		("user=alice", "user"),
		("operation=truncate", "operation"),
		("from=yesterday", "from"),
		("before=1.5", "before"),
		("before=99999999999999999999", "before"),
		("sort=user_name", "sort"),
		("limit=0", "limit"),
	],
)
async def test_a_bad_filter_names_itself(
	api: httpx.AsyncClient, cast: Cast, query: str, field: str
) -> None:
	refused = await api.get(f"{AUDIT}?{query}", headers=by("alice"))
	assert refused.status_code == 422
	assert [detail["field"] for detail in refused.json()["details"]] == [field]


async def test_pages_of_the_list_neither_repeat_nor_miss(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	for n in range(5):
		await rename(cast, f"Name {n}")
	whole = (await api.get(f"{AUDIT}?limit=500", headers=by("alice"))).json()
	found: list[dict[str, object]] = []
	url: str | None = f"{AUDIT}?limit=4"
	while url:
		answer = await api.get(url, headers=by("alice"))
		found += answer.json()
		url = answer.links.get("next", {}).get("url")
	assert found == whole


async def test_four_callers(api: httpx.AsyncClient, cast: Cast) -> None:
	await rename(cast, "Only ours")
	(entry,) = (
		await api.get(f"{AUDIT}?table=tenants&operation=update", headers=by("alice"))
	).json()
	place = f"{AUDIT}/{entry['seq']}"
	assert (await api.get(AUDIT)).status_code == 401
	assert (await api.get(AUDIT, headers=by("bob"))).status_code == 403
	assert (await api.get(place, headers=by("bob"))).status_code == 403
	same = {"X-Request-ID": "same"}
	foreign = await api.get(place, headers=by("charlie", **same))
	unknown = await api.get(f"{AUDIT}/1", headers=by("charlie", **same))
	assert (foreign.status_code, foreign.content) == (404, unknown.content)
	theirs = (await api.get(f"{AUDIT}?limit=500", headers=by("charlie"))).json()
	assert {one["row_id"] for one in theirs}.isdisjoint({cast.alice.tenant_id})
	for wrong in ("x", "-1", "1e3", "9" * 30, "%00"):
		assert (await api.get(f"{AUDIT}/{wrong}", headers=by("alice"))).status_code == 404
	assert (await api.delete(place, headers=by("alice"))).status_code == 405


async def test_the_history_of_rows_for_other_capabilities(cast: Cast) -> None:
	await rename(cast, "A new name")
	tenant_id = cast.alice.tenant_id
	async with cast.work() as work:
		trail = work.port(AuditTrail)
		history = await trail.history_of(work, "tenants", tenant_id)
		assert await trail.history_of(work, "tenants") == []
		assert await trail.history_of(work, "tenants", new_id()) == []
		assert len(await trail.history_of(work, "tenants", tenant_id, limit=1)) == 1
	latest, first = history
	assert (latest.operation, latest.what, latest.changes) == (
		"update",
		"changed name",
		(("name", "Nordwind", "A new name"),),
	)
	assert (first.operation, first.what, first.who) == ("insert", "created it", "The system")
	assert latest.user_id == cast.alice.user_id
	async with cast.work("charlie") as work:
		assert await work.port(AuditTrail).history_of(work, "tenants", tenant_id) == []
		assert list(await AuditTrail.absent.history_of(work, "tenants", tenant_id)) == []


async def test_a_thousand_rows_are_at_most_five_queries(cast: Cast) -> None:
	asked: list[str] = []
	engine = cast.runtime.engine.sync_engine

	def count(*arguments: object) -> None:
		asked.append(str(arguments[2]))

	await rename(cast, "Once")
	async with cast.work() as work:
		event.listen(engine, "before_cursor_execute", count)
		try:
			found = await work.port(AuditTrail).history_of(
				work, "tenants", cast.alice.tenant_id, *(new_id() for _n in range(999))
			)
		finally:
			event.remove(engine, "before_cursor_execute", count)
	assert len(found) == 2
	assert len(asked) <= 4


async def test_pages_show_the_diff_and_escape_it(api: httpx.AsyncClient, cast: Cast) -> None:
	await rename(cast, "<img src=x onerror=alert(1)>")
	whole = await api.get("/admin/audit?operation=update", headers=page("alice"))
	assert whole.status_code == 200
	assert "<img src=x" not in whole.text
	assert "&lt;img src=x onerror=alert(1)&gt;" in whole.text
	(entry, *_rest) = (
		await api.get(f"{AUDIT}?table=tenants&operation=update", headers=by("alice"))
	).json()
	detail = await api.get(f"/admin/audit/{entry['seq']}", headers=page("alice"))
	assert "<del>Nordwind</del>" in detail.text
	assert f"/admin/audit?table=tenants&amp;row_id={cast.alice.tenant_id}" in detail.text
	listed = await api.get(
		"/admin/audit?table=tenants", headers=part("alice", **{"HX-Target": "list"})
	)
	assert listed.text.lstrip().startswith('<div id="list"')
	assert (await api.get("/admin/audit", headers=page("bob"))).status_code == 403
	missing = await api.get(f"/admin/audit/{entry['seq']}", headers=page("charlie"))
	assert missing.status_code == 404


async def test_people_have_names(client: httpx.AsyncClient, alice: Any, bob: Any) -> None:
	changed = await client.patch(
		"/api/v1/tenants/current", headers=alice.headers, json={"industry": "bicycles"}
	)
	assert changed.status_code == 200
	(entry,) = (
		await client.get(f"{AUDIT}?table=tenants&operation=update", headers=alice.headers)
	).json()
	assert entry["user_id"] == alice.principal.user_id
	assert entry["user_name"] in (alice.principal.display_name, alice.principal.username)
	assert (entry["action"], entry["origin"]) == ("tenants.tenant.update", "api")
	assert entry["request_id"] == changed.headers["x-request-id"]
	assert (await client.get(AUDIT, headers=bob.headers)).status_code == 403
	denied = (await client.get(f"{AUDIT}/security-events", headers=alice.headers)).json()
	assert [(one["kind"], one["user_id"]) for one in denied] == [("denied", bob.principal.user_id)]
	assert denied[0]["user_name"] in (bob.principal.display_name, bob.principal.username)
