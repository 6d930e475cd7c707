"""`/api/v1/plm/baselines` for programs; structures, totals and exports of one are read with
`?baseline=` at the product."""

from typing import Annotated

from fastapi import Query, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.baselines import service
from apg.capabilities.plm.baselines.schemas import BaselineIn, BaselineOut, VerifiedOut
from apg.capabilities.plm.structures.schemas import ComparisonOut
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, OkPage, ok, ok_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work

router = Router(prefix="/baselines", tags=["PLM baselines"])
Reading = Annotated[Work, allow(may.STRUCTURES_READ)]
Creating = Annotated[Work, allow(may.BASELINES_CREATE)]


@router.get("", response_model=OkPage[BaselineOut], summary="List baselines")
async def list_baselines(
	work: Reading,
	page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
	page_size: Annotated[int, Query(ge=1, le=100)] = 20,
	product_id: IdText | None = None,
) -> Response:
	found = await service.page(work, number=page, size=page_size, product_id=product_id)
	return ok_page(work, found, number=page, size=page_size)


@router.post("", response_model=Ok[BaselineOut], status_code=201, summary="Make a baseline")
async def create_baseline(body: BaselineIn, work: Creating) -> Response:
	made = await service.create(work, body)
	place = {"Location": f"/api/v1/plm/baselines/{made.id}"}
	shown = await service.read(work, made.id)
	return ok(work, shown, status=201, message=_("Baseline made"), headers=place)


@router.get("/{baseline}", response_model=Ok[BaselineOut], summary="Read a baseline")
async def read_baseline(baseline: str, work: Reading) -> Response:
	return ok(work, await service.read(work, baseline))


@router.get(
	"/{baseline}/verify", response_model=Ok[VerifiedOut], summary="Check that a baseline holds"
)
async def verify_baseline(baseline: str, work: Reading) -> Response:
	return ok(work, await service.verified(work, baseline))


@router.get("/{baseline}/compare", response_model=Ok[ComparisonOut], summary="Compare a baseline")
async def compare_baseline(
	baseline: str,
	work: Reading,
	other: Annotated[
		str,
		Query(
			alias="with",
			min_length=1,
			max_length=100,
			description="`today`, a baseline by number or id, or a revision of the product",
		),
	] = service.TODAY,
	depth: Annotated[int, Query(ge=1, le=50)] = 50,
) -> Response:
	return ok(work, await service.comparison(work, baseline, other, depth=depth))
