"""The search over everything: what it finds, in which order, and for whom."""

import httpx

from tests.people import Person

HTML = {"accept": "text/html"}


async def _product(client: httpx.AsyncClient, who: Person, number: str, name: str) -> str:
	answer = await client.post(
		"/api/v1/plm/products",
		json={"product_name": name, "product_number": number, "product_type": "manufactured"},
		headers=who.headers,
	)
	assert answer.status_code == 201, answer.text
	return answer.json()["data"]["product_id"]


async def _metric(client: httpx.AsyncClient, who: Person, code: str, name: str) -> str:
	body = {
		"name": name,
		"code": code,
		"metric_type": "environmental",
		"category": "energy",
		"unit": "kwh",
	}
	answer = await client.post("/api/v1/esg/metrics", json=body, headers=who.headers)
	assert answer.status_code == 201, answer.text
	return answer.json()["id"]


async def _find(client: httpx.AsyncClient, who: Person, text: str) -> str:
	answer = await client.get("/search", params={"q": text}, headers=who.headers | HTML)
	assert answer.status_code == 200, answer.text
	return answer.text


async def test_products_metrics_and_people_are_found_together(
	client: httpx.AsyncClient, alice: Person
) -> None:
	product = await _product(client, alice, "QX-100", "Pump of Alice")
	metric = await _metric(client, alice, "ALICE_POWER", "Power")
	page = await _find(client, alice, "alice")
	assert f'href="/plm/products/{product}"' in page
	assert f'href="/esg/metrics/{metric}"' in page
	assert f'href="/admin/users/{alice.user_id}"' in page


async def test_a_number_that_fits_whole_comes_first(
	client: httpx.AsyncClient, alice: Person
) -> None:
	names = await _product(client, alice, "ZZ-1", "for QX-7")
	longer = await _product(client, alice, "QX-77", "Longer")
	whole = await _product(client, alice, "QX-7", "Whole")
	page = await _find(client, alice, "qx-7")
	places = [page.index(f"/plm/products/{one}") for one in (whole, longer, names)]
	assert places == sorted(places)


async def test_nothing_of_another_company_and_nothing_without_the_right(
	client: httpx.AsyncClient, alice: Person, bob: Person, charlie: Person
) -> None:
	product = await _product(client, alice, "QX-8", "Secret pump")
	for who in (bob, charlie):
		page = await _find(client, who, "QX-8")
		assert product not in page
		assert "Secret pump" not in page
	assert (await client.get("/search?q=x")).status_code in (401, 303, 302)


async def test_percent_and_markup_are_letters_and_an_empty_text_finds_nothing(
	client: httpx.AsyncClient, alice: Person
) -> None:
	product = await _product(client, alice, "QX-9", "Valve")
	assert product not in await _find(client, alice, "%")
	assert product not in await _find(client, alice, "   ")
	page = await _find(client, alice, "<script>alert(1)</script>")
	assert "<script>alert(1)" not in page
	assert "&lt;script&gt;alert(1)" in page
	answer = await client.get(
		"/search", params={"q": "x" * 201}, headers=alice.headers | {"accept": "application/json"}
	)
	assert answer.status_code == 422


async def test_more_than_fits_leads_to_the_list(client: httpx.AsyncClient, alice: Person) -> None:
	for number in range(9):
		await _product(client, alice, f"MANY-{number}", "Bolt")
	page = await _find(client, alice, "many-")
	assert page.count('href="/plm/products/0') == 8
	assert 'href="/plm/products?search=many-"' in page
