"""Probes for machines without a credential, and the detailed health for administrators."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.errors import NotFound, Unauthenticated
from apg.kernel.observe import may_read_metrics
from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, allow, public, runtime_of
from apg.kernel.web.wire import WireModel, to_wire
from apg.kernel.work import Work
from apg.platform.operations.health import probes, service
from apg.platform.operations.permissions import HEALTH_READ


class Alive(WireModel):
	status: str


class Ready(WireModel):
	status: str
	missing: dict[str, str]


class Finding(WireModel):
	status: str
	message: str
	details: dict[str, Any]


class HealthOut(WireModel):
	status: str
	checks: dict[str, Finding]
	timestamp: str


live_router, ready_router, metrics_router = Router(), Router(), Router()
router = Router(tags=["Health"])
_PLAIN = {"Cache-Control": "no-store"}


@live_router.get("", response_model=Alive, tags=["Health"])
@public("a supervisor asks whether the process answers")
async def live() -> Response:
	"""200 while the process answers; says nothing of the database."""
	return Response(b'{"status":"alive"}', 200, _PLAIN, "application/json")


@ready_router.get("", response_model=Ready, tags=["Health"], responses={503: {"model": Ready}})
@public("a balancer asks whether to send requests here")
async def ready(request: Request) -> Response:
	"""200 when requests can be served: database, migrations, sign-in; else 503 with the reason."""
	missing = await probes.ready(runtime_of(request))
	body = to_wire({"status": "unavailable" if missing else "ready", "missing": missing})
	return Response(body, 503 if missing else 200, _PLAIN, "application/json")


@metrics_router.get("", tags=["Health"], response_class=Response)
@public("the operator's collector: this machine, or the bearer of APG_METRICS_TOKEN")
async def metrics(request: Request) -> Response:
	"""Figures in Prometheus' text form."""
	token = runtime_of(request).settings.metrics_token
	if not may_read_metrics(request.scope, token):
		raise Unauthenticated if token else NotFound
	body, kind = await request.app.state.observer.render()
	return Response(body, 200, {**_PLAIN, "Content-Type": kind})


@router.get("", response_model=HealthOut)
async def health(work: Annotated[Work, allow(HEALTH_READ)]) -> Response:
	"""Every check of every capability that is on; 503 when one of them is unhealthy."""
	report = await service.report(work)
	return bare(work, report, status=503 if report["status"] == "unhealthy" else 200)
