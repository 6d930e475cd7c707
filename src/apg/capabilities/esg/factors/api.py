"""`/api/v1/esg/factors`, `/factor-sources` and `/gwp-sets` for programs."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.factors import own, service
from apg.capabilities.esg.factors.comparing import compared
from apg.capabilities.esg.factors.schemas import (
	DifferenceOut,
	FactorIn,
	FactorOut,
	FactorVersionOut,
	FiguresIn,
	GwpSetOut,
	ReasonIn,
	SourceOut,
	WithdrawIn,
)
from apg.capabilities.esg.shared.ghg import gwp_sets
from apg.kernel.database import load_json
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/factors", tags=["ESG factors"])
sources = Router(prefix="/factor-sources", tags=["ESG factors"])
gwp = Router(prefix="/gwp-sets", tags=["ESG factors"])
Reading = Annotated[Work, allow(may.FACTORS_READ)]
Creating = Annotated[Work, allow(may.FACTORS_CREATE)]
Approving = Annotated[Work, allow(may.FACTORS_APPROVE)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
State = Literal["staged", "linted", "quarantined", "approved", "superseded", "withdrawn"]
PLACE = "/api/v1/esg/factors"


@router.get("", response_model=list[FactorOut], summary="List factors")
async def list_factors(
	request: Request,
	work: Reading,
	search: Annotated[str | None, Query(max_length=200)] = None,
	activity: Annotated[str | None, Query(max_length=300)] = None,
	region: Annotated[str | None, Query(max_length=10)] = None,
	unit: Annotated[str | None, Query(max_length=64)] = None,
	source_id: Annotated[str | None, Query(max_length=36)] = None,
	state: State | None = None,
	layer: Literal["platform", "tenant"] | None = None,
	limit: Limit = 50,
	offset: Offset = 0,
) -> Response:
	"""`activity` is a code, and takes all below it; every word of `search` must be found."""
	page = await service.page(
		work,
		search=search,
		activity=activity,
		region=region,
		unit=unit,
		source_id=source_id,
		state=state,
		layer=layer,
		limit=limit,
		offset=offset,
	)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post("", response_model=FactorOut, status_code=201, summary="Enter a factor of your own")
async def create_factor(body: FactorIn, work: Creating) -> Response:
	made = await own.create(work, body)
	headers = {"Location": f"{PLACE}/{made.id}"}
	return bare(work, await service.read(work, made.id), status=201, headers=headers)


@router.get("/{factor_id}", response_model=FactorOut, summary="Read a factor")
async def read_factor(factor_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, factor_id))


@router.get(
	"/{factor_id}/versions", response_model=list[FactorVersionOut], summary="List its versions"
)
async def list_versions(
	factor_id: str, request: Request, work: Reading, limit: Limit = 50, offset: Offset = 0
) -> Response:
	page = await service.versions(work, factor_id, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post(
	"/{factor_id}/versions",
	response_model=FactorVersionOut,
	status_code=201,
	summary="Add a version to a factor of your own",
)
async def create_version(factor_id: str, body: FiguresIn, work: Creating) -> Response:
	made = await own.add_version(work, factor_id, body)
	found = await service.read_version(work, factor_id, made.id)
	headers = {"Location": f"{PLACE}/{factor_id}/versions/{made.id}"}
	return bare(work, found, status=201, headers=headers)


@router.get(
	"/{factor_id}/versions/{version_id}", response_model=FactorVersionOut, summary="Read a version"
)
async def read_version(factor_id: str, version_id: str, work: Reading) -> Response:
	return bare(work, await service.read_version(work, factor_id, version_id))


@router.post(
	"/{factor_id}/versions/{version_id}/approve",
	response_model=FactorVersionOut,
	summary="Approve one version",
)
async def approve_version(
	factor_id: str, version_id: str, body: ReasonIn, work: Approving
) -> Response:
	await service.approve_version(work, factor_id, version_id, body.reason)
	return bare(work, await service.read_version(work, factor_id, version_id))


@router.post(
	"/{factor_id}/versions/{version_id}/withdraw",
	response_model=FactorVersionOut,
	summary="Withdraw one version",
)
async def withdraw_version(
	factor_id: str, version_id: str, body: WithdrawIn, work: Approving
) -> Response:
	await service.withdraw_version(work, factor_id, version_id, body.reason)
	return bare(work, await service.read_version(work, factor_id, version_id))


@router.get(
	"/{factor_id}/compare", response_model=list[DifferenceOut], summary="Compare two versions"
)
async def compare_versions(factor_id: str, old: str, new: str, work: Reading) -> Response:
	"""What differs between the versions `old` and `new`; empty where nothing does."""
	pair = [
		load_json((await service.read_version(work, factor_id, one)).body) for one in (old, new)
	]
	return bare(work, compared(*pair))


@sources.get("", response_model=list[SourceOut], summary="List sources of factors")
async def list_sources(
	request: Request, work: Reading, limit: Limit = 50, offset: Offset = 0
) -> Response:
	page = await service.sources(work, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@sources.get("/{source_id}", response_model=SourceOut, summary="Read a source")
async def read_source(source_id: str, work: Reading) -> Response:
	return bare(work, await service.read_source(work, source_id))


@sources.post("/{source_id}/approve", response_model=SourceOut, summary="Approve a whole source")
async def approve_source(source_id: str, body: ReasonIn, work: Approving) -> Response:
	"""Its sound factors are used from now on; results from before stay as they are."""
	await service.approve_source(work, source_id, body.reason)
	return bare(work, await service.read_source(work, source_id))


@sources.post("/{source_id}/withdraw", response_model=SourceOut, summary="Withdraw a whole source")
async def withdraw_source(source_id: str, body: WithdrawIn, work: Approving) -> Response:
	"""None of its factors is used for a new result any more."""
	await service.withdraw_source(work, source_id, body.reason)
	return bare(work, await service.read_source(work, source_id))


@gwp.get("", response_model=list[GwpSetOut], summary="List sets of warming potentials")
async def list_gwp_sets(work: Reading) -> Response:
	found: list[dict[str, Any]] = [
		{
			"code": one.code,
			"metric": one.metric,
			"horizon": one.horizon,
			"source": one.source,
			"values": dict(one.values),
		}
		for one in gwp_sets().values()
	]
	return bare(work, found)
