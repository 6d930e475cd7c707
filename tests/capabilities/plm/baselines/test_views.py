"""Pages of baselines."""

from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import by


async def test_made_looked_at_and_compared(shop: Workshop):
	await shop.parts("screw")
	await shop.lines({"arm": {"screw": 3}, "robot": {"arm": 2}})
	told = by("alice", Accept="text/html")
	sent = by("alice", Accept="text/html", **{"HX-Request": "true"})
	fields = {
		"product_number": "N-robot",
		"title": "Review <b>2</b>",
		"rule": "default",
		"view": "engineering",
	}
	lacking = await shop.api.post(
		"/plm/baselines/new", data={**fields, "rule": "unit"}, headers=sent
	)
	assert lacking.status_code == 422
	assert "needs it" in lacking.text
	made = await shop.api.post("/plm/baselines/new", data=fields, headers=sent)
	place = (
		made.headers["hx-redirect"] if "hx-redirect" in made.headers else made.headers["location"]
	)
	page = await shop.api.get(place, headers=told)
	assert page.status_code == 200
	assert "Review &lt;b&gt;2&lt;/b&gt;" in page.text
	assert "gives the same" in page.text
	assert "N-screw" in page.text
	line = (await shop.get("arm", "/structure/lines")).data[0]["line_uid"]
	await shop.call("PATCH", shop.path("arm", f"/structure/lines/{line}"), {"quantity": 5})
	compared = await shop.api.get(f"{place}?with=today", headers=told)
	assert "<del>3</del>" in compared.text
	assert "<ins>5</ins>" in compared.text
	listed = await shop.api.get("/plm/baselines", headers=told)
	assert "BL-000001" in listed.text
	tree = await shop.api.get(f"/plm/products/{shop.ids['robot']}?baseline=BL-000001", headers=told)
	assert tree.status_code == 200
	assert "BL-000001" in tree.text
