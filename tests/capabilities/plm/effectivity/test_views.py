"""The page of effectivity, and the structure read for a unit."""

from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import by


async def test_set_looked_up_and_read_for_a_unit(shop: Workshop):
	await shop.lines({"robot": {"arm": 2}})
	await shop.release("arm", "robot")
	await shop.revise("arm")
	await shop.release("arm")
	told = by("alice", Accept="text/html")
	sent = by("alice", Accept="text/html", **{"HX-Request": "true"})
	base = f"/plm/products/{shop.ids['arm']}/effectivity"
	revision = (await shop.get("arm", "/revisions/B")).data["revision_id"]
	fields = {
		"revision": revision,
		"kind": "units",
		"from": "10",
		"to": "",
		"context_product_number": "",
	}
	wrong = await shop.api.post(base, data={**fields, "from": "0"}, headers=sent)
	assert wrong.status_code == 422
	assert "counted from 1" in wrong.text
	unknown = await shop.api.post(
		base, data={**fields, "context_product_number": "N-x"}, headers=sent
	)
	assert unknown.status_code == 422
	assert "There is no product N-x." in unknown.text
	done = await shop.api.post(base, data=fields, headers=sent)
	assert done.status_code < 400
	page = await shop.api.get(base + "?serial=9", headers=told)
	assert "is effective there" in page.text
	assert "Rev A" in page.text.split("is effective there")[0].rsplit("<p", 1)[1]
	tree = await shop.api.get(
		f"/plm/products/{shop.ids['robot']}?rule=unit&serial=10", headers=told
	)
	assert '<span class="revision">B</span>' in tree.text
	tree = await shop.api.get(f"/plm/products/{shop.ids['robot']}?serial=9", headers=told)
	assert '<span class="revision">A</span>' in tree.text
