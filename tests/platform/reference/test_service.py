"""Which rate holds when, what is loaded, and what the ports answer."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import event, text

from apg.contracts.reference import ExchangeRates, RateOn, Units
from apg.kernel.errors import Invalid
from apg.kernel.migrating import admin_engine
from apg.platform.reference import ecb
from apg.platform.reference.rates import service
from apg.platform.reference.rates.loading import load_ecb_rates
from apg.platform.reference.rates.schemas import RateIn
from tests.platform.cast import Cast


async def held(cast: Cast, day: date, *currencies: str, name: str = "alice") -> dict[str, RateOn]:
	async with cast.work(name) as work:
		return dict(await work.port(ExchangeRates).rates_on(work, day, currencies))


async def test_the_published_rate_of_a_day(cast: Cast) -> None:
	# ECB reference rates of 2024-02-28: USD 1.0808, JPY 162.87.
	day = date(2024, 2, 28)
	assert await held(cast, day, "USD", "JPY", "EUR") == {
		"USD": RateOn("USD", Decimal("1.0808"), day, "ECB"),
		"JPY": RateOn("JPY", Decimal("162.87"), day, "ECB"),
		"EUR": RateOn("EUR", Decimal(1), day, ""),
	}


async def test_a_weekend_has_the_rate_of_friday(cast: Cast) -> None:
	found = await held(cast, date(2024, 3, 3), "USD")
	assert found["USD"].day == date(2024, 3, 1)
	assert found["USD"].units_per_eur == Decimal("1.0813")


async def test_a_currency_without_a_rate_is_a_gap_and_not_an_old_figure(cast: Cast) -> None:
	# The last rate of the rouble is of 2022-03-01; ten days later there is none.
	assert (await held(cast, date(2022, 3, 11), "RUB"))["RUB"].day == date(2022, 3, 1)
	assert await held(cast, date(2022, 3, 12), "RUB") == {}
	assert await held(cast, date(1998, 12, 31), "USD") == {}
	assert await held(cast, date(2024, 2, 28), "XXX", "KZT") == {}


async def own(cast: Cast, name: str = "alice", **fields: object) -> None:
	async with cast.work(name) as work:
		await service.record(work, RateIn.model_validate(fields))


async def test_an_own_rate_comes_first_for_its_time_and_its_company(cast: Cast) -> None:
	await own(
		cast,
		currency="USD",
		date="2024-01-01",
		valid_until="2024-12-31",
		units_per_eur="1.1",
		source="Budget",
	)
	inside, after = date(2024, 2, 28), date(2025, 1, 2)
	assert (await held(cast, inside, "USD"))["USD"] == RateOn(
		"USD", Decimal("1.1"), date(2024, 1, 1), "Budget", True
	)
	assert not (await held(cast, after, "USD"))["USD"].own
	assert not (await held(cast, inside, "USD", name="charlie"))["USD"].own
	await own(cast, currency="USD", date="2024-02-01", units_per_eur="1.2")
	assert (await held(cast, date(2024, 2, 11), "USD"))["USD"].units_per_eur == Decimal("1.2")
	assert (await held(cast, date(2024, 2, 12), "USD"))["USD"].units_per_eur == Decimal("1.1")


async def test_a_thousand_currencies_are_one_query(cast: Cast) -> None:
	asked: list[str] = []
	engine = cast.runtime.engine.sync_engine

	def count(*arguments: object) -> None:
		asked.append(str(arguments[2]))

	event.listen(engine, "before_cursor_execute", count)
	try:
		found = await held(cast, date(2024, 2, 28), "USD", *(f"{i:03d}" for i in range(1_000)))
	finally:
		event.remove(engine, "before_cursor_execute", count)
	assert list(found) == ["USD"]
	assert len([one for one in asked if "exchange_rates" in one]) == 1


async def test_known_currencies(cast: Cast) -> None:
	async with cast.work() as work:
		known = await work.port(ExchangeRates).known(work)
	assert {"EUR", "USD", "VND"} <= known
	assert not {"DEM", "CYP", "XXX"} & known


@pytest.fixture
async def edition(tmp_path: Path, admin_url: str) -> AsyncIterator[ecb.Edition]:
	"""A small newer file; what it changes is undone at the end."""
	path = tmp_path / "rates.csv"
	path.write_text("Date,USD,SEK,ZZZ\n2031-01-03,1.5,11.25,2\n2024-02-28,1.0809,N/A,N/A\n")
	yield ecb.Edition(path, "test", ecb.file_sha256(path))
	engine = admin_engine(admin_url)
	with engine.begin() as connection:
		connection.execute(text("delete from exchange_rates where date > '2031-01-01'"))
		connection.execute(
			text(
				"update exchange_rates set units_per_eur = 1.0808, file_id = "
				"(select min(id) from exchange_rate_files) "
				"where currency = 'USD' and date = '2024-02-28'"
			)
		)
		connection.execute(text("delete from exchange_rate_files where edition like '% test'"))
		connection.execute(text("delete from currencies where code = 'ZZZ'"))
	engine.dispose()


async def test_a_newer_edition_adds_and_corrects_and_the_same_again_does_nothing(
	cast: Cast, admin_url: str, edition: ecb.Edition
) -> None:
	engine = admin_engine(admin_url)
	with engine.begin() as connection:
		connection.exec_driver_sql("set local role apg_owner")
		assert load_ecb_rates(connection) == 0  # the packaged one came with the migration
		assert load_ecb_rates(connection, edition) == 4
		assert load_ecb_rates(connection, edition) == 0
		count = connection.scalar(text("select count(*) from exchange_rate_files"))
	engine.dispose()
	assert count == 2
	assert (await held(cast, date(2024, 2, 28), "USD"))["USD"].units_per_eur == Decimal("1.0809")
	assert (await held(cast, date(2024, 2, 28), "SEK"))["SEK"].units_per_eur == Decimal("11.192")
	assert (await held(cast, date(2031, 1, 5), "ZZZ"))["ZZZ"].units_per_eur == Decimal(2)


async def test_the_port_of_units(cast: Cast) -> None:
	async with cast.work() as work:
		units = work.port(Units)
	assert units.symbol("KG") == "kg"
	assert units.dimension("lb") == "mass"
	assert units.convert(Decimal("2.5"), "t", "kg") == Decimal(2500)
	assert units.factors([("t", "kg"), ("g", "kg"), ("kg", "m"), ("nonsense", "kg")]) == {
		("t", "kg"): Fraction(1000),
		("g", "kg"): Fraction(1, 1000),
	}
	with pytest.raises(Invalid):
		units.symbol("parsec of cheese")


async def test_the_null_forms_say_nothing_they_do_not_know(cast: Cast) -> None:
	absent = ExchangeRates.absent
	async with cast.work() as work:
		assert list(await absent.rates_on(work, date(2024, 2, 28), ["EUR", "USD"])) == ["EUR"]
	assert Units.absent.factors([("kg", "kg"), ("t", "kg")]) == {("kg", "kg"): Fraction(1)}
	with pytest.raises(Invalid):
		Units.absent.convert(Decimal(1), "t", "kg")
