"""The doors of reference data."""

import httpx
import pytest

from tests.platform.cast import Cast, by, page, part

RATES = "/api/v1/reference/exchange-rates"
NEW = {
	"currency": "USD",
	"date": "2026-01-01",
	"valid_until": "2026-12-31",
	"units_per_eur": "1.080000",
	"source": "Budget 2026",
}


async def test_an_own_rate_is_made_read_listed_and_removed_in_one_form(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	made = await api.post(RATES, headers=by("alice"), json=NEW)
	assert made.status_code == 201, made.text
	body = made.json()
	assert {name: body[name] for name in NEW} == NEW | {"units_per_eur": 1.08}
	assert (body["own"], body["file_sha256"], body["version"]) == (True, None, 1)
	assert b'"units_per_eur":1.08,' in made.content
	one = await api.get(f"{RATES}/{body['id']}", headers=by("alice"))
	assert (one.content, one.headers["etag"]) == (made.content, '"1"')
	listed = await api.get(f"{RATES}?own=true", headers=by("alice"))
	assert listed.content == b"[" + made.content + b"]"
	twice = await api.post(RATES, headers=by("alice"), json=NEW)
	assert (twice.status_code, twice.json()["code"]) == (409, "RATE_TWICE")
	removed = await api.delete(f"{RATES}/{body['id']}", headers=by("alice"))
	assert (removed.status_code, removed.content) == (204, b"")
	assert (await api.get(f"{RATES}/{body['id']}", headers=by("alice"))).status_code == 404
	assert (await api.get(f"{RATES}?own=true", headers=by("alice"))).json() == []


async def test_published_rates_are_listed_with_their_file(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	found = await api.get(
		f"{RATES}?currency=USD&currency=SEK&date_from=2024-02-28&date_to=2024-02-28",
		headers=by("alice"),
	)
	assert [(one["currency"], one["units_per_eur"]) for one in found.json()] == [
		("SEK", 11.192),
		("USD", 1.0808),
	]
	assert {one["source"] for one in found.json()} == {"ECB"}
	assert all(len(one["file_sha256"]) == 64 and one["id"] is None for one in found.json())
	everything = await api.get(f"{RATES}?limit=3", headers=by("alice"))
	assert len(everything.json()) == 3
	assert everything.headers["x-total-count-estimated"] == "true"
	assert int(everything.headers["x-total-count"]) > 100_000


async def test_rates_on_a_day_name_the_gaps(api: httpx.AsyncClient, cast: Cast) -> None:
	found = await api.get(
		f"{RATES}/on?date=2024-03-03&currency=USD&currency=KZT&currency=EUR", headers=by("alice")
	)
	assert found.json() == {
		"date": "2024-03-03",
		"rates": [
			{
				"currency": "EUR",
				"units_per_eur": 1,
				"day": "2024-03-03",
				"source": "",
				"own": False,
			},
			{
				"currency": "USD",
				"units_per_eur": 1.0813,
				"day": "2024-03-01",
				"source": "ECB",
				"own": False,
			},
		],
		"missing": ["KZT"],
	}
	seconds = await api.get(f"{RATES}/on?date=0&currency=USD", headers=by("alice"))
	assert seconds.status_code == 422
	assert seconds.json()["details"][0]["field"] == "date"


@pytest.mark.parametrize(
	("field", "wrong"),
	[
		("currency", "EUR"),
		("currency", "usd"),
		("currency", "QQQ"),
		("units_per_eur", 0),
		("units_per_eur", -1),
		("units_per_eur", "NaN"),
		("units_per_eur", "1.2345678"),
		("date", "1869-01-01"),
		("date", "yesterday"),
		("date", "0"),
		("date", 0),
		("valid_until", "2101-01-01"),
		("tenant_id", "x"),
	],
)
async def test_a_bad_rate_names_its_field_and_leaves_nothing(
	api: httpx.AsyncClient, cast: Cast, field: str, wrong: object
) -> None:
	refused = await api.post(RATES, headers=by("alice"), json=NEW | {field: wrong})
	assert refused.status_code == 422, refused.text
	assert field in {detail["field"] for detail in refused.json()["details"]}
	assert (await api.get(f"{RATES}?own=true", headers=by("alice"))).json() == []


async def test_a_period_that_ends_before_it_begins_is_refused(
	api: httpx.AsyncClient, cast: Cast
) -> None:
	refused = await api.post(RATES, headers=by("alice"), json=NEW | {"valid_until": "2025-12-31"})
	assert refused.status_code == 422
	assert "valid_until must not lie before date" in refused.text


async def test_four_callers(api: httpx.AsyncClient, cast: Cast) -> None:
	made = (await api.post(RATES, headers=by("alice"), json=NEW)).json()
	place = f"{RATES}/{made['id']}"
	assert (await api.get(RATES)).status_code == 401
	for method, path in (("GET", RATES), ("POST", RATES), ("GET", place), ("DELETE", place)):
		assert (await api.request(method, path, headers=by("bob"))).status_code == 403
	assert (await api.get(place, headers=by("charlie"))).status_code == 404
	assert (await api.delete(place, headers=by("charlie"))).status_code == 404
	assert (await api.get(f"{RATES}?own=true", headers=by("charlie"))).json() == []
	assert (await api.get(place, headers=by("alice"))).json() == made


async def test_units_are_listed_filtered_and_converted(api: httpx.AsyncClient, cast: Cast) -> None:
	units = "/api/v1/reference/units"
	found = await api.get(f"{units}?dimension=mass", headers=by("alice"))
	by_symbol = {one["symbol"]: one for one in found.json()}
	assert by_symbol["lb"]["factor"] == "45359237/100000000"
	assert {one["dimension"] for one in found.json()} == {"mass"}
	assert found.headers["x-total-count"] == str(len(by_symbol))
	assert (await api.get(f"{units}?dimension=taste", headers=by("alice"))).status_code == 422
	done = await api.get(f"{units}/convert?value=2.5&source=KG&target=lb", headers=by("alice"))
	assert b'"result":5.5115565546219390' not in done.content
	assert done.json()["factor"] == "100000000/45359237"
	assert done.content.startswith(
		b'{"value":2.5,"source":"kg","target":"lb","result":5.51155655462'
	)
	wrong = await api.get(f"{units}/convert?value=1&source=kg&target=m", headers=by("alice"))
	assert wrong.status_code == 422
	unknown = await api.get(f"{units}/convert?value=1&source=kg&target=zz", headers=by("alice"))
	assert [one["field"] for one in unknown.json()["details"]] == ["target"]
	assert (await api.get(units, headers=by("bob"))).status_code == 403


async def test_currencies_have_names_and_digits(api: httpx.AsyncClient, cast: Cast) -> None:
	found = await api.get("/api/v1/reference/currencies", headers=by("alice"))
	known = {one["code"]: one for one in found.json()}
	assert known["JPY"] == {"code": "JPY", "name": "Japanese Yen", "digits": 0, "is_active": True}
	assert known["EUR"]["digits"] == 2
	assert known["CYP"]["is_active"] is False


async def test_the_pages_show_record_refuse_and_remove(api: httpx.AsyncClient, cast: Cast) -> None:
	place = "/admin/reference"
	shown = await api.get(f"{place}?currency=USD&date_from=2024-02-28", headers=page("alice"))
	assert shown.status_code == 200
	assert "European Central Bank" in shown.text
	fields = {"currency": "USD", "date": "2026-01-01", "units_per_eur": "1.08", "source": "<i>Me"}
	wrong = await api.post(
		f"{place}/rates/new", headers=part("alice"), data=fields | {"units_per_eur": "-1"}
	)
	assert wrong.status_code == 422
	assert 'value="-1"' in wrong.text
	assert (await api.get(f"{RATES}?own=true", headers=by("alice"))).json() == []
	made = await api.post(
		f"{place}/rates/new", headers=part("alice"), data=fields | {"valid_until": ""}
	)
	assert made.headers["hx-redirect"] == "/admin/reference?own=true"
	own = await api.get(f"{place}?own=true", headers=page("alice"))
	assert "&lt;i&gt;Me" in own.text
	assert "<i>Me" not in own.text
	(rate,) = (await api.get(f"{RATES}?own=true", headers=by("alice"))).json()
	removed = await api.post(f"{place}/rates/{rate['id']}/delete", headers=part("alice"))
	assert removed.status_code == 204
	assert (await api.get(f"{RATES}?own=true", headers=by("alice"))).json() == []
	units = await api.get(f"{place}/units?dimension=mass", headers=page("alice"))
	assert "45359237/100000000" in units.text
	assert (await api.get(place, headers=page("bob"))).status_code == 403
	assert (await api.get(f"{place}?currency=zzz", headers=page("alice"))).status_code == 422
