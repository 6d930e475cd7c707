"""`/api/v1/tenants/current`."""

from typing import Annotated

from fastapi import Response

from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work
from apg.platform.tenants.permissions import TENANT_READ, TENANT_UPDATE
from apg.platform.tenants.tenants import service
from apg.platform.tenants.tenants.schemas import TenantOut, TenantPatch

router = Router(tags=["Tenants"])


@router.get("/current", response_model=TenantOut)
async def read_tenant(work: Annotated[Work, allow(TENANT_READ)]) -> Response:
	"""The company the token is for."""
	return bare(work, await service.read(work))


@router.patch("/current", response_model=TenantOut)
async def change_tenant(body: TenantPatch, work: Annotated[Work, allow(TENANT_UPDATE)]) -> Response:
	"""Changes the fields given; send If-Match to be told when somebody else was faster."""
	await service.change(work, body)
	return bare(work, await service.read(work))
