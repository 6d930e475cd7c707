"""Alternates everywhere, substitutes on a line: no ring, not itself, in no race."""

import asyncio
from typing import Any

from tests.capabilities.plm.workshop import Answer, Workshop
from tests.platform.cast import by


async def alternate(shop: Workshop, name: str, other: str, **body: Any) -> Answer:
	given = {"product_id": shop.ids[other], **body}
	return await shop.call("POST", shop.path(name, "/alternates"), given)


async def test_one_way_and_both_ways_seen_from_either_side(shop: Workshop):
	await shop.parts("a", "b", "c")
	made = await alternate(shop, "a", "b", evidence="Report 7")
	assert (made.status, made.data["direction"], made.data["product_number"]) == (201, "out", "N-b")
	assert (await alternate(shop, "a", "c", is_two_way=True)).data["direction"] == "both"
	rows = {row["product_number"]: row for row in (await shop.get("b", "/alternates")).data}
	assert (rows["N-a"]["direction"], rows["N-a"]["evidence"]) == ("in", "Report 7")
	assert [row["direction"] for row in (await shop.get("c", "/alternates")).data] == ["both"]


async def test_not_itself_not_twice_and_no_ring(shop: Workshop):
	await shop.parts("a", "b", "c")
	itself = await alternate(shop, "a", "a")
	assert (itself.status, list(itself.details)) == (400, ["product_number"])
	first = await alternate(shop, "a", "b")
	assert (await alternate(shop, "a", "b")).code == "ALTERNATE_EXISTS"
	back = await alternate(shop, "b", "a")
	assert (back.status, back.code) == (409, "ALTERNATES_CONTRADICT")
	await alternate(shop, "b", "c")
	ring = await alternate(shop, "c", "a")
	assert (ring.status, ring.code) == (409, "ALTERNATES_CONTRADICT")
	assert "N-a" in ring.words
	both = await alternate(shop, "c", "a", is_two_way=True)
	assert both.code == "ALTERNATES_CONTRADICT"  # equal to what it replaces
	assert len((await shop.get("c", "/alternates")).data) == 1
	path = shop.path("a", f"/alternates/{first.data['alternate_id']}")
	assert (await shop.call("PATCH", path, {"is_two_way": True})).status == 200
	unknown = await shop.call("POST", shop.path("a", "/alternates"), {"product_number": "N-zzz"})
	assert list(unknown.details) == ["product_number"]


async def test_of_two_that_close_a_ring_one_is_refused(shop: Workshop):
	await shop.parts("a", "b", "c")
	await alternate(shop, "a", "b")
	answers = await asyncio.gather(alternate(shop, "b", "c"), alternate(shop, "c", "a"))
	assert sorted(each.status for each in answers) == [201, 409]


async def test_a_substitute_is_not_what_it_stands_in(shop: Workshop):
	await shop.parts("screw", "bolt")
	await shop.lines({"robot": {"arm": 1}, "arm": {"screw": 1}})
	for stand_in in ("arm", "robot"):  # the product itself, and what contains it
		refused = await shop.line(
			"arm", "bolt", 1, substitutes=[{"product_id": shop.ids[stand_in]}]
		)
		assert (refused.status, refused.code) == (409, "STRUCTURE_CYCLE")
		assert list(refused.details) == ["substitutes"]
	line = (await shop.get("arm", "/structure/lines")).data
	assert len(line) == 1
	path = shop.path("arm", f"/structure/lines/{line[0]['line_uid']}")
	bad = await shop.call("PATCH", path, {"substitutes": [{"product_id": shop.ids["robot"]}]})
	assert bad.status == 409
	good = await shop.call(
		"PATCH", path, {"substitutes": [{"product_id": shop.ids["bolt"], "quantity_ratio": 2}]}
	)
	assert good.data["substitutes"][0]["quantity_ratio"] == 2
	same = await shop.call("PATCH", path, {"substitutes": [{"product_id": shop.ids["screw"]}]})
	assert (same.status, list(same.details)) == (400, ["substitutes"])


async def test_another_company(shop: Workshop, other: Workshop):
	await shop.parts("a", "b")
	made = await alternate(shop, "a", "b")
	await other.parts("x")
	foreign = await other.call(
		"POST", other.path("x", "/alternates"), {"product_id": shop.ids["a"]}
	)
	assert (foreign.status, list(foreign.details)) == (400, ["product_id"])
	path = shop.path("a", f"/alternates/{made.data['alternate_id']}")
	for method, body in (("GET", None), ("PATCH", {"is_two_way": True}), ("DELETE", None)):
		assert (await other.call(method, path, body)).status == 404


async def test_pages(shop: Workshop):
	await shop.parts("screw", "bolt", "nail")
	await shop.product("arm")
	await shop.line("arm", "screw", 1, substitutes=[{"product_id": shop.ids["bolt"]}])
	await alternate(shop, "screw", "nail", evidence="Same thread")
	told = by("alice", Accept="text/html")
	sent = by("alice", Accept="text/html", **{"HX-Request": "true"})
	page = (await shop.api.get(f"/plm/products/{shop.ids['screw']}/alternates", headers=told)).text
	for word in ("N-nail", "Same thread", "N-bolt", "N-arm"):
		assert word in page
	tree = (await shop.api.get(f"/plm/products/{shop.ids['arm']}", headers=told)).text
	place = tree.split('hx-get="/plm/lines/')[1].split('"')[0]
	panel = await shop.api.get(f"/plm/lines/{place}", headers=sent)
	assert panel.status_code == 200
	for word in ("N-bolt", "N-nail", "one way"):
		assert word in panel.text
	wrong = await shop.api.post(
		f"/plm/products/{shop.ids['screw']}/alternates",
		data={"product_number": "N-screw", "is_two_way": "false"},
		headers=sent,
	)
	assert wrong.status_code == 422
	assert "no alternate of itself" in wrong.text
