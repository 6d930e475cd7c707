"""A request through the whole kernel: admission, transaction, wire forms, envelopes, trail."""

import re

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from apg.kernel.migrating import admin_engine
from apg.kernel.runtime import Runtime
from apg.kernel.work import open_work
from tests.kernel.cast import Cast, by

NOTES = "/api/v1/sample/notes"


async def count(app: FastAPI, cast: Cast, table: str, who: str = "alice") -> int:
	runtime: Runtime = app.state.runtime
	async with open_work(runtime, getattr(cast, who), action="test", origin="task") as work:
		return int(await work.scalar(text(f"select count(*) from {table}")))


async def test_a_note_is_written_read_and_listed_in_one_form(api: httpx.AsyncClient) -> None:
	made = await api.post(NOTES, headers=by("alice"), content=b'{"title":"a","amount":1.500000}')
	assert made.status_code == 201
	body = made.json()
	assert list(body) == ["id", "title", "amount", "created_at"]
	assert b'"amount":1.5,' in made.content
	assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z", body["created_at"])
	assert made.headers["etag"] == '"1"'
	one = await api.get(f"{NOTES}/{body['id']}", headers=by("alice"))
	assert one.content == made.content
	listed = await api.get(NOTES, headers=by("alice"))
	assert listed.content == b"[" + made.content + b"]"
	assert listed.headers["x-total-count"] == "1"


async def test_an_amount_keeps_twenty_digits(api: httpx.AsyncClient) -> None:
	digits = "12345678901234.123456"
	made = await api.post(
		NOTES, headers=by("alice"), content=b'{"title":"n","amount":%s}' % digits.encode()
	)
	assert f'"amount":{digits}'.encode() in made.content
	as_text = await api.post(NOTES, headers=by("alice"), json={"title": "t", "amount": digits})
	assert f'"amount":{digits}'.encode() in as_text.content


async def test_four_callers(api: httpx.AsyncClient, sample_app: FastAPI, cast: Cast) -> None:
	made = (await api.post(NOTES, headers=by("alice"), json={"title": "a", "amount": 1})).json()
	entries = await count(sample_app, cast, "audit_entries")
	refused = await api.get(NOTES)
	assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
	assert (await api.get(NOTES, headers=by("nobody"))).status_code == 401
	denied = await api.post(NOTES, headers=by("bob"), content=b"{not json")
	assert denied.status_code == 403
	foreign = await api.get(
		f"{NOTES}/{made['id']}", headers=by("charlie", **{"X-Request-ID": "same"})
	)
	unknown = await api.get(
		f"{NOTES}/{cast.bob.user_id}", headers=by("charlie", **{"X-Request-ID": "same"})
	)
	assert foreign.status_code == unknown.status_code == 404
	assert foreign.content == unknown.content
	assert (await api.get(NOTES, headers=by("charlie"))).json() == []
	assert await count(sample_app, cast, "audit_entries") == entries
	runtime: Runtime = sample_app.state.runtime
	async with open_work(runtime, cast.alice, action="test", origin="task") as work:
		events = (
			await work.execute(text("select kind, times from security_events order by kind"))
		).all()
	assert [tuple(row) for row in events] == [("denied", 1)]


def published(admin_url: str, cast: Cast) -> list[tuple[str, ...]]:
	engine = admin_engine(admin_url)
	with engine.connect() as connection:
		rows = connection.exec_driver_sql(
			"select name, actor_id::text, request_id from event_log where tenant_id = %s order by seq",
			(cast.alice.tenant_id,),
		).all()
	engine.dispose()
	return [tuple(row) for row in rows]


async def test_what_the_database_refuses_reads_as_a_sentence(
	api: httpx.AsyncClient, sample_app: FastAPI, cast: Cast, admin_url: str
) -> None:
	made = await api.post(NOTES, headers=by("alice"), json={"title": "a", "amount": 1})
	once = [("sample.note.written.v1", cast.alice.user_id, made.headers["x-request-id"])]
	assert published(admin_url, cast) == once
	again = await api.post(NOTES, headers=by("alice"), json={"title": "a", "amount": 1})
	assert again.status_code == 409
	assert again.json()["message"] == "Another note has this title."
	assert again.json()["details"] == [
		{"field": "title", "message": "Another note has this title."}
	]
	assert await count(sample_app, cast, "sample_notes") == 1
	assert published(admin_url, cast) == once


async def test_an_unknown_failure_shows_nothing_and_keeps_nothing(
	api: httpx.AsyncClient, sample_app: FastAPI, cast: Cast
) -> None:
	broken = await api.post(f"{NOTES}/boom", headers=by("alice"))
	assert broken.status_code == 500
	assert "nobody may see" not in broken.text
	assert broken.json()["request_id"] == broken.headers["x-request-id"]
	assert await count(sample_app, cast, "sample_notes") == 0


async def test_field_errors_in_both_envelopes(api: httpx.AsyncClient) -> None:
	wrong = {"title": "", "amount": "NaN", "tenant": 1}
	bare = await api.post(NOTES, headers=by("alice"), json=wrong)
	assert bare.status_code == 422
	assert bare.json()["status"] == "error"
	assert bare.json()["error_code"] == 422
	assert {d["field"] for d in bare.json()["details"]} == {"title", "amount", "tenant"}
	boxed = await api.post("/api/v1/boxed/notes", headers=by("alice"), json=wrong)
	assert boxed.status_code == 400
	assert boxed.json()["success"] is False
	assert boxed.json()["error_code"] == "VALIDATION_ERROR"
	assert set(boxed.json()["details"]) == {"title", "amount", "tenant"}
	for path in (NOTES, "/api/v1/boxed/notes"):
		assert (await api.post(path, headers=by("alice"), content=b"{")).status_code == 400
		deep = b'{"title":' + b"[" * 70 + b"]" * 70 + b"}"
		assert (await api.post(path, headers=by("alice"), content=deep)).status_code == 400
	kind = await api.post(
		NOTES, headers=by("alice", **{"Content-Type": "text/xml"}), content=b"<a/>"
	)
	assert kind.status_code == 415


async def test_boxed_success(api: httpx.AsyncClient) -> None:
	made = await api.post(
		"/api/v1/boxed/notes", headers=by("alice"), json={"title": "b", "amount": 2}
	)
	assert made.status_code == 201
	assert made.json()["success"] is True
	assert made.json()["data"]["amount"] == 2
	assert made.json()["meta"]["request_id"] == made.headers["x-request-id"]


async def test_a_stale_version_is_refused(api: httpx.AsyncClient) -> None:
	made = await api.post(NOTES, headers=by("alice"), json={"title": "a", "amount": 1})
	path = f"{NOTES}/{made.json()['id']}"
	body = {"title": "b", "amount": 2}
	fresh = await api.put(path, headers=by("alice", **{"If-Match": '"1"'}), json=body)
	assert (fresh.status_code, fresh.headers["etag"]) == (200, '"2"')
	stale = await api.put(path, headers=by("alice", **{"If-Match": '"1"'}), json=body)
	assert stale.status_code == 412
	assert (
		await api.put(path, headers=by("alice", **{"If-Match": "*"}), json=body)
	).status_code == 200


async def test_the_same_key_gives_the_same_answer_once(
	api: httpx.AsyncClient, sample_app: FastAPI, cast: Cast
) -> None:
	key = by("alice", **{"Idempotency-Key": "k-1"})
	first = await api.post(NOTES, headers=key, json={"title": "a", "amount": 1})
	second = await api.post(NOTES, headers=key, json={"title": "a", "amount": 1})
	assert first.status_code == second.status_code == 201
	assert first.content == second.content
	assert second.headers["idempotency-replayed"] == "true"
	assert second.headers["etag"] == '"1"'
	other = await api.post(NOTES, headers=key, json={"title": "z", "amount": 1})
	assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
	assert await count(sample_app, cast, "sample_notes") == 1
	refused = by("alice", **{"Idempotency-Key": "k-2"})
	for _n in range(2):
		answer = await api.post(NOTES, headers=refused, json={"title": "a", "amount": 1})
		assert answer.status_code == 409
	assert answer.headers["idempotency-replayed"] == "true"


async def test_the_trail_names_what_changed_and_hides_what_must_be_hidden(
	api: httpx.AsyncClient, sample_app: FastAPI, cast: Cast
) -> None:
	made = await api.post(
		NOTES, headers=by("alice"), json={"title": "a", "amount": 1, "secret": "s3cr3t"}
	)
	path = f"{NOTES}/{made.json()['id']}"
	await api.put(path, headers=by("alice"), json={"title": "a", "amount": 3, "secret": "other"})
	runtime: Runtime = sample_app.state.runtime
	async with open_work(runtime, cast.alice, action="test", origin="task") as work:
		rows = (
			await work.execute(
				text(
					"select operation, before, after, action, origin, user_id::text, request_id from audit_entries order by seq"
				)
			)
		).all()
	assert [row.operation for row in rows] == ["insert", "update"]
	assert rows[0].after["secret"] == "redacted"
	assert rows[1].before == {
		"amount": 1,
		"secret": "redacted",
		"version": 1,
		"updated_at": rows[1].before["updated_at"],
	}
	assert rows[1].after["amount"] == 3
	assert "s3cr3t" not in str(rows)
	assert (rows[0].action, rows[0].origin) == ("sample.notes.update", "api")
	assert rows[0].user_id == cast.alice.user_id
	assert rows[0].request_id == made.headers["x-request-id"]


async def test_another_tenant_in_a_header_is_refused(api: httpx.AsyncClient, cast: Cast) -> None:
	other = await api.get(NOTES, headers=by("alice", **{"X-Tenant-ID": cast.charlie.tenant_id}))
	assert (other.status_code, other.json()["code"]) == (403, "TENANT_MISMATCH")
	own = await api.get(NOTES, headers=by("alice", **{"X-Tenant-ID": cast.alice.tenant_id}))
	assert own.status_code == 200


async def test_public_routes_are_open_and_nothing_else_is(api: httpx.AsyncClient) -> None:
	assert (await api.get("/api/v1/sample/open")).text == "open"
	assert (await api.get("/api/v1/sample/openly")).status_code == 401
	assert (await api.get("/nowhere", headers=by("alice"))).status_code == 404
