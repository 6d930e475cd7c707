"""`/api/v1/plm/health` for machines."""

from typing import Any

from fastapi import Request, Response

from apg.capabilities.plm.health import service
from apg.kernel.health import UNHEALTHY
from apg.kernel.web.guarded_route import Router, public, runtime_of
from apg.kernel.web.wire import WireModel, to_wire

router = Router(prefix="/health", tags=["Health"])


class HealthOut(WireModel):
	status: str
	timestamp: str
	dependencies: dict[str, Any]
	integrations: dict[str, Any]
	error_counts: dict[str, int]
	checks: dict[str, Any]


@router.get("", response_model=HealthOut, summary="Health of PLM")
@public("the guide's probe: statuses and times only")
async def health(request: Request) -> Response:
	report = await service.report(runtime_of(request))
	status = 503 if report["status"] == UNHEALTHY else 200
	return Response(to_wire(report), status, {"Cache-Control": "no-store"}, "application/json")
