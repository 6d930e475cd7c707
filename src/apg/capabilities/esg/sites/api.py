"""`/api/v1/esg/sites` for programs."""

from typing import Annotated

from fastapi import Query, Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.sites import service
from apg.capabilities.esg.sites.schemas import SiteIn, SiteOut, SitePatch
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/sites", tags=["ESG sites"])
Reading = Annotated[Work, allow(may.SITES_READ)]


@router.get("", response_model=list[SiteOut], summary="List sites")
async def list_sites(
	request: Request,
	work: Reading,
	search: Annotated[str | None, Query(max_length=200)] = None,
	country: Annotated[str | None, Query(min_length=2, max_length=2)] = None,
	is_active: bool | None = None,
	limit: Annotated[int, Query(ge=1, le=1000)] = 50,
	offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
	statement = service.matching(search=search, country=country, is_active=is_active)
	page = await service.page(work, statement, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post("", response_model=SiteOut, status_code=201, summary="Create a site")
async def create_site(body: SiteIn, work: Annotated[Work, allow(may.SITES_CREATE)]) -> Response:
	site = await service.create(work, body)
	headers = {"Location": f"/api/v1/esg/sites/{site.id}"}
	return bare(work, await service.read(work, site.id), status=201, headers=headers)


@router.get("/{site_id}", response_model=SiteOut, summary="Read a site")
async def read_site(site_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, site_id))


@router.patch("/{site_id}", response_model=SiteOut, summary="Change a site")
async def patch_site(
	site_id: str, body: SitePatch, work: Annotated[Work, allow(may.SITES_UPDATE)]
) -> Response:
	await service.change(work, site_id, body)
	return bare(work, await service.read(work, site_id))


@router.delete("/{site_id}", status_code=204, summary="Delete a site")
async def delete_site(site_id: str, work: Annotated[Work, allow(may.SITES_DELETE)]) -> Response:
	await service.remove(work, site_id)
	return Response(status_code=204)
