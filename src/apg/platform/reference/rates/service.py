"""Which rate holds when; a company's own rates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.contracts.reference import EURO, ExchangeRateChanged, RateOn
from apg.kernel.errors import Invalid, NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web.lists import ListSpec, ListState
from apg.kernel.work import Work
from apg.platform.reference.rates.models import (
	HOLDS_DAYS,
	Currency,
	RateFile,
	TenantExchangeRate,
	rates,
	select_currencies,
	select_own,
)
from apg.platform.reference.rates.schemas import RateIn

# An own rate comes before a published one; among own ones the latest.
RATES_ON = f"""
	select distinct on (currency) currency, units_per_eur, date, source, own from (
		select r.currency, r.units_per_eur, r.date, f.source, false as own
		from exchange_rates r join exchange_rate_files f on f.id = r.file_id
		where r.currency = any($1) and r.date <= $2 and r.date >= $2::date - {HOLDS_DAYS}
		union all
		select currency, units_per_eur, date, source, true from tenant_exchange_rates
		where currency = any($1) and date <= $2 and coalesce(valid_until, date + {HOLDS_DAYS}) >= $2
	) held order by currency, own desc, date desc
"""  # noqa: S608 - a constant of ours


class Rates:
	"""The provider of the port ExchangeRates."""

	async def rates_on(
		self, work: Work, day: date, currencies: Collection[str]
	) -> Mapping[str, RateOn]:
		return await rates_on(work, day, currencies)

	async def known(self, work: Work) -> frozenset[str]:
		return frozenset(await work.scalars(select(Currency.code).where(Currency.is_active)))


async def rates_on(work: Work, day: date, currencies: Collection[str]) -> dict[str, RateOn]:
	"""The rate of each currency that holds on the day; those without one are left out."""
	wanted = set(currencies)
	found = {EURO: RateOn(EURO, Decimal(1), day, "")} if EURO in wanted else {}
	others = sorted(wanted - {EURO})
	if others:
		rows = await (await work.connection()).exec_driver_sql(RATES_ON, (others, day))
		for row in rows:
			found[row.currency] = RateOn(*row)
	return found


async def rates_with_gaps(work: Work, day: date, currencies: Collection[str]) -> dict[str, Any]:
	"""The same for programs, the gaps named."""
	found = await rates_on(work, day, currencies)
	return {
		"date": day,
		"rates": [
			{
				"currency": one.currency,
				"units_per_eur": one.units_per_eur,
				"day": one.day,
				"source": one.source,
				"own": one.own,
			}
			for _code, one in sorted(found.items())
		],
		"missing": sorted(set(currencies) - found.keys()),
	}


async def listed(work: Work, state: ListState) -> Page:
	"""One page of the published and the own rates."""
	row = rates()
	query = select(row)
	if codes := state.values("currency"):
		query = query.where(row.c.currency == any_(bindparam(None, list(codes), ARRAY(Text()))))
	if state["date_from"] is not None:
		query = query.where(row.c.date >= state["date_from"])
	if state["date_to"] is not None:
		query = query.where(row.c.date <= state["date_to"])
	if state["own"] is not None:
		query = query.where(row.c.own == state["own"])
	# no `nulls last` here: neither column has one, and with it no index would fit
	order = [row.c[key.name].desc() if key.descending else row.c[key.name] for key in state.sort]
	query = query.order_by(*order, row.c.own.desc())
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


async def currencies(work: Work) -> bytes:
	"""All currencies as JSON."""
	return await work.read_json(select_currencies())


async def active_codes(work: Work) -> list[str]:
	"""The codes of currencies in use, sorted."""
	return await work.scalars(
		select(Currency.code).where(Currency.is_active).order_by(Currency.code)
	)


async def files(work: Work) -> Sequence[RateFile]:
	"""The published files that were loaded, newest first."""
	return await work.scalars(select(RateFile).order_by(RateFile.loaded_at.desc()).limit(20))


async def read(work: Work, rate_id: str) -> One:
	"""One of the company's own rates. Raises NotFound."""
	if not is_id(rate_id):
		raise NotFound(_("{what} not found", what=_("exchange rate")))
	return await work.read_one(select_own(rate_id), TenantExchangeRate)


async def record(work: Work, new: RateIn) -> TenantExchangeRate:
	"""Records a rate of the company's own. Raises Invalid for an unknown currency, Conflict when
	there is one from that day."""
	if await work.scalar(select(Currency.code).where(Currency.code == new.currency)) is None:
		raise Invalid.one(
			"currency",
			_("{code} is no currency of ISO 4217; see the list of currencies.", code=new.currency),
		)
	rate = work.add(TenantExchangeRate(**new.model_dump()))
	await work.flush()
	work.publish(ExchangeRateChanged(currency=rate.currency, date=rate.date.isoformat()))
	return rate


async def remove(work: Work, rate_id: str) -> None:
	"""Removes one of the company's own rates; the trail keeps it."""
	rate = await work.edit(TenantExchangeRate, rate_id)
	work.publish(ExchangeRateChanged(currency=rate.currency, date=rate.date.isoformat()))
	await work.delete(rate)


async def spec(work: Work, given: ListSpec) -> ListSpec:
	"""The list with the currencies in use to choose from."""
	choices = [(code, code) for code in await active_codes(work)]
	filters = tuple(
		replace(one, choices=choices) if one.name == "currency" else one for one in given.filters
	)
	return replace(given, filters=filters)
