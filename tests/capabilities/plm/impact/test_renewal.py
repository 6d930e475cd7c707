"""What an open order rests on moves while nobody edits it: its impact is calculated again."""

from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from tests.capabilities.plm.changes.conftest import Company
from tests.capabilities.plm.impact.conftest import Tasks

from apg.capabilities.plm.impact import jobs
from apg.kernel.work import open_work

D = Decimal
TODAY = "2026-01-01"


class Office:
	"""One order of a company, and its log read as the relay reads it."""

	def __init__(self, company: Company, background: Tasks, log: str) -> None:
		self.company, self.background, self.log = company, background, log
		self.desk = company.admin
		self.read: set[int] = set()
		self.change = self.material = self.other = ""

	async def call(self, method: str, path: str, body: Any = None) -> Any:
		answer = await self.desk.call(method, path, body)
		assert answer.status < 300, answer.response.text
		return answer.json if answer.response.content else None

	async def asked(self) -> list[str]:
		"""Why the subscribers of impact ask for a new calculation after what was published."""
		reader = await asyncpg.connect(self.log)
		rows = await reader.fetch(
			"select seq, name, body::text from event_log where tenant_id = $1 order by xid, seq",
			self.company.tenant_id,
		)
		await reader.close()
		runtime = self.company.runtime
		known = runtime.composition.events
		mine = [
			one
			for one in runtime.composition.consumers
			if one.function.__module__ == jobs.__name__ and one.function is not jobs.after_edit
		]
		assert self.desk.principal is not None
		async with open_work(runtime, self.desk.principal, action="t", origin="task") as work:
			for seq, name, body in rows:
				if seq in self.read:
					continue
				self.read.add(seq)
				event = known[name].model_validate_json(body)
				for one in mine:
					if isinstance(event, one.events):
						await one.function(work, event)
			causes = [ids["cause"] for task, ids in work._tasks if task is jobs.renew]
			work._tasks.clear()
		return list(dict.fromkeys(causes))

	async def renewed(self) -> dict[str, Any]:
		for cause in await self.asked():
			await self.background.run(
				jobs.calculate, self.company.tenant_id, change_id=self.change, cause=cause
			)
		return await self.desk.seen(self.change, "/impact")

	async def moved(self, cause: str, run: int) -> dict[str, tuple[Any, Any]]:
		"""Figure → (was, now) of the difference of the pump, after the run that has to be there."""
		impact = await self.renewed()
		assert (impact["cause"], impact["run"]) == (cause, run)
		return {
			row["metric"]: tuple(
				None if row[name] is None else D(row[name]) for name in ("was", "now")
			)
			for row in impact["moved"]
			if row["product"]["product_number"] == "N-pump"
		}


@pytest.fixture
async def office(company: Company, background: Tasks, admin_url: str) -> Office:
	"""pump = 2 × motor, motor = 4 × screw; the order puts a bolt of 2 USD and 25 g of steel into it.

	1 EUR = 2 USD; a kilogram of steel is 2 kg CO2e.
	"""
	made = Office(company, background, admin_url)
	for code, figure in (("metal.steel", 2), ("metal.other", 3)):
		body = {
			"activity_code": code,
			"name": code,
			"region": "001",
			"stage": "cradle_to_gate",
			"scope": "3",
			"unit": "kg",
			"citation": "made for a test",
			"valid_from": "2020-01-01",
			"co2e": figure,
			"native_gwp_set": "AR5",
		}
		factor = await made.call("POST", "/api/v1/esg/factors", body)
		if code == "metal.steel":
			await approve(made, factor["id"])
		else:
			made.other = factor["id"]
	body = {"name": "Steel", "activity_code": "metal.steel"}
	made.material = (await made.call("POST", "/api/v1/esg/materials", body))["id"]
	await rate(made, "2020-01-01", 2)
	desk = company.admin
	await desk.product("screw", kind="purchased", price="0.50", mass=10, material="Steel")
	await desk.product(
		"bolt",
		kind="purchased",
		mass=25,
		material="Steel",
		current_cost=2,
		currency="USD",
	)
	await desk.lines({"motor": {"screw": 4}, "pump": {"motor": 2}})
	await desk.release("screw", "motor")
	made.change = await company.author.raised("motor")
	assert (await company.author.order_line(made.change, "motor", "bolt", 1)).status == 201
	await background.impact(company, made.change)
	await made.asked()
	return made


async def approve(office: Office, factor: str) -> None:
	path = f"/api/v1/esg/factors/{factor}/versions"
	version = (await office.call("GET", path))[0]["id"]
	await office.call("POST", f"{path}/{version}/approve", {"reason": "for a test"})


async def rate(office: Office, day: str, units: int) -> None:
	body = {
		"currency": "USD",
		"date": day,
		"valid_until": "2040-01-01",
		"units_per_eur": units,
		"source": "agreed",
	}
	await office.call("POST", "/api/v1/reference/exchange-rates", body)


async def test_each_thing_an_order_rests_on_renews_its_impact(office: Office):
	desk, bolt = office.desk, office.desk.path("bolt")
	# 2 × 1 bolt: 2 × 2 USD / 2 = 2 EUR, 2 × 25 g, 2 × 0.025 kg × 2 = 0.1 kg CO2e
	[pump] = (await desk.seen(office.change, "/impact"))["end_items"]
	first = {name: one["delta"] for name, one in pump["figures"].items() if one["delta"]}
	assert first == {"cost": 2, "mass": D("0.05"), "co2e": D("0.1")}

	# An import or a form says the price of a part.
	await office.call("PATCH", bolt, {"current_cost": 4, "currency": "USD"})
	assert await office.moved("prices", 2) == {"cost": (2, 4)}
	page = await desk.api.get(
		f"/plm/changes/{office.change}?tab=impact", headers=desk.headers | {"Accept": "text/html"}
	)
	assert "because a price changed" in page.text
	[row] = (await desk.seen(office.change, "/impact"))["moved"]
	# pump before: 8 × 0.50 = 4 EUR; with the change 6, now 8
	sides = ("before_was", "before_now", "after_was", "after_now")
	assert [D(row[name]) for name in sides] == [4, 4, 6, 8]

	# An exchange rate of the company's own, then the same taken away.
	await rate(office, TODAY, 4)
	assert await office.moved("rates", 3) == {"cost": (4, 2)}
	rates = await office.call("GET", "/api/v1/reference/exchange-rates?own=true&currency=USD")
	newest = next(one for one in rates if one["date"] == TODAY)
	answer = await desk.call("DELETE", f"/api/v1/reference/exchange-rates/{newest['id']}")
	assert answer.status == 204
	assert await office.moved("rates", 4) == {"cost": (2, 4)}

	# A factor that nothing of the order uses: looked at, and nothing is told.
	await approve(office, office.other)
	impact = await office.renewed()
	assert (impact["cause"], impact["run"]) == ("rates", 4)
	assert impact["moved"] != []

	# Another activity stands for the material: 3 instead of 2 for a kilogram.
	path = f"/api/v1/esg/materials/{office.material}"
	await office.call("PATCH", path, {"activity_code": "metal.other"})
	assert await office.moved("materials", 5) == {"co2e": (D("0.1"), D("0.15"))}

	# The mass of a part that stands in no order: 2 × 30 g.
	await office.call("PATCH", bolt, {"mass": 30, "mass_unit": "g"})
	assert await office.moved("materials", 6) == {
		"mass": (D("0.05"), D("0.06")),
		"co2e": (D("0.15"), D("0.18")),
	}

	# A supplier says the whole figure of a bolt, and takes it back.
	said = {
		"product_id": desk.ids["bolt"],
		"supplier": "Bolts Ltd",
		"carbon": 1,
		"unit": "each",
		"gwp_set": "AR5",
		"valid_from": "2020-01-01",
	}
	statement = await office.call("POST", "/api/v1/esg/supplier-footprints", said)
	assert await office.moved("footprints", 7) == {"co2e": (D("0.18"), 2)}
	path = f"/api/v1/esg/supplier-footprints/{statement['id']}"
	assert (await desk.call("DELETE", path)).status in (200, 204)
	assert await office.moved("footprints", 8) == {"co2e": (2, D("0.18"))}

	# A line beside the order: the pump takes one bolt of its own, before and after.
	assert (await desk.line("pump", "bolt", 1)).status == 201
	impact = await office.renewed()
	assert (impact["cause"], impact["run"]) == ("structure", 9)
	told = {row["metric"]: row for row in impact["moved"]}
	assert sorted(told) == ["co2e", "cost", "mass"]
	assert [D(told["cost"][name]) for name in ("was", "now", *sides)] == [4, 4, 4, 6, 8, 10]

	# The factor itself is taken back: what was known is unknown, never zero.
	version = (await office.call("GET", f"/api/v1/esg/factors/{office.other}/versions"))[0]["id"]
	path = f"/api/v1/esg/factors/{office.other}/versions/{version}/withdraw"
	await office.call("POST", path, {"reason": "wrong"})
	assert await office.moved("factors", 10) == {"co2e": (D("0.18"), None)}

	# The night looks again whatever was told; nothing moved, so nothing is recorded.
	await office.background.run(
		jobs.calculate, office.company.tenant_id, change_id=office.change, cause="day"
	)
	assert (await desk.seen(office.change, "/impact"))["run"] == 10


async def test_an_edit_of_an_order_is_no_reason_for_others(office: Office):
	"""What moves inside a package is that package's; a release moves what all others stand on."""
	author = office.company.author
	assert (await author.redlined(office.change, "motor", "screw", quantity=5)).status == 200
	assert await office.asked() == []
	await office.desk.release("bolt")
	assert await office.asked() == ["structure"]


async def test_a_base_that_was_released_meanwhile_shows_in_the_impact(office: Office):
	"""Another order takes a screw out of the motor: this one stands on the old base until it is
	rebased, and both times its impact says what it would do now."""
	company = office.company
	await office.desk.release("bolt")
	other = await company.second.raised("motor")
	assert (await company.second.redlined(other, "motor", "screw", quantity=3)).status == 200
	await office.background.impact(company, other)
	await office.asked()
	await company.released(other)
	impact = await office.renewed()
	assert (impact["cause"], impact["stale"]) == ("structure", False)
	told = {row["metric"]: row for row in impact["moved"]}
	names = ("before_was", "before_now", "after_was", "after_now", "was", "now")
	# pump before: 2 × 4 × 0.50, now 2 × 3 × 0.50; with this order still four screws and a bolt of 1 EUR
	assert [D(told["cost"][name]) for name in names] == [4, 3, 6, 6, 2, 3]
	[item] = await office.desk.seen(office.change, "/items")
	assert item["base_moved"] is True
	answer = await company.author.do(
		office.change, f"items/{office.desk.ids['motor']}/rebase", {"choices": []}
	)
	assert answer.data["rebased"] is True
	await office.background.impact(company, office.change)
	[pump] = (await office.desk.seen(office.change, "/impact"))["end_items"]
	cost = pump["figures"]["cost"]
	assert (cost["before"], cost["after"], cost["delta"]) == (3, 5, 2)
