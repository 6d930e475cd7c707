"""A workshop that also knows factors, materials, statements and footprints."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.capabilities.plm.workshop import Answer, Workshop
from tests.platform.cast import api, cast, desk_app

__all__ = ["api", "cast", "desk_app"]
ESG = "/api/v1/esg"


@dataclass
class CarbonShop(Workshop):
	"""Products with their carbon; factors are the company's own, approved."""

	async def esg(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
		answer = await self.call(method, f"{ESG}{path}", body, **headers)
		assert answer.status < 300, answer.response.text
		if answer.status == 204:
			return None
		return json.loads(answer.response.content, parse_float=Decimal)

	async def refused(self, method: str, path: str, body: Any = None) -> Answer:
		answer = await self.call(method, f"{ESG}{path}", body)
		assert answer.status >= 400, answer.response.text
		return answer

	async def factor(
		self, code: str, co2e: Any, *, unit: str = "kg", approve: bool = True, **fields: Any
	) -> dict[str, Any]:
		"""A factor with a total and, by default, no gases; approved."""
		body: dict[str, Any] = {
			"activity_code": code,
			"name": f"Factor of {code}",
			"region": "001",
			"stage": "cradle_to_gate",
			"scope": "3",
			"unit": unit,
			"citation": "made for a test",
			"valid_from": "2020-01-01",
			"co2e": co2e,
			"native_gwp_set": "AR5",
			**fields,
		}
		made = await self.esg("POST", "/factors", body)
		version = (await self.esg("GET", f"/factors/{made['id']}/versions"))[0]
		if approve:
			await self.esg(
				"POST",
				f"/factors/{made['id']}/versions/{version['id']}/approve",
				{"reason": "it stands in the declaration"},
			)
		return {**made, "version_id": version["id"]}

	async def material(self, name: str, code: str, *aliases: str, **fields: Any) -> dict[str, Any]:
		body = {"name": name, "activity_code": code, "aliases": list(aliases), **fields}
		return await self.esg("POST", "/materials", body)

	async def footprint(self, name: str, **fields: Any) -> dict[str, Any]:
		return await self.esg("POST", "/footprints", {"product_id": self.ids[name], **fields})

	async def lines_of(self, footprint: dict[str, Any]) -> list[dict[str, Any]]:
		return await self.esg("GET", f"/footprints/{footprint['id']}/lines")


@pytest.fixture
def shop(api: httpx.AsyncClient) -> CarbonShop:
	return CarbonShop(api)


@pytest.fixture
def other(api: httpx.AsyncClient) -> CarbonShop:
	"""The other company's."""
	return CarbonShop(api, "charlie")
