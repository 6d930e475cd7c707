"""What tests of PLM build with: products, lines, prices and releases, all through the API."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from tests.platform.cast import by

PRODUCTS = "/api/v1/plm/products"


class Answer:
	"""A response whose numbers keep their digits."""

	def __init__(self, response: httpx.Response) -> None:
		self.response = response
		self.status = response.status_code
		self.etag = response.headers.get("etag", "")

	@property
	def json(self) -> Any:
		return json.loads(self.response.content, parse_float=Decimal)

	@property
	def data(self) -> Any:
		assert self.status < 300, self.response.text
		return self.json["data"]

	@property
	def code(self) -> str:
		return self.json["error_code"]

	@property
	def details(self) -> dict[str, list[str]]:
		return self.json["details"]

	@property
	def words(self) -> str:
		"""Everything a person is told about a refusal."""
		whole = self.json
		return " ".join(
			[whole["message"], *(text for texts in whole["details"].values() for text in texts)]
		)


@dataclass
class Workshop:
	"""One person at the API; products are known by short names."""

	api: httpx.AsyncClient
	who: str = "alice"
	ids: dict[str, str] = field(default_factory=dict[str, str])

	async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
		names = {name.replace("_", "-"): value for name, value in headers.items()}
		response = await self.api.request(method, path, json=body, headers=by(self.who, **names))
		return Answer(response)

	def path(self, name: str, rest: str = "") -> str:
		return f"{PRODUCTS}/{self.ids.get(name, name)}{rest}"

	async def get(self, name: str, rest: str = "", **query: Any) -> Answer:
		asked = "&".join(f"{key.rstrip('_')}={value}" for key, value in query.items())
		return await self.call("GET", self.path(name, rest) + (f"?{asked}" if asked else ""))

	async def product(
		self,
		name: str,
		*,
		kind: str = "manufactured",
		price: Any = None,
		mass: Any = None,
		mass_unit: str = "g",
		**fields: Any,
	) -> dict[str, Any]:
		"""A product whose number is the name, with a price in EUR and a mass where given."""
		body: dict[str, Any] = {
			"product_name": f"Part {name}",
			"product_number": f"N-{name}",
			"product_type": kind,
			**fields,
		}
		if mass is not None:
			body |= {"mass": mass, "mass_unit": mass_unit}
		if price is not None:
			body |= {"current_cost": price, "currency": "EUR"}
		answer = await self.call("POST", PRODUCTS, body)
		self.ids[name] = answer.data["product_id"]
		return answer.data

	async def parts(self, *names: str, **fields: Any) -> None:
		for name in names:
			await self.product(name, kind="purchased", **fields)

	async def line(self, parent: str, child: str, quantity: Any = 1, **fields: Any) -> Answer:
		body = {"product_id": self.ids[child], "quantity": quantity, **fields}
		if quantity is None:
			del body["quantity"]
		return await self.call("POST", self.path(parent, "/structure/lines"), body)

	async def lines(self, structure: dict[str, dict[str, Any]]) -> None:
		"""`{parent: {child: quantity}}`; products that do not exist yet are made."""
		for parent, children in structure.items():
			for name in (parent, *children):
				if name not in self.ids:
					await self.product(name)
			for child, quantity in children.items():
				answer = await self.line(parent, child, quantity)
				assert answer.status == 201, answer.response.text

	async def cost(self, name: str, amount: Any, **fields: Any) -> Answer:
		body = {"amount": amount, "currency": "EUR", "valid_from": "2020-01-01", **fields}
		return await self.call("POST", self.path(name, "/costs"), body)

	async def release(self, *names: str) -> Answer:
		answer = None
		for name in names:
			answer = await self.call("POST", self.path(name, "/release"), {})
			assert answer.status == 200, answer.response.text
		assert answer is not None
		return answer

	async def revise(self, name: str) -> Answer:
		answer = await self.call("POST", self.path(name, "/revisions"), {})
		assert answer.status == 201, answer.response.text
		return answer

	def name_of(self, product_id: str) -> str:
		return next(name for name, held in self.ids.items() if held == product_id)
