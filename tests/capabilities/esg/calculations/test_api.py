"""Calculations: totals, gaps, seals; again, and beside what factors and records became."""

from typing import Any

import httpx
import pytest
from tests.people import Person

ESG = "/api/v1/esg"
FACTOR: dict[str, Any] = {
	"activity_code": "fuels.natural_gas",
	"name": "Natural gas",
	"region": "GB",
	"unit": "kWh (gross CV)",
	"citation": "Invented for a test, row 7",
	"valid_from": "2023-01-01",
	"gases": {"CO2": 0.18, "CH4_fossil": 0.00001, "N2O": 0.0000005},
	"native_gwp_set": "AR5",
	"low": 0.9,
	"high": 1.1,
}
ELECTRICITY = FACTOR | {
	"activity_code": "electricity.grid",
	"name": "Electricity",
	"unit": "kWh",
	"gases": {},
	"co2e": 0.25,
}


class Alice:
	"""The interface for programs as Alice calls it; refusals are told."""

	def __init__(self, client: httpx.AsyncClient, person: Person) -> None:
		self.client, self.person = client, person

	async def post(self, path: str, body: Any, status: int | tuple[int, ...] = (200, 201)) -> Any:
		answer = await self.client.post(ESG + path, headers=self.person.headers, json=body)
		allowed = (status,) if isinstance(status, int) else status
		assert answer.status_code in allowed, (path, answer.text)
		return answer.json()

	async def get(self, path: str, **params: Any) -> Any:
		answer = await self.client.get(ESG + path, headers=self.person.headers, params=params)
		assert answer.status_code == 200, (path, answer.text)
		return answer.json()

	async def approve(self, factor: dict[str, Any]) -> str:
		"""Enters a factor and approves its version; answers the factor."""
		made = await self.post("/factors", factor)
		(version,) = await self.get(f"/factors/{made['id']}/versions")
		await self.post(
			f"/factors/{made['id']}/versions/{version['id']}/approve", {"reason": "checked"}
		)
		return made["id"]

	async def record(self, n: int, **more: Any) -> dict[str, Any]:
		following = f"2024-{n + 1:02d}-01" if n < 12 else "2025-01-01"
		body = {
			"site_code": "LEEDS",
			"activity_code": "fuels.natural_gas",
			"quantity": 1000 * n,
			"unit": "kWh (gross CV)",
			"period_start": f"2024-{n:02d}-01T00:00:00Z",
			"period_end": f"{following}T00:00:00Z",
		}
		return await self.post("/activities", body | more)

	async def calculate(self, **more: Any) -> dict[str, Any]:
		return await self.post("/calculations", {"title": "2024"} | more)


@pytest.fixture
async def api(client: httpx.AsyncClient, alice: Person) -> Alice:
	made = Alice(client, alice)
	await made.post("/sites", {"code": "LEEDS", "name": "Leeds works", "country": "GB"})
	return made


# AR5, per kWh gross: 0.18 + 0.00001 × 30 + 0.0000005 × 265 = 0.1804325 kg CO2e.
async def test_a_year_of_gas(api: Alice) -> None:
	await api.approve(FACTOR)
	for n in (1, 2, 3):
		await api.record(n)
	run = await api.calculate(gwp_set="AR5")
	assert (run["state"], run["record_count"], run["line_count"]) == ("done", 3, 3)
	assert (run["missing_count"], run["unapproved_count"]) == (0, 3)
	assert run["co2e"] == pytest.approx(6000 * 0.1804325, abs=0)
	assert len(run["seal"]) == 64
	lines = await api.get(f"/calculations/{run['id']}/lines")
	assert [line["quantity"] for line in lines] == [3000, 2000, 1000]
	assert lines[2]["masses"] == {"CO2": 180, "CH4_fossil": 0.01, "N2O": 0.0005}
	assert lines[2]["by_gas"] == {"CO2": 180, "CH4_fossil": 0.3, "N2O": 0.1325}
	assert (lines[2]["low"], lines[2]["high"]) == (162.38925, 198.47575)
	assert lines[2]["fallback_level"] == 0
	assert "region_exact" in lines[2]["factor_reason"]


async def test_what_has_no_factor_is_named_and_not_zero(api: Alice) -> None:
	await api.approve(FACTOR)
	await api.record(1)
	await api.record(2, activity_code="refrigerants.r134a", unit="kg", quantity=3)
	run = await api.calculate()
	assert (run["line_count"], run["missing_count"], run["co2e"]) == (2, 1, 180.4325)
	(gap,) = await api.get(f"/calculations/{run['id']}/lines", missing=True)
	assert (gap["missing"], gap["co2e"]) == ("unknown_activity", None)
	assert gap["activity_code"] == "refrigerants.r134a"


async def test_an_unapproved_factor_counts_nothing(api: Alice) -> None:
	await api.post("/factors", FACTOR)
	await api.record(1)
	run = await api.calculate()
	assert (run["missing_count"], run["co2e"]) == (1, 0)
	(gap,) = await api.get(f"/calculations/{run['id']}/lines")
	assert gap["missing"] == "not_approved"


async def test_nothing_selected_is_refused(api: Alice) -> None:
	refused = await api.post("/calculations", {"title": "none"}, 409)
	assert refused["code"] == "NOTHING_TO_CALCULATE"
	assert await api.get("/calculations") == []


async def test_a_record_counts_in_the_year_it_begins_in_and_products_stay_apart(
	api: Alice,
) -> None:
	await api.approve(FACTOR)
	await api.record(12)
	product = {"product_id": "01890000-0000-7000-8000-000000000001"}
	await api.record(
		1,
		kind="product",
		site_code=None,
		revision_id="01890000-0000-7000-8000-000000000002",
		stage="energy",
		**product,
	)
	year = {"start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"}
	run = await api.calculate(selection=year)
	assert run["record_count"] == 1
	following = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
	await api.post("/calculations", {"title": "2025", "selection": following}, 409)


async def test_done_again_it_has_the_same_seal(api: Alice) -> None:
	await api.approve(FACTOR)
	for n in (1, 2):
		await api.record(n)
	await api.record(3, activity_code="unknown.thing")
	run = await api.calculate()
	again = await api.post(f"/calculations/{run['id']}/rerun", {"mode": "same"})
	assert (again["mode"], again["rerun_of"]) == ("same", run["id"])
	assert again["seal"] == run["seal"]
	told = await api.get(f"/calculations/{run['id']}/comparison", other=again["id"])
	assert (told["equal"], told["hit"], told["difference"], told["lines"]) == (True, 0, 0, [])


async def test_a_corrected_record_leaves_the_old_result_and_shows_the_difference(
	api: Alice,
) -> None:
	await api.approve(FACTOR)
	first = await api.record(1)
	await api.record(2)
	run = await api.calculate()
	await api.post(
		f"/activities/{first['id']}/correct", {"quantity": 1100, "reason": "read wrongly"}
	)
	kept = await api.get(f"/calculations/{run['id']}")
	assert kept == run
	same = await api.post(f"/calculations/{run['id']}/rerun", {"mode": "same"})
	assert same["seal"] == run["seal"]
	now = await api.post(f"/calculations/{run['id']}/rerun", {"mode": "present"})
	told = await api.get(f"/calculations/{run['id']}/comparison", other=now["id"])
	assert (told["equal"], told["hit"]) == (False, 1)
	assert told["difference"] == 18.04325
	(hit,) = told["lines"]
	assert (hit["activity_id"], hit["why"]) == (first["id"], ["record"])
	assert (hit["old_version"], hit["new_version"]) == (1, 2)
	assert (hit["old_co2e"], hit["new_co2e"]) == (180.4325, 198.47575)


async def test_a_new_factor_changes_no_past_result_and_offers_a_comparison(api: Alice) -> None:
	factor = await api.approve(FACTOR)
	await api.approve(ELECTRICITY)
	await api.record(1)
	await api.record(1, activity_code="electricity.grid", unit="kWh")
	run = await api.calculate()
	version = {name: FACTOR[name] for name in ("citation", "valid_from", "native_gwp_set")}
	made = await api.post(f"/factors/{factor}/versions", version | {"co2e": 0.2})
	await api.post(f"/factors/{factor}/versions/{made['id']}/approve", {"reason": "new edition"})
	assert await api.get(f"/calculations/{run['id']}") == run
	same = await api.post(f"/calculations/{run['id']}/rerun", {"mode": "same"})
	assert same["seal"] == run["seal"]
	now = await api.post(f"/calculations/{run['id']}/rerun", {"mode": "factors"})
	told = await api.get(f"/calculations/{run['id']}/comparison", other=now["id"])
	assert (told["old_co2e"], told["new_co2e"], told["hit"]) == (430.4325, 450, 1)
	(hit,) = told["lines"]
	assert hit["why"] == ["factor"]
	assert hit["old_factor_version_id"] != hit["new_factor_version_id"] == made["id"]


async def test_a_line_is_traced_to_record_evidence_and_factor(
	api: Alice, client: httpx.AsyncClient
) -> None:
	await api.approve(FACTOR)
	file = {"file": ("gas-2024.csv", b"month,kWh\n1,1000\n", "text/csv")}
	kept = await client.post(f"{ESG}/source-documents", headers=api.person.headers, files=file)
	await api.record(1, document_id=kept.json()["id"], locator="row 2", unit="MWh (gross CV)")
	run = await api.calculate()
	(line,) = await api.get(f"/calculations/{run['id']}/lines")
	told = await api.get(f"/calculations/{run['id']}/lines/{line['id']}/trace")
	assert told["line"] == line
	assert told["record"]["locator"] == "row 2"
	assert told["record"]["created_by"] == api.person.user_id
	assert told["document"]["file_name"] == "gas-2024.csv"
	assert told["document"]["sha256"] == kept.json()["sha256"]
	assert told["factor"]["version_id"] == line["factor_version_id"]
	assert told["factor"]["edition"] is not None
	assert told["formula"] == [
		"1000 MWh (gross CV) × 1000 kWh (gross CV)/MWh (gross CV) = 1000000 kWh (gross CV)",
		"1000000 kWh (gross CV) × 0.1804325 kgCO2e/kWh (gross CV) = 180432.5 kgCO2e",
	]
	assert "AR5" in told["gwp_source"]


async def test_other_companies_see_nothing(
	api: Alice, client: httpx.AsyncClient, charlie: Person
) -> None:
	await api.approve(FACTOR)
	await api.record(1)
	run = await api.calculate()
	(line,) = await api.get(f"/calculations/{run['id']}/lines")
	for path in (
		f"/calculations/{run['id']}",
		f"/calculations/{run['id']}/lines",
		f"/calculations/{run['id']}/lines/{line['id']}/trace",
		f"/calculations/{run['id']}/comparison?other={run['id']}",
	):
		answer = await client.get(ESG + path, headers=charlie.headers)
		assert answer.status_code == 404, (path, answer.text)
