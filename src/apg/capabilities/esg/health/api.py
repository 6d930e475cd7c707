"""`/api/v1/esg/health` for machines."""

from typing import Any

from fastapi import Request, Response

from apg.capabilities.esg.health import service
from apg.kernel.health import UNHEALTHY, health_report
from apg.kernel.web.guarded_route import Router, public, runtime_of
from apg.kernel.web.wire import WireModel, to_wire

router = Router(prefix="/health", tags=["Health"])


class CheckOut(WireModel):
	status: str
	message: str
	details: dict[str, Any]


class HealthOut(WireModel):
	status: str
	checks: dict[str, CheckOut]
	timestamp: str


@router.get("", response_model=HealthOut, summary="Health of ESG")
@public("the guide's probe: statuses and times only")
async def health(request: Request) -> Response:
	report = await health_report(runtime_of(request), service.CHECKS)
	status = 503 if report["status"] == UNHEALTHY else 200
	return Response(to_wire(report), status, {"Cache-Control": "no-store"}, "application/json")
