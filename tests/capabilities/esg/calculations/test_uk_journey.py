"""A site with a year of gas and electricity under the UK factors, as a new company would do it."""

from decimal import Decimal
from importlib.resources import files
from typing import Any

import httpx
from tests.capabilities.esg.calculations.test_api import Alice, api

__all__ = ["api"]
UK = files("apg.capabilities.esg").joinpath("data/uk_government_2020.csv")


async def uk_factors(api: Alice, client: httpx.AsyncClient) -> None:
	answer = await client.post(
		"/api/v1/esg/imports",
		headers=api.person.headers,
		files={"file": ("uk-2020.csv", UK.read_bytes(), "text/csv")},
	)
	assert answer.status_code == 201, answer.text
	done = await api.post(f"/imports/{answer.json()['id']}/accept", None)
	await api.post(f"/factor-sources/{done['source_id']}/approve", {})


async def electricity_code(api: Alice) -> str:
	"""The code under which the publisher prints 0.23314 kg CO2e a kWh (UK electricity, 2020)."""
	rows = await api.get("/factors", search="electricity generated", limit=50)
	return next(row["activity_code"] for row in rows if row["co2e"] == 0.23314)


async def test_a_year_of_gas_and_electricity(api: Alice, client: httpx.AsyncClient) -> None:
	"""UK Government conversion factors for company reporting, 2020: natural gas 0.18387 kg CO2e a kWh
	(gross CV), electricity 0.23314 kg CO2e a kWh, both under AR4."""
	await uk_factors(api, client)
	grid = await electricity_code(api)
	gas = "fuels.gaseous_fuels.natural_gas"
	year = {"period_start": "2020-{m:02d}-01T00:00:00Z", "period_end": "{y}-{n:02d}-01T00:00:00Z"}
	rows: list[dict[str, Any]] = []
	for month in range(1, 13):
		following = {"m": month, "n": month % 12 + 1, "y": 2020 + month // 12}
		period = {name: text.format(**following) for name, text in year.items()}
		site = {"site_code": "LEEDS", **period}
		rows.append(site | {"activity_code": gas, "quantity": 1000 * month, "unit": "kWh gross"})
		rows.append(site | {"activity_code": grid, "quantity": 5000, "unit": "kWh"})
	batch = await api.post("/activities/batch", {"records": rows})
	await api.post("/activities/moves/approve", {"activity_ids": batch["activity_ids"]})
	published = await api.calculate(gwp_set="AR4")
	assert (published["line_count"], published["missing_count"]) == (24, 0)
	assert published["unapproved_count"] == 0
	assert Decimal(str(published["co2e"])) == 78_000 * Decimal("0.18387") + 60_000 * Decimal(
		"0.23314"
	)
	lines = await api.get(f"/calculations/{published['id']}/lines", activity_code=gas)
	largest = lines[0]["by_gas"]
	assert lines[0]["co2e"] == 2206.44
	assert lines[0]["gwp_set"] == "AR4"

	under_ar5 = await api.calculate(gwp_set="AR5")
	(line, *_others) = await api.get(f"/calculations/{under_ar5['id']}/lines", activity_code=gas)
	# The same masses: fossil methane weighs 30 instead of 25, nitrous oxide 265 instead of 298.
	assert line["gwp_set"] == "AR5"
	assert line["by_gas"]["CO2"] == largest["CO2"]
	assert abs(line["by_gas"]["CH4_fossil"] - largest["CH4_fossil"] * 30 / 25) < 1e-6
	assert abs(line["by_gas"]["N2O"] - largest["N2O"] * 265 / 298) < 1e-6
	told = await api.get(
		f"/calculations/{published['id']}/comparison", other=under_ar5["id"], limit=1
	)
	assert told["hit"] == 24
	assert told["lines"][0]["why"] == ["gwp_set"]

	trace = await api.get(f"/calculations/{under_ar5['id']}/lines/{line['id']}/trace")
	assert trace["factor"]["source"]
	assert trace["factor"]["locator"]
	assert len(trace["factor"]["file_sha256"]) == 64
	assert trace["factor"]["licence"]
	again = await api.post(f"/calculations/{under_ar5['id']}/rerun", {"mode": "same"})
	assert again["seal"] == under_ar5["seal"]
