"""`/api/v1/reference/currencies` and `/exchange-rates`."""

from typing import Annotated

from fastapi import Query, Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import Day
from apg.kernel.work import Work
from apg.platform.reference.permissions import RATES_CREATE, RATES_DELETE, RATES_READ
from apg.platform.reference.rates import service
from apg.platform.reference.rates.schemas import (
	RATES_API,
	Code,
	CurrencyOut,
	RateIn,
	RateOut,
	RatesOnOut,
)

router = Router(tags=["Reference data"])


@router.get("/currencies", response_model=list[CurrencyOut])
async def list_currencies(work: Annotated[Work, allow(RATES_READ)]) -> Response:
	"""All currencies of ISO 4217, and former ones that have rates."""
	return bare(work, await service.currencies(work))


@router.get("/exchange-rates", response_model=list[RateOut])
async def list_rates(request: Request, work: Annotated[Work, allow(RATES_READ)]) -> Response:
	"""Published and own rates, newest first. Filters: currency, date_from, date_to, own."""
	state = ListState.of(RATES_API, request)
	page = await service.listed(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.get("/exchange-rates/on", response_model=RatesOnOut)
async def read_rates_on(
	work: Annotated[Work, allow(RATES_READ)],
	date: Annotated[Day, Query(examples=["2026-03-31"])],
	currency: Annotated[list[Code], Query(max_length=200, examples=[["USD", "SEK"]])],
) -> Response:
	"""The rates that hold on a day, and the currencies that have none then."""
	return bare(work, await service.rates_with_gaps(work, date, currency))


@router.post("/exchange-rates", response_model=RateOut, status_code=201)
async def record_rate(body: RateIn, work: Annotated[Work, allow(RATES_CREATE)]) -> Response:
	"""Records a rate of the company's own."""
	rate = await service.record(work, body)
	place = f"/api/v1/reference/exchange-rates/{rate.id}"
	return bare(work, await service.read(work, rate.id), status=201, headers={"Location": place})


@router.get("/exchange-rates/{rate_id}", response_model=RateOut)
async def read_rate(rate_id: str, work: Annotated[Work, allow(RATES_READ)]) -> Response:
	"""A rate of the company's own."""
	return bare(work, await service.read(work, rate_id))


@router.delete("/exchange-rates/{rate_id}", status_code=204)
async def remove_rate(rate_id: str, work: Annotated[Work, allow(RATES_DELETE)]) -> Response:
	"""Removes a rate of the company's own."""
	await service.remove(work, rate_id)
	return Response(status_code=204)
