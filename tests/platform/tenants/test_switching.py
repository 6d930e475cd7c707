"""What is switched off is gone for everybody of the company, and for nobody else."""

from typing import Any

import httpx
import pytest

from apg.kernel.runtime import Runtime

SWITCHES = "/api/v1/tenants/current/capabilities"
PRODUCTS = "/api/v1/plm/products"


async def answers(client: httpx.AsyncClient, who: Any) -> int:
	return (await client.get(PRODUCTS, headers=who.headers)).status_code


async def test_off_and_on_again(
	client: httpx.AsyncClient, alice: Any, charlie: Any, runtime: Runtime
) -> None:
	if "plm" not in {c.short for c in runtime.composition.capabilities}:
		pytest.skip("this installation has no capability to switch")
	assert await answers(client, alice) == 200
	off = await client.put(SWITCHES, headers=alice.headers, json={"plm": False})
	assert off.json()["plm"] is False
	assert await answers(client, alice) == 404
	assert await answers(client, charlie) == 200
	on = await client.put(SWITCHES, headers=alice.headers, json={"plm": True})
	assert on.json()["plm"] is True
	assert await answers(client, alice) == 200
