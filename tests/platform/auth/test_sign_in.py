"""Signing in over the API, and what an access token opens."""

import httpx
from apg.kernel.principal import Credential

from tests.platform.auth.conftest import PASSWORD, World


async def login(api: httpx.AsyncClient, username: str, password: str = PASSWORD, **more: str):
	body = {"username": username, "password": password, **more}
	return await api.post("/api/v1/auth/login", json=body)


async def test_a_login_gives_tokens_of_the_only_tenant(api: httpx.AsyncClient, world: World) -> None:
	answer = await login(api, world.alice.username)
	assert answer.status_code == 200, answer.text
	told = answer.json()
	assert told["tenant_id"] == world.alice.tenant_id
	assert told["token_type"] == "Bearer"
	assert told["expires_in"] == 600
	assert told["user"]["id"] == world.alice.id
	assert told["user"]["roles"] == ["tenant_admin"]
	principal = await world.runtime.state["authenticator"].authenticate(
		Credential("bearer", told["access_token"])
	)
	assert (principal.user_id, principal.tenant_id) == (world.alice.id, world.alice.tenant_id)
	assert principal.permissions == frozenset({"*"})
	assert "plm" in principal.enabled
