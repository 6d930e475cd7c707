"""Factors of one's own, decisions about them, and what the database itself keeps."""

from datetime import date
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.people import Person, make_person

from apg.capabilities.esg.factor_files.files import Given
from apg.capabilities.esg.factor_files.packs import load_pack
from apg.capabilities.esg.factors import service
from apg.capabilities.esg.shared.factor import Chosen, FactorWanted, NoFactor
from apg.kernel.migrating import admin_engine
from apg.kernel.stamps import new_id
from apg.kernel.work import open_work

ESG = "/api/v1/esg"
COIL: dict[str, Any] = {
	"activity_code": "material.steel.coil",
	"name": "Hot rolled coil",
	"region": "DE",
	"stage": "cradle_to_gate",
	"unit": "kg",
	"citation": "Declaration EPD-2024-017, page 6",
	"valid_from": "2024-01-01",
	"gases": {"CO2": "2.11", "CH4_fossil": "0.0052"},
	"native_gwp_set": "AR5",
	"low": "0.9",
	"high": "1.15",
}


async def create(client: httpx.AsyncClient, who: Person, **more: Any) -> dict[str, Any]:
	made = await client.post(f"{ESG}/factors", headers=who.headers, json=COIL | more)
	assert made.status_code == 201, made.text
	return made.json()


async def decide(
	client: httpx.AsyncClient, who: Person, one: dict[str, Any], what: str, **body: str
) -> httpx.Response:
	place = f"{ESG}/factors/{one['id']}/versions/{one['version_id']}/{what}"
	return await client.post(place, headers=who.headers, json=body)


async def choose(app: FastAPI, who: Person, *wanted: FactorWanted) -> list[Chosen | NoFactor]:
	async with open_work(
		app.state.runtime, who.principal, action="test", origin="task", read_only=True
	) as work:
		return await service.choose(work, wanted)


WANTED = FactorWanted("material.steel.coil", "DE", date(2025, 3, 1), "t")


async def test_an_own_factor_is_used_once_somebody_approved_it(
	client: httpx.AsyncClient, app: FastAPI, alice: Person, charlie: Person
) -> None:
	coil = await create(client, alice)
	assert coil["state"] == "linted"
	assert coil["gases"] == {"CH4_fossil": 0.0052, "CO2": 2.11}
	assert coil["co2e"] is None
	assert await choose(app, alice, WANTED) == [NoFactor(WANTED, "not_approved")]
	approved = await decide(client, alice, coil, "approve", reason="Checked with the mill")
	assert approved.json()["state"] == "approved"
	(found,) = await choose(app, alice, WANTED)
	assert isinstance(found, Chosen)
	assert found.factor.approval_id == approved.json()["approval_id"]
	assert await choose(app, charlie, WANTED) == [NoFactor(WANTED, "unknown_activity")]
	assert (await decide(client, charlie, coil, "approve")).status_code == 404
	gone = await decide(client, alice, coil, "withdraw", reason="The mill closed")
	assert gone.json()["state"] == "withdrawn"
	assert await choose(app, alice, WANTED) == [NoFactor(WANTED, "not_approved")]


async def test_a_contributor_enters_but_does_not_approve(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	clerk = await make_person(app.state.runtime, alice.tenant_id, "clerk", ("esg_contributor",))
	coil = await create(client, clerk)
	assert (await decide(client, clerk, coil, "approve")).status_code == 403


@pytest.mark.parametrize(
	("more", "field", "words"),
	[
		({"unit": "kWh", "activity_code": "fuels.wood"}, "unit", "gross or net"),
		({"unit": "ton"}, "unit", "more than one meaning"),
		({"unit": ""}, "unit", "is not known"),
		({"region": "Narnia"}, "region", "ISO 3166"),
		({"gases": {}}, "co2e", "blank is not zero"),
		({"co2e": "9"}, "gases", "the total is 9"),
		({"gases": {"Unobtainium": "1"}}, "gases", "is no species"),
		({"gases": {"CO2": "-1"}}, "co2e", "below zero"),
		({"low": "1.2"}, "low", "do not hold the figure"),
		({"valid_to": "2023-01-01"}, "valid_to", "before the beginning"),
		({"native_gwp_set": "AR9"}, "native_gwp_set", "Choose one of"),
		({"citation": ""}, "citation", ""),
		({"activity_code": "Steel & co"}, "activity_code", ""),
		({"co2e": "1e400"}, "co2e", "Give a number"),
		({"tenant": "other"}, "tenant", ""),
	],
)
async def test_what_is_wrong_is_named_and_nothing_is_recorded(
	client: httpx.AsyncClient, alice: Person, more: dict[str, Any], field: str, words: str
) -> None:
	answer = await client.post(f"{ESG}/factors", headers=alice.headers, json=COIL | more)
	assert answer.status_code == 422, answer.text
	assert field in answer.text
	assert words in answer.text
	listed = await client.get(f"{ESG}/factors?layer=tenant", headers=alice.headers)
	assert listed.json() == []


async def test_a_factor_twice_and_a_version_without_news_are_refused(
	client: httpx.AsyncClient, alice: Person
) -> None:
	coil = await create(client, alice)
	twice = await client.post(f"{ESG}/factors", headers=alice.headers, json=COIL)
	assert (twice.status_code, twice.json()["code"]) == (409, "FACTOR_EXISTS")
	figures = {
		name: COIL[name]
		for name in ("citation", "valid_from", "gases", "native_gwp_set", "low", "high")
	}
	place = f"{ESG}/factors/{coil['id']}/versions"
	same = await client.post(place, headers=alice.headers, json=figures)
	assert (same.status_code, same.json()["code"]) == (409, "NOTHING_NEW")
	newer = await client.post(
		place, headers=alice.headers, json=figures | {"gases": {"CO2": "2.2"}}
	)
	assert newer.status_code == 201, newer.text
	assert newer.json()["supersedes_id"] == coil["version_id"]


async def seed(client: httpx.AsyncClient, alice: Person) -> dict[str, Any]:
	coil = await create(client, alice)
	await decide(client, alice, coil, "approve")
	return coil


# Every statement runs as the web role, bound to Alice's company.
FORBIDDEN = [
	"update esg_factor_versions set co2e = 0 where id = :version",
	"update esg_factor_versions set gases = '{}' where id = :version",
	"update esg_factor_versions set state = 'staged' where id = :version",
	"update esg_factor_versions set locator = 'row 1', state = 'withdrawn' where id = :version",
	"delete from esg_factor_versions where id = :version",
	"update esg_factors set unit = 't' where id = :factor",
	"delete from esg_factors where id = :factor",
	"update esg_factor_sources set licence = 'none' where id = :source",
	"delete from esg_factor_sources where id = :source",
	"update esg_factor_decisions set verdict = 'withdrawn' where version_id = :version",
	"update esg_factor_decisions set decided_by = null where version_id = :version",
	"delete from esg_factor_decisions where version_id = :version",
	"truncate esg_factor_versions cascade",
	"insert into esg_factor_packs select * from esg_factor_packs",
	"update esg_pack_versions set co2e = 0",
	"delete from esg_pack_factors",
	"alter table esg_factor_versions disable trigger keep",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_database_keeps_what_was_recorded(
	client: httpx.AsyncClient, app: FastAPI, alice: Person, statement: str
) -> None:
	coil = await seed(client, alice)
	ids = {"version": coil["version_id"], "factor": coil["id"], "source": coil["source_id"]}
	used = {name: value for name, value in ids.items() if f":{name}" in statement}
	with pytest.raises(DBAPIError):
		async with open_work(
			app.state.runtime, alice.principal, action="test", origin="task"
		) as work:
			await work.execute(text(statement), used)
	after = await client.get(f"{ESG}/factors/{coil['id']}", headers=alice.headers)
	assert after.json()["state"] == "approved"
	assert after.json()["sha256"] == coil["sha256"]


async def test_even_the_owner_of_the_tables_changes_no_version(
	client: httpx.AsyncClient, alice: Person, admin_url: str
) -> None:
	coil = await seed(client, alice)
	engine = admin_engine(admin_url)
	try:
		for statement in (
			"update esg_factor_versions set co2e = 0 where id = :id",
			"delete from esg_factor_versions where id = :id",
		):
			with pytest.raises(DBAPIError, match="kept as they are"), engine.begin() as connection:
				connection.execute(text(statement), {"id": coil["version_id"]})
	finally:
		engine.dispose()


PACK = (
	"activity_code,name,region,unit,valid_from,valid_to,co2e,fuel\n"
	"{code}.heat,District heat,DE,kWh,2020,2020,{value},\n"
	"{code}.wood,Wood,DE,kWh,2020,2020,0.01,yes\n"
)


def pack(admin_url: str, code: str, value: str = "0.25", **more: Any) -> dict[str, Any]:
	content = PACK.format(code=code, value=value).encode()
	given = Given(publisher=code, title="Pack", gwp_set="AR5", licence="CC0")
	return load_pack(admin_url, content, "pack.csv", given, **more)


async def test_a_pack_is_read_by_all_and_used_by_who_approved_it(
	client: httpx.AsyncClient, app: FastAPI, alice: Person, charlie: Person, admin_url: str
) -> None:
	code = f"pack_{new_id()[-12:]}"
	dry = pack(admin_url, code, dry_run=True)
	assert (dry["accepted"], dry["pack_id"]) == (False, None)
	loaded = pack(admin_url, code)
	assert loaded["accepted"]
	assert loaded["counts"]["added"] == 2
	assert loaded["findings"][0]["row"] == "row 3"
	assert "wood" not in loaded["findings"][0]["reason"]
	again = pack(admin_url, code)
	assert (again["accepted"], again["pack_id"]) == (False, loaded["pack_id"])
	wanted = FactorWanted(f"{code}.heat", "DE-BY", date(2020, 5, 1), "MWh")
	for who in (alice, charlie):
		(seen,) = (
			await client.get(f"{ESG}/factors?search={code}&state=linted", headers=who.headers)
		).json()
		assert (seen["layer"], seen["co2e"]) == ("platform", 0.25)
		assert await choose(app, who, wanted) == [NoFactor(wanted, "not_approved")]
	approved = await client.post(
		f"{ESG}/factor-sources/{loaded['pack_id']}/approve", headers=alice.headers, json={}
	)
	assert approved.json()["state"] == "approved"
	(found,) = await choose(app, alice, wanted)
	assert isinstance(found, Chosen)
	assert found.reason == "activity_exact region_parent date_valid layer_platform"
	assert await choose(app, charlie, wanted) == [NoFactor(wanted, "not_approved")]
	# A corrected file is a newer pack; the approval of the old one stands until the new one is.
	newer = pack(admin_url, code, "0.26")
	assert newer["counts"]["changed"] == 1
	(still,) = await choose(app, alice, wanted)
	assert isinstance(still, Chosen)
	assert still.factor == found.factor
	await client.post(
		f"{ESG}/factor-sources/{newer['pack_id']}/approve", headers=alice.headers, json={}
	)
	(now,) = await choose(app, alice, wanted)
	assert isinstance(now, Chosen)
	assert str(now.factor.co2e) == "0.26"
	async with open_work(
		app.state.runtime, charlie.principal, action="test", origin="task", read_only=True
	) as work:
		held = await service.factors_of(work, [found.factor.version_id, "no-id", new_id()])
	assert list(held) == [found.factor.version_id]
	assert held[found.factor.version_id].approval_id is None


async def test_events_say_who_may_calculate_with_what(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	coil = await seed(client, alice)
	async with open_work(
		app.state.runtime, alice.principal, action="test", origin="task", read_only=True
	) as work:
		decided = await service.decisions(work, coil["source_id"])
	assert [(one.verdict, one.version_id, one.decided_by) for one in decided] == [
		("approved", coil["version_id"], alice.user_id)
	]


async def test_sets_of_potentials_are_readable(client: httpx.AsyncClient, alice: Person) -> None:
	found = {
		one["code"]: one
		for one in (await client.get(f"{ESG}/gwp-sets", headers=alice.headers)).json()
	}
	assert found["AR5"]["values"]["CH4_fossil"] == 30
	assert found["AR6"]["values"]["CH4"] == 27.9
	assert found["AR6_GTP100"]["metric"] == "GTP"
