"""`/admin/health`."""

from typing import Annotated

from fastapi import Response

from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.show import show
from apg.kernel.work import Work
from apg.platform.operations.health import service
from apg.platform.operations.permissions import HEALTH_READ

router = Router(include_in_schema=False)


@router.get("")
async def health(work: Annotated[Work, allow(HEALTH_READ)]) -> Response:
	return show(work, "operations/health/detail.html", report=await service.report(work))
