"""The UK Government's factors, from the file to a factor that calculations take: through the API."""

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.people import Person

from apg.capabilities.esg.factor_files import service as imports
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.shared.factor import Chosen, FactorWanted, NoFactor
from apg.capabilities.esg.shared.ghg import Expressed, co2e, gwp_sets
from apg.kernel.work import open_work

ESG = "/api/v1/esg"
ROWS = 6_801


def uk_file() -> bytes:
	from importlib.resources import files

	return files("apg.capabilities.esg").joinpath("data/uk_government_2020.csv").read_bytes()


async def upload(
	client: httpx.AsyncClient, person: Person, content: bytes, name: str = "uk.csv", **given: str
) -> httpx.Response:
	return await client.post(
		f"{ESG}/imports",
		headers=person.headers,
		files={"file": (name, content, "text/csv")},
		data=given,
	)


async def taken(client: httpx.AsyncClient, person: Person, content: bytes, **given: str) -> Any:
	made = await upload(client, person, content, **given)
	assert made.status_code == 201, made.text
	accepted = await client.post(
		f"{ESG}/imports/{made.json()['id']}/accept", headers=person.headers
	)
	assert accepted.status_code == 200, accepted.text
	return accepted.json()


async def approve(client: httpx.AsyncClient, person: Person, source_id: str) -> Any:
	answer = await client.post(
		f"{ESG}/factor-sources/{source_id}/approve", headers=person.headers, json={}
	)
	assert answer.status_code == 200, answer.text
	return answer.json()


async def choose(app: FastAPI, person: Person, *wanted: FactorWanted) -> list[Chosen | NoFactor]:
	async with open_work(
		app.state.runtime, person.principal, action="test", origin="task", read_only=True
	) as work:
		return await factors.choose(work, wanted)


async def test_from_the_file_to_a_factor(
	client: httpx.AsyncClient, app: FastAPI, alice: Person, charlie: Person
) -> None:
	made = await upload(client, alice, uk_file())
	assert made.status_code == 201, made.text
	told = made.json()
	assert told["state"] == "staged"
	assert told["kind"] == "uk_flat"
	assert told["report"]["basis"] == "co2e"
	assert told["report"]["gwp_set"] == "AR4"
	assert told["report"]["agree"] == told["report"]["asked"] == 1214
	assert told["counts"] == {
		"rows": ROWS,
		"factors": 2341,
		"quarantined": 42,
		"skipped": 592,
		"added": 2383,
		"changed": 0,
		"unchanged": 0,
		"removed": 0,
	}
	assert told["report"]["skipped"] == {"no_factor": 146, "energy_content": 446}
	# Nothing is there before it is accepted.
	listed = await client.get(f"{ESG}/factors", headers=alice.headers)
	assert [one for one in listed.json() if one["layer"] == "tenant"] == []
	rows = await client.get(
		f"{ESG}/imports/{told['id']}/rows?verdict=quarantined&limit=100", headers=alice.headers
	)
	by_row = {row["locator"]: row for row in rows.json()}
	assert len(by_row) == 42
	assert by_row["row 521"]["findings"][0]["reason"] == "“< 1” in row 521 is no number."
	assert by_row["row 424"]["findings"][0]["code"] == "calorific_basis"
	assert by_row["row 424"]["printed"] == {"kg CO2e": "0.01545"}
	assert by_row["row 2877"]["findings"][0]["values"] == {"unit": "tonne.km", "other": "miles"}
	assert by_row["row 6789"]["findings"][0]["code"] == "gas_unknown"

	done = await client.post(f"{ESG}/imports/{told['id']}/accept", headers=alice.headers)
	assert done.json()["state"] == "done"
	again = await client.post(f"{ESG}/imports/{told['id']}/accept", headers=alice.headers)
	assert again.json()["source_id"] == done.json()["source_id"]
	source_id = done.json()["source_id"]

	found = await client.get(f"{ESG}/factors?search=steel%20primary", headers=alice.headers)
	(steel,) = [one for one in found.json() if one["layer"] == "tenant"]
	assert steel["activity_code"] == "material_use.metal.steel_cans.primary_material_production"
	assert steel["state"] == "linted"
	assert steel["co2e"] == 3000.6364
	assert steel["unit"] == "t"
	assert steel["locator"] == "row 2161"
	assert steel["file_sha256"] == told["file_sha256"]

	wanted = FactorWanted(steel["activity_code"], "GB", date(2020, 6, 1), "kg")
	(refused,) = await choose(app, alice, wanted)
	assert refused == NoFactor(wanted, "not_approved")
	source = await approve(client, alice, source_id)
	assert source["state"] == "approved"
	assert source["decided_by"] == alice.user_id
	(chosen,) = await choose(app, alice, wanted)
	assert isinstance(chosen, Chosen)
	assert chosen.level == 0
	assert chosen.reason == "activity_exact region_exact date_valid layer_tenant"
	assert chosen.factor.co2e == Decimal("3000.6364")
	assert chosen.factor.version_id == steel["version_id"]
	assert chosen.factor.approval_id == source["approval_id"]
	# Another company sees none of it.
	theirs = (await client.get(f"{ESG}/factors", headers=charlie.headers)).json()
	assert [one for one in theirs if one["layer"] == "tenant"] == []
	(unknown,) = await choose(app, charlie, wanted)
	assert isinstance(unknown, NoFactor)
	# A published pack of another test may hold the same activity, which nobody has approved there.
	assert unknown.reason in ("unknown_activity", "not_approved")
	assert (
		await client.get(f"{ESG}/factors/{steel['id']}", headers=charlie.headers)
	).status_code == 404
	file = await client.get(f"/files/{told['file_sha256']}", headers=alice.headers)
	assert file.content == uk_file()
	assert (
		await client.get(f"/files/{told['file_sha256']}", headers=charlie.headers)
	).status_code == 404


# By hand from the printed file: row → (gas, printed kg CO2e), AR4 100 years: CH4 25, N2O 298.
async def test_gases_are_masses_and_can_be_expressed_anew(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	done = await taken(client, alice, uk_file())
	await approve(client, alice, done["source_id"])
	(gas, power) = await choose(
		app,
		alice,
		FactorWanted("fuels.gaseous_fuels.natural_gas", "GB", date(2020, 1, 1), "kWh (gross CV)"),
		FactorWanted("electricity.grid", "GB-SCT", date(2024, 5, 1), "MWh"),
	)
	assert isinstance(gas, Chosen)
	assert gas.factor.co2e == Decimal("0.18387")
	assert gas.factor.gases["CH4_fossil"] == Decimal("0.00025") / 25
	native = co2e(gas.factor, gwp_sets()["AR4"])
	assert isinstance(native, Expressed)
	assert native.total == Decimal("0.18387")
	assert native.by_gas["N2O"] == Decimal("0.0001")
	fifth = co2e(gas.factor, gwp_sets()["AR5"])
	assert isinstance(fifth, Expressed)
	# 0.18352 + 0.00001 · 30 + 0.0001 / 298 · 265
	assert round(fifth.total, 12) == Decimal("0.183908926174")
	assert isinstance(power, Chosen)
	assert power.factor.co2e == Decimal("0.23314")
	assert power.reason == "activity_exact region_parent date_earlier layer_tenant"
	assert power.level == 2


async def test_the_same_file_says_nothing_new(client: httpx.AsyncClient, alice: Person) -> None:
	await taken(client, alice, uk_file())
	again = await upload(client, alice, uk_file())
	counts = again.json()["counts"]
	assert (counts["added"], counts["changed"], counts["unchanged"]) == (0, 0, 2383)
	refused = await client.post(f"{ESG}/imports/{again.json()['id']}/accept", headers=alice.headers)
	assert refused.status_code == 409
	assert refused.json()["code"] == "NOTHING_NEW"


async def test_a_changed_file_is_a_difference_and_the_old_version_stays(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	first = await taken(client, alice, uk_file())
	await approve(client, alice, first["source_id"])
	wanted = FactorWanted(
		"material_use.metal.steel_cans.primary_material_production", "GB", date(2020, 6, 1), "t"
	)
	(before,) = await choose(app, alice, wanted)
	assert isinstance(before, Chosen)
	changed = uk_file().replace(b"tonnes,tonnes,kg CO2e,3000.6364", b"tonnes,tonnes,kg CO2e,2900.5")
	second = await upload(client, alice, changed)
	counts = second.json()["counts"]
	assert (counts["added"], counts["changed"], counts["unchanged"]) == (0, 1, 2382)
	rows = await client.get(
		f"{ESG}/imports/{second.json()['id']}/rows?verdict=changed", headers=alice.headers
	)
	(row,) = rows.json()
	assert (row["locator"], row["old_co2e"], row["new_co2e"]) == ("row 2161", "3000.6364", "2900.5")
	done = await client.post(f"{ESG}/imports/{second.json()['id']}/accept", headers=alice.headers)
	# Taken is not approved: the old figure is still the one that is used.
	(still,) = await choose(app, alice, wanted)
	assert isinstance(still, Chosen)
	assert still.factor == before.factor
	await approve(client, alice, done.json()["source_id"])
	(now,) = await choose(app, alice, wanted)
	assert isinstance(now, Chosen)
	assert now.factor.co2e == Decimal("2900.5")
	assert now.factor.factor_id == before.factor.factor_id
	versions = await client.get(
		f"{ESG}/factors/{now.factor.factor_id}/versions", headers=alice.headers
	)
	states = [(one["co2e"], one["state"]) for one in versions.json()]
	assert states == [(2900.5, "approved"), (3000.6364, "superseded")]
	assert versions.json()[0]["supersedes_id"] == before.factor.version_id
	async with open_work(
		app.state.runtime, alice.principal, action="test", origin="task", read_only=True
	) as work:
		held = await factors.factors_of(work, [before.factor.version_id])
	assert held[before.factor.version_id].co2e == Decimal("3000.6364")
	compared = await client.get(
		f"{ESG}/factors/{now.factor.factor_id}/compare",
		params={"old": before.factor.version_id, "new": now.factor.version_id},
		headers=alice.headers,
	)
	difference = next(one for one in compared.json() if one["field"] == "co2e")
	assert difference == {"field": "co2e", "old": 3000.6364, "new": 2900.5, "ratio": 0.966628279}


async def test_withdrawing_one_factor_leaves_the_others(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	done = await taken(client, alice, uk_file())
	await approve(client, alice, done["source_id"])
	found = await client.get(f"{ESG}/factors?search=steel%20primary", headers=alice.headers)
	(steel,) = [one for one in found.json() if one["layer"] == "tenant"]
	place = f"{ESG}/factors/{steel['id']}/versions/{steel['version_id']}"
	bare = await client.post(f"{place}/withdraw", headers=alice.headers, json={"reason": ""})
	assert bare.status_code == 422
	gone = await client.post(
		f"{place}/withdraw", headers=alice.headers, json={"reason": "Other alloy"}
	)
	assert gone.json()["state"] == "withdrawn"
	metal = FactorWanted("material_use.metal.steel_cans.closed_loop_source", "GB", date(2020, 1, 1))
	(lost, kept) = await choose(
		app, alice, FactorWanted(steel["activity_code"], "GB", date(2020, 1, 1)), metal
	)
	assert isinstance(lost, NoFactor)
	assert lost.reason == "not_approved"
	assert isinstance(kept, Chosen)
	back = await client.post(f"{place}/approve", headers=alice.headers, json={})
	assert back.json()["state"] == "approved"


async def test_a_quarantined_factor_cannot_be_approved(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	done = await taken(client, alice, uk_file())
	await approve(client, alice, done["source_id"])
	found = await client.get(
		f"{ESG}/factors?state=quarantined&activity=bioenergy.biomass.wood_logs",
		headers=alice.headers,
	)
	(logs,) = [one for one in found.json() if one["layer"] == "tenant"]
	assert logs["findings"][0]["code"] == "calorific_basis"
	refused = await client.post(
		f"{ESG}/factors/{logs['id']}/versions/{logs['version_id']}/approve",
		headers=alice.headers,
		json={},
	)
	assert refused.status_code == 409
	assert refused.json()["code"] == "FACTOR_QUARANTINED"
	(answer,) = await choose(
		app, alice, FactorWanted("bioenergy.biomass.wood_logs", "GB", date(2020, 1, 1), "kWh")
	)
	assert isinstance(answer, NoFactor)


@pytest.mark.parametrize("name", sorted(imports.SHIPPED))
async def test_what_ships_can_be_taken(app: FastAPI, alice: Person, name: str) -> None:
	async with open_work(app.state.runtime, alice.principal, action="test", origin="task") as work:
		held = await imports.create_shipped(work, name)
		await imports.accept(work, held.id)
		assert held.state == "done"
