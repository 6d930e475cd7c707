"""`/api/v1/reference/units`."""

from typing import Annotated

from fastapi import Query, Response

from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work
from apg.platform.reference.catalogue import service
from apg.platform.reference.catalogue.schemas import ConvertedOut, UnitOut
from apg.platform.reference.permissions import UNITS_READ

router = Router(tags=["Reference data"])


@router.get("/units", response_model=list[UnitOut])
async def list_units(
	work: Annotated[Work, allow(UNITS_READ)],
	dimension: str | None = None,
	search: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
	"""The catalogue of units."""
	found = service.listed(dimension, search)
	return bare(work, found, headers={"X-Total-Count": str(len(found))})


@router.get("/units/convert", response_model=ConvertedOut)
async def convert(
	work: Annotated[Work, allow(UNITS_READ)],
	value: Annotated[str, Query(max_length=40, examples=["12.5"])],
	source: Annotated[str, Query(max_length=40, examples=["kg"])],
	target: Annotated[str, Query(max_length=40, examples=["lb"])],
) -> Response:
	"""A value in another unit of the same dimension."""
	return bare(work, service.converted(value, source, target))
