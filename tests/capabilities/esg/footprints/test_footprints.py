"""Footprints through the API against sums done by hand."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from tests.capabilities.esg.footprints.conftest import CarbonShop
from tests.platform.cast import Cast

from apg.capabilities.esg.footprints import service
from apg.capabilities.esg.footprints.tasks import record_footprint
from apg.contracts.esg import ItemCarbon, NoCarbon
from apg.contracts.plm import ProductUpdated, StructureChanged
from apg.kernel.events import Event, Position, Recorded
from apg.kernel.stamps import new_id, utc_now

D = Decimal


async def a_bicycle(shop: CarbonShop) -> None:
	"""2 wheels of 32 spokes (6 g steel) and a rim (0.45 kg aluminium); a frame (1.8 kg aluminium)."""
	await shop.factor("metal.steel", 2, low="0.9", high="1.1")
	await shop.factor("metal.aluminium", 9, low="0.8", high="1.3")
	await shop.material("Steel", "metal.steel", "Spring steel")
	await shop.material("Aluminium", "metal.aluminium")
	await shop.product("spoke", kind="purchased", mass=6, material="spring  STEEL")
	await shop.product("rim", kind="purchased", mass="0.45", mass_unit="kg", material="Aluminium")
	await shop.product("frame", kind="purchased", mass="1.8", mass_unit="kg", material="aluminium")
	await shop.lines({"wheel": {"spoke": 32, "rim": 1}, "bike": {"wheel": 2, "frame": 1}})


async def test_a_bicycle_by_hand(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	made = await shop.footprint("bike", day="2026-03-02")
	steel, rims, frame = 64 * D("0.006") * 2, 2 * D("0.45") * 9, D("1.8") * 9
	total = steel + rims + frame
	assert total == D("25.068")
	assert made["total"] == made["least"] == made["most"] == total
	assert made["coverage"] == made["mass_coverage"] == 1
	assert made["is_complete"] is True
	assert made["gaps"] == []
	assert made["stages"] == {"materials": {"CO2e_mixed": total}}
	assert (made["declared_unit"], made["gwp_set"], made["primary_share"]) == ("each", "AR5", 0)
	lines = await shop.lines_of(made)
	assert [
		(one["product_number"], one["quantity"], one["each"], one["co2e"]) for one in lines
	] == [
		("N-frame", 1, D("16.2"), D("16.2")),
		("N-rim", 2, D("4.05"), D("8.1")),
		("N-spoke", 64, D("0.012"), D("0.768")),
	]
	assert sum(one["share"] for one in lines) == 1
	# Lines on one factor move together, factors in squares (IPCC 2006, volume 1, equation 3.2).
	down = (steel * D("0.1")) ** 2 + ((rims + frame) * D("0.2")) ** 2
	assert abs(made["low"] - (total - down.sqrt())) < D("1e-11")
	assert made["uncertainty_share"] == 1


async def test_the_product_page_shows_the_same(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	found = (await shop.get("bike", "/rollup")).data["co2e"]
	assert (found["unit_total"], found["complete"], found["coverage"]) == (D("25.068"), True, 1)
	assert found["estimated"] is False
	rows = (await shop.get("bike", "/structure", depth=9, rollup="true")).data["lines"]
	wheel = next(row for row in rows if row["product_number"] == "N-wheel")
	assert (wheel["own_co2e"], wheel["rolled_co2e"]) == (None, 32 * D("0.012") + D("4.05"))
	assert wheel["total_co2e"] == 2 * wheel["rolled_co2e"]
	assert wheel["co2e_complete"] is True


async def test_gaps_are_named_and_never_zero(shop: CarbonShop) -> None:
	await shop.factor("metal.steel", 2)
	await shop.factor("plastic.abs", 4, approve=False)
	await shop.material("Steel", "metal.steel")
	await shop.material("ABS", "plastic.abs")
	await shop.product("bolt", kind="purchased", mass=50, material="Steel")
	await shop.product("cover", kind="purchased", mass=100, material="ABS")
	await shop.product("label", kind="purchased", mass=1, material="Papyrus")
	await shop.product("magic", kind="purchased", mass=1)
	await shop.product("ghost", kind="purchased", material="Steel")
	await shop.lines({"box": {"bolt": 4, "cover": 1, "label": 1, "magic": 2, "ghost": 1}})
	await shop.product("grease", kind="purchased", mass=1, material="Steel")
	await shop.line("box", "grease", None, quantity_kind="as_required")
	made = await shop.footprint("box")
	assert made["total"] == 4 * D("0.05") * 2
	assert made["is_complete"] is False
	assert {(one["product_number"], one["reason"], one["subject"]) for one in made["gaps"]} == {
		("N-cover", "not_approved", "ABS"),
		("N-label", "material_unknown", "Papyrus"),
		("N-magic", "no_material", ""),
		("N-ghost", "no_mass", ""),
		("N-grease", "as_required", ""),
	}
	# Places: bolt counts once per line, as do the others; one of six is known.
	assert made["coverage"] == D("0.166666667")
	# Known masses: 200 g with a figure of 200 + 100 + 1 + 2 g.
	assert made["mass_coverage"] == D("0.660066007")
	rolled = (await shop.get("box", "/rollup")).data["co2e"]
	assert rolled["unit_total"] == made["total"]
	assert rolled["missing_count"] == made["missing_count"] == 5
	said = {one["product_number"]: one for one in rolled["missing"]}
	assert said["N-label"]["message"] == "Nobody said which activity stands for Papyrus; say it."
	assert said["N-label"]["remedy"] == "/esg/materials/new?name=Papyrus"
	alone = (await shop.get("magic", "/rollup")).data["co2e"]
	assert (alone["unit_total"], alone["total"]) == (None, None)


async def test_a_supplier_s_figure_ends_the_descent(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	said = {
		"product_number": "N-wheel",
		"supplier": "Rollers",
		"carbon": 7,
		"amount": 2,
		"unit": "each",
		"gwp_set": "AR5",
		"valid_from": "2026-01-01",
		"valid_to": "2026-12-31",
		"primary_share": "0.5",
		"verification": "third_party",
	}
	statement = await shop.esg("POST", "/supplier-footprints", said)
	made = await shop.footprint("bike", day="2026-06-01")
	assert made["total"] == 2 * D("3.5") + D("16.2")
	lines = await shop.lines_of(made)
	assert [(one["product_number"], one["source"]) for one in lines] == [
		("N-frame", "material"),
		("N-wheel", "supplier"),
	]
	assert lines[1]["supplier_footprint_id"] == statement["id"]
	assert made["primary_share"] == (7 * D("0.5") / D("23.2")).quantize(D("0.000001"))
	before = await shop.footprint("bike", day="2025-06-01")  # not yet in force
	assert before["total"] == D("25.068")
	await shop.esg("DELETE", f"/supplier-footprints/{statement['id']}")
	assert (await shop.footprint("bike", day="2026-06-01"))["total"] == D("25.068")
	stands = await shop.esg("GET", f"/footprints/{made['id']}")
	assert stands["total"] == D("23.2")
	assert (await shop.esg("GET", f"/footprints/{made['id']}/verification"))["intact"] is True


async def test_a_statement_per_kilogram_counts_by_the_mass(shop: CarbonShop) -> None:
	await shop.product("sheet", kind="purchased", mass=250)
	said = {
		"product_id": shop.ids["sheet"],
		"supplier": "Mill",
		"carbon": "1.9",
		"unit": "kg",
		"gwp_set": "AR6",
		"valid_from": "2020-01-01",
	}
	await shop.esg("POST", "/supplier-footprints", said)
	made = await shop.footprint("sheet")
	assert made["total"] == D("0.475")
	assert made["has_as_published"] is True  # stated under another set of potentials
	refused = await shop.refused("POST", "/supplier-footprints", said | {"unit": "kWh"})
	assert refused.status == 422


async def test_records_of_a_product_count_by_stage(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	await shop.factor("energy.grid", "0.4", unit="kWh")
	product = (await shop.get("wheel")).data
	record = {
		"kind": "product",
		"product_id": product["product_id"],
		"revision_id": product["revision_id"],
		"activity_code": "energy.grid",
		"quantity": "1.5",
		"unit": "kWh",
		"period_start": "2026-01-01T00:00:00Z",
		"period_end": "2027-01-01T00:00:00Z",
		"stage": "processes",
		"quality": "estimated",
		"estimate_method": "data sheet of the machine",
		"is_primary": True,
	}
	await shop.esg("POST", "/activities", record)
	made = await shop.footprint("bike")
	assert made["total"] == D("25.068") + 2 * D("1.5") * D("0.4")
	assert made["stages"]["processes"] == {"CO2e_mixed": D("1.2")}
	assert made["is_estimated"] is True
	assert made["primary_share"] == (D("1.2") / D("26.268")).quantize(D("0.000001"))
	# What a part is made of, said by a record, takes the place of its mass and material.
	rim = (await shop.get("rim")).data
	own = record | {
		"product_id": rim["product_id"],
		"revision_id": rim["revision_id"],
		"activity_code": "metal.steel",
		"quantity": "0.5",
		"unit": "kg",
		"stage": "materials",
	}
	await shop.esg("POST", "/activities", own)
	again = await shop.footprint("bike")
	assert again["total"] == made["total"] - 2 * D("4.05") + 2 * D("0.5") * 2
	page = (await shop.get("bike", "/rollup")).data["co2e"]
	assert (page["unit_total"], page["estimated"]) == (again["total"], True)


async def test_what_may_stand_in_gives_least_and_most(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	await shop.factor("plant.bamboo", 1)
	await shop.material("Bamboo", "plant.bamboo")
	await shop.product("bamboo", kind="purchased", mass=2, mass_unit="kg", material="Bamboo")
	await shop.product("titanium", kind="purchased", mass=1, mass_unit="kg")
	await shop.product("heavy", kind="purchased", mass=7, mass_unit="g", material="Steel")
	line = await shop.line("bike", "frame", 1, substitutes=[{"product_id": shop.ids["bamboo"]}])
	assert line.status == 201
	await shop.line(
		"wheel",
		"spoke",
		4,
		substitutes=[
			{"product_id": shop.ids["heavy"], "quantity_ratio": 2},
			{"product_id": shop.ids["titanium"]},
		],
	)
	made = await shop.footprint("bike")
	point = D("25.068") + D("16.2") + 2 * 4 * D("0.012")
	assert made["total"] == point
	assert made["least"] == point - D("16.2") + 2
	assert made["most"] == point + 2 * 4 * (2 * D("0.014") - D("0.012"))
	assert made["choice_count"] == 3
	assert made["choices_without_figures"] == 1  # nobody knows what titanium stands for


async def test_alternates_of_a_part_stand_in_wherever_it_is_used(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	await shop.factor("plant.bamboo", 1)
	await shop.material("Bamboo", "plant.bamboo")
	await shop.product("bamboo", kind="purchased", mass="0.5", mass_unit="kg", material="Bamboo")
	one_way = {"product_id": shop.ids["bamboo"], "evidence": "same bed diameter"}
	answer = await shop.call("POST", shop.path("rim", "/alternates"), one_way)
	assert answer.status == 201, answer.response.text
	made = await shop.footprint("bike")
	assert (made["total"], made["choice_count"]) == (D("25.068"), 1)
	assert made["least"] == D("25.068") - 2 * D("4.05") + 2 * D("0.5")
	assert made["most"] == made["total"]
	await shop.lines({"tandem": {"bamboo": 4}})
	assert (await shop.footprint("tandem"))["choice_count"] == 0  # one way only


async def test_it_stands_when_the_factor_changes_and_says_what_differs(shop: CarbonShop) -> None:
	await shop.factor("metal.aluminium", 9)
	steel = await shop.factor("metal.steel", 2)
	await shop.material("Steel", "metal.steel")
	await shop.material("Aluminium", "metal.aluminium")
	await shop.product("spoke", kind="purchased", mass=6, material="Steel")
	await shop.product("rim", kind="purchased", mass=450, material="Aluminium")
	await shop.lines({"wheel": {"spoke": 32, "rim": 1}})
	made = await shop.footprint("wheel", day="2026-03-02")
	same = await shop.esg("GET", f"/footprints/{made['id']}/comparison?on=2026-03-02")
	assert (same["identical"], same["changes"], same["delta"]) == (True, [], 0)
	version = await shop.esg(
		"POST",
		f"/factors/{steel['id']}/versions",
		{
			"citation": "corrected declaration",
			"valid_from": "2020-01-01",
			"co2e": "2.5",
			"native_gwp_set": "AR5",
		},
	)
	await shop.esg(
		"POST",
		f"/factors/{steel['id']}/versions/{version['id']}/approve",
		{"reason": "corrected"},
	)
	found = await shop.esg("GET", f"/footprints/{made['id']}/comparison?on=2026-03-02")
	assert (found["old_total"], found["new_total"]) == (made["total"], D("4.05") + D("0.48"))
	assert found["delta"] == 32 * D("0.006") * D("0.5")
	assert [(one["product_number"], one["reasons"]) for one in found["changes"]] == [
		("N-spoke", ["factor"])
	]
	assert found["changes"][0]["old_factor_version_id"] == steel["version_id"]
	assert found["structure_changed"] is False
	held = await shop.esg("GET", f"/footprints/{made['id']}")
	assert held == made
	again = await shop.esg("GET", f"/footprints/{made['id']}/verification")
	assert (again["intact"], again["problems"], again["seal_now"]) == (True, [], made["seal"])


async def test_it_is_made_again_when_the_product_is_another_one(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	made = await shop.footprint("bike", day="2026-03-02")
	await shop.call("PATCH", shop.path("spoke"), {"mass": 9})
	await shop.line("wheel", "frame", 3)
	now = await shop.esg("GET", f"/footprints/{made['id']}/comparison")
	assert now["structure_changed"] is True
	assert {(one["product_number"], *one["reasons"]) for one in now["changes"]} == {
		("N-spoke", "amount"),
		("N-frame", "quantity"),
	}
	assert now["new_total"] == D("25.068") + 64 * D("0.003") * 2 + 6 * D("16.2")
	again = await shop.esg("GET", f"/footprints/{made['id']}/verification")
	assert (again["intact"], again["total_now"]) == (True, made["total"])
	newer = await shop.footprint("bike", day="2026-03-02")
	assert newer["total"] == now["new_total"]
	assert newer["seal"] != made["seal"]
	# The record of the old mass was corrected, not lost: the first footprint still stands on it.
	assert (await shop.esg("GET", f"/footprints/{made['id']}/verification"))["intact"] is True


async def test_the_same_again_gives_the_same_seal(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	first = await shop.footprint("bike", day="2026-03-02")
	second = await shop.footprint("bike", day="2026-03-02")
	assert first["id"] != second["id"]
	assert first["seal"] == second["seal"]
	assert await shop.lines_of(first) == await shop.lines_of(second)


async def test_nobody_else_sees_or_uses_it(shop: CarbonShop, other: CarbonShop) -> None:
	await a_bicycle(shop)
	made = await shop.footprint("bike")
	for path in ("", "/lines", "/comparison", "/verification"):
		answer = await other.refused("GET", f"/footprints/{made['id']}{path}")
		assert answer.status == 404
	assert await other.esg("GET", "/footprints") == []
	refused = await other.refused("POST", "/footprints", {"product_id": shop.ids["bike"]})
	assert refused.status == 404
	assert await other.esg("GET", "/materials") == []


async def test_a_change_marks_it_and_changes_nothing_else(shop: CarbonShop, cast: Cast) -> None:
	await a_bicycle(shop)
	await shop.product("lamp", kind="purchased", mass=1, material="Steel")
	made = await shop.footprint("bike")
	revision = (await shop.get("spoke")).data["revision_id"]
	moment = utc_now()

	async def tell(event: Event, at: datetime) -> None:
		body = event.body()
		told = Recorded(Position(1, 1, 1), cast.alice.tenant_id, None, "", at)
		async with cast.work() as work:
			await service.mark_outdated(work, type(event).read(body, told))  # pyright: ignore

	ids = {"product_id": shop.ids["spoke"], "revision_id": revision}
	# Renamed; another product; before the footprint was computed: none of these touches it.
	await tell(ProductUpdated(**ids, fields=["product_name"]), moment)
	lamp = (await shop.get("lamp")).data
	other = {"product_id": lamp["product_id"], "revision_id": lamp["revision_id"]}
	await tell(ProductUpdated(**other, fields=["mass"]), moment)
	await tell(ProductUpdated(**ids, fields=["mass"]), moment - timedelta(hours=1))
	assert await shop.esg("GET", f"/footprints/{made['id']}") == made
	await tell(ProductUpdated(**ids, fields=["mass"]), moment)
	marked = await shop.esg("GET", f"/footprints/{made['id']}")
	assert marked["outdated_reason"] == "product_changed"
	assert marked | {"outdated_at": None, "outdated_reason": None} == made
	await tell(StructureChanged(**ids, lines=1), moment)  # once is enough
	again = await shop.esg("GET", f"/footprints/{made['id']}")
	assert again == marked
	assert [one["id"] for one in await shop.esg("GET", "/footprints?outdated=true")] == [made["id"]]
	assert await shop.esg("GET", "/footprints?outdated=false") == []
	assert (await shop.esg("GET", f"/footprints/{made['id']}/verification"))["intact"] is True


async def test_the_database_lets_nobody_change_a_footprint(
	shop: CarbonShop, cast: Cast, admin_url: str
) -> None:
	await a_bicycle(shop)
	made = await shop.footprint("bike")
	with psycopg.connect(admin_url, autocommit=True) as owner:
		for statement in (
			"update esg_footprints set total = 1 where id = %s",
			"delete from esg_footprint_lines where footprint_id = %s",
			"delete from esg_footprints where id = %s",
		):
			with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
				owner.execute(statement, (made["id"],))
	assert await shop.esg("GET", f"/footprints/{made['id']}") == made


async def test_what_was_tampered_with_is_named(shop: CarbonShop, admin_url: str) -> None:
	await a_bicycle(shop)
	made = await shop.footprint("bike")
	with psycopg.connect(admin_url, autocommit=True) as owner:
		owner.execute("set session_replication_role = replica")  # past every trigger
		owner.execute(
			"update esg_footprint_lines set quantity = 65, co2e = 65 * 0.012 "
			"where footprint_id = %s and product_number = 'N-spoke'",
			(made["id"],),
		)
		owner.execute(
			"update esg_footprints set total = 25.08, least = 25.08, most = 25.08 where id = %s",
			(made["id"],),
		)
	found = await shop.esg("GET", f"/footprints/{made['id']}/verification")
	assert found["intact"] is False
	assert found["total_now"] == D("25.068")
	assert found["problems"] == [
		"Line 3: its figures were changed.",
		"The total is 25.068, recorded was 25.08.",
		"The seal is another one.",
	]


async def test_a_thousand_revisions_cost_five_queries(shop: CarbonShop, cast: Cast) -> None:
	await a_bicycle(shop)
	await shop.factor("plastic.abs", 4, approve=False)
	await shop.material("ABS", "plastic.abs")
	await shop.product("cover", kind="purchased", mass=100, material="ABS")
	revisions = [(await shop.get(name)).data["revision_id"] for name in shop.ids]
	wanted = revisions + [new_id() for _ in range(1_000 - len(revisions))]
	async with cast.work() as work:
		await work.scalar(text("select 1"))
		engine = work.runtime.engine.sync_engine
		statements: list[str] = []

		def noted(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
			statements.append(statement)

		event.listen(engine, "before_cursor_execute", noted)
		try:
			found = await work.port(ItemCarbon).own(work, wanted)
		finally:
			event.remove(engine, "before_cursor_execute", noted)
	assert len(statements) <= 5, statements
	assert len(found) == len(revisions)
	said = {one.reason for one in found.values() if isinstance(one, NoCarbon)}
	assert said == {"not_approved", "no_material"}


async def test_a_large_structure_is_left_to_a_worker(
	shop: CarbonShop, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
	await a_bicycle(shop)
	monkeypatch.setattr(service, "AT_ONCE", 2)
	body = {"product_id": shop.ids["bike"], "day": "2026-03-02"}
	answer = await shop.call("POST", "/api/v1/esg/footprints", body)
	assert answer.status == 202, answer.response.text
	place = answer.response.headers["location"]
	footprint_id = answer.json["id"]
	assert place.endswith(footprint_id)
	waiting = await shop.call("GET", place)
	assert (waiting.status, waiting.json["state"]) == (202, "waiting")
	assert await shop.esg("GET", "/footprints") == []
	page = await shop.api.get(
		f"/esg/footprints/{footprint_id}",
		headers={"Authorization": "Bearer alice", "Accept": "text/html"},
	)
	assert page.status_code == 200
	assert "A worker computes the footprint" in page.text
	asked = {
		"footprint_id": footprint_id,
		"revision_id": (await shop.get("bike")).data["revision_id"],
		"view": "engineering",
		"day": "2026-03-02",
		"gwp_set": "",
	}
	told: list[tuple[int, int | None]] = []

	class Running:
		"""What the worker gives a task, without its queue."""

		def open(self) -> Any:
			return cast.work()

		async def report(self, work: Any, done: int, total: int | None = None) -> None:
			told.append((done, total))

	for _time in range(2):  # run again after a kill, it finds the footprint and ends
		await record_footprint.function(Running(), **asked)
	assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
	made = await shop.esg("GET", f"/footprints/{footprint_id}")
	assert made["total"] == D("25.068")
	assert len(await shop.esg("GET", "/footprints")) == 1


async def test_order_of_lines_and_doubled_parts_change_no_sum(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	first = await shop.footprint("bike", day="2026-03-02")
	# The same bicycle with its lines the other way round, and the wheels on two lines.
	await shop.lines({"twin": {"frame": 1, "wheel": 1}})
	assert (await shop.line("twin", "wheel", 1)).status == 201
	second = await shop.footprint("twin", day="2026-03-02")
	for name in ("total", "stages", "low", "high", "coverage", "primary_share", "mass_coverage"):
		assert second[name] == first[name], name
	ours, theirs = await shop.lines_of(first), await shop.lines_of(second)
	assert [(one["product_id"], one["quantity"], one["seal"]) for one in ours] == [
		(one["product_id"], one["quantity"], one["seal"]) for one in theirs
	]
	assert first["seal"] != second["seal"]


async def test_materials_answer_to_every_spelling_once(shop: CarbonShop) -> None:
	await shop.material("Steel", "metal.steel", "Stahl")
	taken = await shop.refused(
		"POST", "/materials", {"name": "stahl ", "activity_code": "metal.other"}
	)
	assert (taken.status, taken.json["code"]) == (409, "MATERIAL_NAME_TAKEN")
	twice = await shop.refused(
		"POST",
		"/materials",
		{"name": "Zinc", "activity_code": "metal.zinc", "aliases": ["Zink", "ZINK"]},
	)
	assert twice.status == 422
	assert [one["name"] for one in await shop.esg("GET", "/materials")] == ["Steel"]
	held = (await shop.esg("GET", "/materials"))[0]
	changed = await shop.esg("PATCH", f"/materials/{held['id']}", {"aliases": ["Acier"]})
	assert changed["aliases"] == ["Acier"]
	assert [one["name"] for one in await shop.esg("GET", "/materials?search=acier")] == ["Steel"]
	assert await shop.esg("GET", "/materials?search=stahl") == []
	await shop.material("Stahl", "metal.steel")  # the name is free again
