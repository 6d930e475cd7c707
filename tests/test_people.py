"""The people themselves: what the fixtures promise."""

import httpx

from tests.people import People


async def test_who_they_are(client: httpx.AsyncClient, people: People) -> None:
	path = "/api/v1/plm/products"
	assert (await client.get(path)).status_code == 401
	assert (await client.get(path, headers=people.alice.headers)).status_code == 200
	assert (await client.get(path, headers=people.bob.headers)).status_code == 403
	assert (await client.get(path, headers=people.charlie.headers)).status_code == 200
	assert people.alice.tenant_id == people.bob.tenant_id != people.charlie.tenant_id
