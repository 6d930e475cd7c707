"""A message reaches one person, once, and nobody else."""

import httpx
import pytest
from sqlalchemy import text

from apg.contracts.notifications import Message, Notifications, Priority
from apg.kernel.errors import Invalid
from apg.kernel.stamps import new_id
from tests.platform.cast import Cast, by, page, part

INBOX = "/api/v1/notifications"


async def told(cast: Cast, *subjects: str, name: str = "alice", **more: object) -> int:
	recipient = getattr(cast, name).user_id
	async with cast.work("charlie" if name == "charlie" else "alice") as work:
		messages = [Message(recipient, "note", subject, **more) for subject in subjects]  # type: ignore[arg-type]
		return await work.port(Notifications).send(work, *messages)


async def test_a_message_is_listed_read_and_marked(api: httpx.AsyncClient, cast: Cast) -> None:
	assert await told(cast, "First", action_url="/plm/products") == 1
	listed = await api.get(INBOX, headers=by("alice"))
	(message,) = listed.json()
	assert list(message) == [
		"id", "kind", "subject", "message", "action_url", "priority", "read_at", "created_at",
		"version",
	]  # fmt: skip
	assert (message["subject"], message["read_at"], message["priority"]) == (
		"First",
		None,
		"normal",
	)
	one = await api.get(f"{INBOX}/{message['id']}", headers=by("alice"))
	assert b"[" + one.content + b"]" == listed.content
	marked = await api.patch(f"{INBOX}/{message['id']}", headers=by("alice"), json={"read": True})
	assert marked.status_code == 200
	assert marked.json()["read_at"] is not None
	assert marked.headers["etag"] == '"2"'
	again = await api.patch(f"{INBOX}/{message['id']}", headers=by("alice"), json={"read": True})
	assert again.json() == marked.json()
	unread = await api.patch(f"{INBOX}/{message['id']}", headers=by("alice"), json={"read": False})
	assert unread.json()["read_at"] is None


async def test_nobody_sees_or_marks_another_ones_message(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	await told(cast, "For Alice alone")
	(message,) = (await api.get(INBOX, headers=by("alice"))).json()
	for stranger in ("bob", "charlie"):
		assert (await api.get(INBOX, headers=by(stranger))).json() == []
		same = {"X-Request-ID": "same"}
		foreign = await api.get(f"{INBOX}/{message['id']}", headers=by(stranger, **same))
		unknown = await api.get(f"{INBOX}/{new_id()}", headers=by(stranger, **same))
		assert (foreign.status_code, foreign.content) == (404, unknown.content)
		marked = await api.patch(
			f"{INBOX}/{message['id']}", headers=by(stranger), json={"read": True}
		)
		assert marked.status_code == 404
		everything = await api.post(f"{INBOX}/read-all", headers=by(stranger))
		assert everything.json() == {"marked": 0}
	assert (await api.get(INBOX, headers=by("alice"))).json() == [message]


async def test_filters_order_and_paging(api: httpx.AsyncClient, cast: Cast) -> None:
	await told(cast, "low", priority=Priority.LOW)
	await told(cast, "urgent", priority=Priority.URGENT)
	await told(cast, "high", priority=Priority.HIGH)
	by_rank = await api.get(f"{INBOX}?sort=-priority&limit=2", headers=by("alice"))
	assert [one["subject"] for one in by_rank.json()] == ["urgent", "high"]
	assert by_rank.headers["x-total-count"] == "3"
	rest = await api.get(f"{INBOX}?sort=-priority&limit=2&offset=2", headers=by("alice"))
	assert [one["subject"] for one in rest.json()] == ["low"]
	assert rest.headers["x-total-count"] == "3"
	some = await api.get(f"{INBOX}?priority=low&priority=high", headers=by("alice"))
	assert [one["subject"] for one in some.json()] == ["high", "low"]
	low = some.json()[1]["id"]
	await api.patch(f"{INBOX}/{low}", headers=by("alice"), json={"read": True})
	unread = await api.get(f"{INBOX}?unread=true", headers=by("alice"))
	assert [one["subject"] for one in unread.json()] == ["high", "urgent"]
	assert (await api.post(f"{INBOX}/read-all", headers=by("alice"))).json() == {"marked": 2}
	assert (await api.get(f"{INBOX}?unread=true", headers=by("alice"))).json() == []
	assert (await api.get(f"{INBOX}?unread=maybe", headers=by("alice"))).status_code == 422


async def test_a_repeated_task_tells_once(cast: Cast, api: httpx.AsyncClient) -> None:
	assert await told(cast, "Due", key="due/7") == 1
	assert await told(cast, "Due again", key="due/7") == 0
	assert await told(cast, "Due", name="bob", key="due/7") == 1
	assert [one["subject"] for one in (await api.get(INBOX, headers=by("alice"))).json()] == ["Due"]


async def test_many_messages_are_two_statements(cast: Cast, api: httpx.AsyncClient) -> None:
	assert await told(cast, *(f"n{i}" for i in range(1_200))) == 1_200
	listed = await api.get(f"{INBOX}?limit=250", headers=by("alice"))
	assert (len(listed.json()), listed.headers["x-total-count"]) == (250, "1200")


@pytest.mark.parametrize(
	("field", "wrong"),
	[
		("action_url", "https://elsewhere.example"),
		("action_url", "//elsewhere.example"),
		("action_url", "/\\elsewhere.example"),
		("action_url", "javascript:alert(1)"),
		("message", "x" * 4_001),
	],
)
async def test_a_bad_message_is_refused_and_none_of_the_batch_is_sent(
	cast: Cast, api: httpx.AsyncClient, field: str, wrong: str
) -> None:
	recipient = cast.alice.user_id or ""
	async with cast.work() as work:
		with pytest.raises(Invalid) as refused:
			await work.port(Notifications).send(
				work,
				Message(recipient, "note", "good"),
				Message(recipient, "note", "bad", **{field: wrong}),  # type: ignore[arg-type]
			)
	assert {problem.field for problem in refused.value.problems} == {f"messages.1.{field}"}
	assert (await api.get(INBOX, headers=by("alice"))).json() == []


async def test_a_message_rolls_back_with_what_it_tells_of(
	cast: Cast, api: httpx.AsyncClient
) -> None:
	async def fails() -> None:
		async with cast.work() as work:
			await work.port(Notifications).send(
				work, Message(cast.alice.user_id or "", "note", "Never happened")
			)
			raise RuntimeError

	with pytest.raises(RuntimeError):
		await fails()
	assert (await api.get(INBOX, headers=by("alice"))).json() == []


async def test_the_page_shows_escapes_counts_and_opens(api: httpx.AsyncClient, cast: Cast) -> None:
	await told(cast, "<script>alert(1)</script>", action_url="/plm/products?a=1")
	whole = await api.get("/inbox", headers=page("alice"))
	assert whole.status_code == 200
	assert "&lt;script&gt;alert(1)" in whole.text
	assert "<script>alert" not in whole.text
	assert "badge-count" in (await api.get("/inbox/count", headers=part("alice"))).text
	(message,) = (await api.get(INBOX, headers=by("alice"))).json()
	opened = await api.post(f"/inbox/{message['id']}/open", headers=part("alice"))
	assert opened.headers["hx-redirect"] == "/plm/products?a=1"
	assert (await api.get("/inbox/count", headers=part("alice"))).text.strip() == ""
	assert (await api.post(f"/inbox/{message['id']}/open", headers=part("bob"))).status_code == 404


async def test_a_message_of_401_days_goes_and_one_of_399_stays(
	cast: Cast, api: httpx.AsyncClient, admin_url: str
) -> None:
	from apg.kernel.migrating import admin_engine

	await told(cast, "old", "young")
	engine = admin_engine(admin_url)
	with engine.begin() as connection:
		for subject, days in (("old", 401), ("young", 399)):
			connection.execute(
				text(
					"update notifications set created_at = now() - make_interval(days => :days) "
					"where tenant_id = :tenant and subject = :subject"
				),
				{"days": days, "tenant": cast.alice.tenant_id, "subject": subject},
			)
		connection.execute(text("select growth_trim('notifications', 1000)"))
	engine.dispose()
	left = (await api.get(INBOX, headers=by("alice"))).json()
	assert [one["subject"] for one in left] == ["young"]
