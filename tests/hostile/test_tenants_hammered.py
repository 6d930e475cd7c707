"""Two companies, 400 requests at once, three connections: nobody sees what is the other's."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from apg.app import make_app
from apg.kernel.settings import Settings
from tests.people import Person, make_people

AT_ONCE = 200
POOL = 3


@pytest.fixture
async def narrow(settings: Settings, app: FastAPI):
	"""The whole product on three connections, patient enough for a slow machine."""
	chosen = settings.model_copy(update={"pool_size": POOL, "pool_wait_seconds": 120.0})
	made = make_app(chosen)
	async with made.router.lifespan_context(made):
		yield made


async def test_nobody_sees_the_others_rows_and_no_connection_comes_back_bound(
	narrow: FastAPI,
) -> None:
	runtime = narrow.state.runtime
	people = await make_people(runtime)
	transport = httpx.ASGITransport(narrow, raise_app_exceptions=False)
	async with httpx.AsyncClient(
		transport=transport, base_url="http://testserver", timeout=120
	) as client:

		async def one(person: Person, mark: str, number: int) -> tuple[str, str]:
			"""A third writes, a third reads lists, a third is refused half way."""
			kind = number % 3
			if kind == 0:
				body = {"product_name": f"{mark} {number}", "product_type": "manufactured"}
				path = "/api/v1/plm/products"
				answer = await client.post(path, headers=person.headers, json=body)
				assert answer.status_code == 201, answer.text
			elif kind == 1:
				path = ("/api/v1/plm/products", "/api/v1/users", "/api/v1/audit")[number // 3 % 3]
				answer = await client.get(path, headers=person.headers)
				assert answer.status_code == 200, answer.text
			else:
				body = {"product_name": f"{mark} {number}", "product_type": "no such type"}
				path = "/api/v1/plm/products"
				answer = await client.post(path, headers=person.headers, json=body)
				assert answer.status_code == 400, answer.text
			return person.tenant_id, answer.text

		calls = [
			one(person, mark, number)
			for number in range(AT_ONCE)
			for person, mark in ((people.alice, "ALICES"), (people.charlie, "CHARLIES"))
		]
		answers = await asyncio.gather(*calls)
		assert len(answers) == 2 * AT_ONCE
		foreign = {
			people.alice.tenant_id: ("CHARLIES", people.charlie.tenant_id, people.charlie.user_id),
			people.charlie.tenant_id: ("ALICES", people.alice.tenant_id, people.alice.user_id),
		}
		for tenant, body in answers:
			for mark in foreign[tenant]:
				assert mark not in body
		for person, mark in ((people.alice, "ALICES"), (people.charlie, "CHARLIES")):
			answer = await client.get(
				"/api/v1/plm/products?page_size=100&page=1", headers=person.headers
			)
			names = re.findall(r'"product_name":"([^"]+)"', answer.text)
			assert sorted(names) == sorted(f"{mark} {n}" for n in range(0, AT_ONCE, 3))
	held = [await runtime.engine.connect() for _number in range(POOL)]
	try:
		for connection in held:
			for setting in ("current_tenant_id", "current_user_id", "reach"):
				bound = await connection.scalar(
					text(f"select current_setting('app.{setting}', true)")
				)
				assert not bound, setting
			assert await connection.scalar(text("select count(*) from plm_items")) == 0
	finally:
		for connection in held:
			await connection.close()
	assert runtime.engine.pool.checkedout() == 0
