"""`/admin/reference/units`."""

from typing import Annotated

from fastapi import Query, Response

from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.show import show
from apg.kernel.work import Work
from apg.platform.reference.catalogue import service
from apg.platform.reference.permissions import UNITS_READ

router = Router(include_in_schema=False)


@router.get("/units")
async def units(
	work: Annotated[Work, allow(UNITS_READ)],
	dimension: str = "",
	search: Annotated[str, Query(max_length=100)] = "",
) -> Response:
	found = service.listed(dimension or None, search)
	return show(
		work, "reference/catalogue/list.html", units=found, dimension=dimension, search=search,
		dimensions=service.dimensions(),
	)  # fmt: skip
