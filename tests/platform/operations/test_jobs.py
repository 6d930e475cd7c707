"""An administrator sees, repeats and calls off the tasks and failures of the own company alone."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

from apg.kernel.migrating import admin_engine
from apg.kernel.stamps import new_id
from apg.kernel.tasks import Task, task
from apg.kernel.work import Work
from tests.platform.cast import Cast, by, page, part

JOBS = "/api/v1/jobs"
FAILURES = f"{JOBS}/failures"
Sql = Callable[..., Any]


async def _nothing(work: Work, thing: str) -> None:
	raise AssertionError("no worker runs in these tests")


SHORT = task(_nothing, name="test.short")
LONG = task(_nothing, name="test.long", key="{thing}", steps=True)


@pytest.fixture
def sql(admin_url: str) -> Sql:
	"""Statements as the database's administrator."""
	engine = admin_engine(admin_url)

	def run(statement: str, **values: object) -> Any:
		with engine.begin() as connection:
			found = connection.execute(text(statement), values)
			return found.fetchall() if found.returns_rows else found.rowcount

	return run


async def asked(cast: Cast, which: Task, thing: str = "", who: str = "alice") -> None:
	async with cast.work(who) as work:
		work.enqueue(which, thing=thing or new_id())


async def listed(api: httpx.AsyncClient, query: str = "", who: str = "alice") -> list[Any]:
	answer = await api.get(f"{JOBS}?{query}", headers=by(who))
	assert answer.status_code == 200, answer.text
	return answer.json()


async def test_a_task_is_listed_and_read_in_one_form(api: httpx.AsyncClient, cast: Cast) -> None:
	await asked(cast, SHORT, "x")
	await asked(cast, LONG, "y")
	answer = await api.get(JOBS, headers=by("alice"))
	long, short = answer.json()
	assert (short["task"], short["state"], short["ids"], short["done"]) == (
		"test.short",
		"waiting",
		{"thing": "x"},
		None,
	)
	assert (long["task"], long["done"], long["cancel_requested"]) == ("test.long", 0, False)
	assert answer.headers["x-total-count"] == "2"
	one = await api.get(f"{JOBS}/{long['id']}", headers=by("alice"))
	assert one.json() == long
	assert await listed(api, "state=running") == []
	assert await listed(api, "task=test.short") == [short]
	assert await listed(api, "sort=task&limit=1&offset=1") == [short]


async def test_a_failed_task_is_started_again_and_no_other(
	api: httpx.AsyncClient, cast: Cast, sql: Sql
) -> None:
	await asked(cast, SHORT)
	(job,) = await listed(api)
	place = f"{JOBS}/{job['id']}/retry"
	refused = await api.post(place, headers=by("alice"))
	assert (refused.status_code, refused.json()["code"]) == (409, "TASK_NOT_FAILED")
	sql("update procrastinate_jobs set status = 'doing' where id = :id", id=job["id"])
	sql(
		"update procrastinate_jobs set status = 'failed', attempts = 6 where id = :id", id=job["id"]
	)
	assert [one["state"] for one in await listed(api, "state=failed")] == ["failed"]
	again = await api.post(place, headers=by("alice"))
	assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (
		200,
		"waiting",
		0,
	)


async def test_a_waiting_task_is_called_off(api: httpx.AsyncClient, cast: Cast, sql: Sql) -> None:
	await asked(cast, LONG, "import-7")
	(job,) = await listed(api)
	done = await api.post(f"{JOBS}/{job['id']}/cancel", headers=by("alice"))
	assert (done.status_code, done.json()["state"]) == (200, "cancelled")
	assert sql(
		"select state from task_progress where tenant_id = :tenant", tenant=cast.alice.tenant_id
	) == [("cancelled",)]
	over = await api.post(f"{JOBS}/{job['id']}/cancel", headers=by("alice"))
	assert (over.status_code, over.json()["code"]) == (409, "TASK_OVER")


async def test_a_running_task_is_asked_to_stop_if_it_listens(
	api: httpx.AsyncClient, cast: Cast, sql: Sql
) -> None:
	await asked(cast, LONG, "import-8")
	await asked(cast, SHORT, "x")
	short, long = await listed(api)
	sql(
		"update procrastinate_jobs set status = 'doing' where id = any(:ids)",
		ids=[short["id"], long["id"]],
	)
	stops = await api.post(f"{JOBS}/{long['id']}/cancel", headers=by("alice"))
	assert (stops.json()["state"], stops.json()["cancel_requested"]) == ("running", True)
	deaf = await api.post(f"{JOBS}/{short['id']}/cancel", headers=by("alice"))
	assert (deaf.status_code, deaf.json()["code"]) == (409, "TASK_CANNOT_STOP")
	assert (await listed(api))[0]["state"] == "running"


async def test_an_older_task_does_not_show_the_progress_of_a_newer_one(
	api: httpx.AsyncClient, cast: Cast, sql: Sql
) -> None:
	await asked(cast, LONG, "same")
	(old,) = await listed(api)
	for status in ("doing", "succeeded"):
		sql(
			"update procrastinate_jobs set status = cast(:status as procrastinate_job_status) "
			"where id = :id",
			status=status,
			id=old["id"],
		)
	sql(
		"update task_progress set state = 'done', done = 5 where tenant_id = :tenant",
		tenant=cast.alice.tenant_id,
	)
	assert [one["done"] for one in await listed(api)] == [5]
	await asked(cast, LONG, "same")
	sql(
		"update task_progress set started_at = clock_timestamp(), done = 1 "
		"where tenant_id = :tenant",
		tenant=cast.alice.tenant_id,
	)
	assert [(one["state"], one["done"]) for one in await listed(api)] == [
		("waiting", 1),
		("done", None),
	]


def failed(sql: Sql, cast: Cast, *, state: str = "exhausted", consumer: str = "esg.sums") -> str:
	(row,) = sql(
		"insert into event_failures (tenant_id, consumer, epoch, xid, seq, shard, name, state,"
		" attempts, error, occurred_at) values (:tenant, :consumer, 1, pg_current_xact_id(),"
		" nextval('log_seq'), 0, 'plm.product.released.v1', :state, 10, 'ValueError: no', now())"
		" returning concat_ws('-', consumer || chr(58) || 1, xid, seq)",
		tenant=cast.alice.tenant_id,
		consumer=consumer,
		state=state,
	)
	return row[0]


async def test_a_failed_event_is_seen_tried_again_and_given_up(
	api: httpx.AsyncClient, cast: Cast, sql: Sql
) -> None:
	failure_id = failed(sql, cast)
	found = await api.get(FAILURES, headers=by("alice"))
	(failure,) = found.json()
	assert (failure["id"], failure["consumer"], failure["event"], failure["state"]) == (
		failure_id,
		"esg.sums",
		"plm.product.released.v1",
		"exhausted",
	)
	place = f"{FAILURES}/{failure_id}"
	assert (await api.get(place, headers=by("alice"))).json() == failure
	again = (await api.post(f"{place}/retry", headers=by("alice"))).json()
	assert (again["state"], again["attempts"]) == ("waiting", 0)
	assert again["next_at"] is not None
	assert (await api.get(f"{FAILURES}?state=exhausted", headers=by("alice"))).json() == []
	assert (await api.get(f"{FAILURES}?consumer=esg.sums", headers=by("alice"))).json() == [again]
	assert (await api.delete(place, headers=by("alice"))).status_code == 204
	assert (await api.delete(place, headers=by("alice"))).status_code == 404


async def test_what_waits_behind_another_is_not_tried_before_it(
	api: httpx.AsyncClient, cast: Cast, sql: Sql
) -> None:
	place = f"{FAILURES}/{failed(sql, cast, state='parked')}"
	assert (await api.post(f"{place}/retry", headers=by("alice"))).json()["state"] == "parked"


async def test_four_callers(api: httpx.AsyncClient, cast: Cast, sql: Sql) -> None:
	await asked(cast, SHORT)
	(job,) = await listed(api)
	failure = f"failures/{failed(sql, cast)}"
	assert (await api.get(JOBS)).status_code == 401
	for method, rest in (
		("GET", ""),
		("GET", f"/{job['id']}"),
		("POST", f"/{job['id']}/retry"),
		("POST", f"/{job['id']}/cancel"),
		("GET", "/failures"),
		("GET", f"/{failure}"),
		("POST", f"/{failure}/retry"),
		("DELETE", f"/{failure}"),
	):
		assert (await api.request(method, JOBS + rest, headers=by("bob"))).status_code == 403, rest
		if rest not in ("", "/failures"):
			foreign = await api.request(method, JOBS + rest, headers=by("charlie"))
			assert foreign.status_code == 404, rest
	assert await listed(api, who="charlie") == []
	assert (await api.get(FAILURES, headers=by("charlie"))).json() == []
	assert await listed(api) == [job]
	for wrong in ("x", "0", "-1", "9" * 40, "failures/x", "failures/a:1-2", "failures/:1-2-3"):
		assert (await api.get(f"{JOBS}/{wrong}", headers=by("alice"))).status_code == 404, wrong


async def test_the_pages(api: httpx.AsyncClient, cast: Cast, sql: Sql) -> None:
	await asked(cast, SHORT)
	(job,) = await listed(api)
	failed(sql, cast, consumer="<b>reader</b>")
	shown = await api.get("/admin/jobs", headers=page("alice"))
	assert shown.status_code == 200
	assert "test · short" in shown.text
	gone = await api.post(f"/admin/jobs/{job['id']}/cancel", headers=part("alice"))
	assert gone.headers["hx-redirect"] == "/admin/jobs"
	assert (await listed(api))[0]["state"] == "cancelled"
	twice = await api.post(f"/admin/jobs/{job['id']}/cancel", headers=part("alice"))
	assert "bad" in twice.headers["set-cookie"]
	failures = await api.get("/admin/jobs/failures", headers=page("alice"))
	assert "&lt;b&gt;reader" in failures.text
	assert "<b>reader" not in failures.text
	place = f"/admin/jobs/failures/{quote(failed(sql, cast), safe='')}"
	assert (await api.post(f"{place}/retry", headers=part("alice"))).status_code == 204
	assert (await api.post(f"{place}/drop", headers=part("alice"))).status_code == 204
	assert (await api.post(f"{place}/drop", headers=part("alice"))).status_code == 404
	assert (await api.get("/admin/jobs", headers=page("bob"))).status_code == 403
