"""`/esg/sites`: the list of sites and the forms that define them."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.shared import places
from apg.capabilities.esg.sites import service
from apg.capabilities.esg.sites.schemas import SiteIn, SitePatch
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

PLACE = "/esg/sites"
router = Router(prefix="/sites", include_in_schema=False)
SITES = ListSpec(
	columns=(
		Column("name", "Site", sortable=True),
		Column("code", "Code", sortable=True),
		Column("country", "Country", sortable=True),
		Column("region", "Region"),
		Column("city", "City"),
		Column("is_active", "Active", kind="flag"),
		Column("updated_at", "Changed", sortable=True, kind="date", default_visible=False),
	),
	filters=(Filter("search", "Search sites"), Filter("is_active", "Active", "bool")),
	default_sort="name",
)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(may.SITES_READ)]) -> Response:
	state = ListState.of(SITES, request)
	search: Any = state["search"]
	is_active: Any = state["is_active"]
	page = await service.page(
		work,
		service.matching(search=search, is_active=is_active),
		limit=state.page_size,
		offset=state.offset,
		sort=tuple((one.name, one.descending) for one in state.sort),
	)
	return show(
		work,
		"esg/sites/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		countries=places.countries(work.principal.locale),
		may_create=work.principal.may(may.SITES_CREATE),
	)


def _form(
	work: Work, site: Any, form: FormState, *, etag: str | None = "", **more: Any
) -> Response:
	named = places.countries(work.principal.locale)
	return show(
		work,
		"esg/sites/form.html",
		site=site,
		form=form,
		etag=etag or "",
		countries=list(named.items()),
		**more,
	)


@router.get("/new")
async def new_page(work: Annotated[Work, allow(may.SITES_CREATE)]) -> Response:
	return _form(work, None, FormState.of({"is_active": True}))


@router.post("/new")
async def create(request: Request, work: Annotated[Work, allow(may.SITES_CREATE)]) -> Response:
	values = await typed(request, work)
	try:
		site = await service.create(work, checked(SiteIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		return _form(work, None, told(values, refused), status=422, block="form")
	return lead_to(work, f"{PLACE}/{site.id}", text=_("Site created"))


def _given(values: dict[str, Any]) -> dict[str, Any]:
	return blank_as_none(values) | {"is_active": values.get("is_active") == "true"}


def told(values: dict[str, Any], error: Invalid | Conflict) -> FormState:
	"""The form again with all that was typed."""
	return FormState(values, error.problems or [Problem("", error.message)])


@router.get("/{site_id}")
async def site_page(site_id: str, work: Annotated[Work, allow(may.SITES_READ)]) -> Response:
	found = await service.read(work, site_id)
	site = load_json(found.body)
	return show(
		work,
		"esg/sites/site.html",
		site=site,
		country=places.countries(work.principal.locale).get(site["country"], site["country"]),
		may_update=work.principal.may(may.SITES_UPDATE),
		may_delete=work.principal.may(may.SITES_DELETE),
		may_record=work.principal.may(may.ACTIVITIES_CREATE),
		may_see=work.principal.may(may.ACTIVITIES_READ),
	)


@router.get("/{site_id}/edit")
async def edit_page(site_id: str, work: Annotated[Work, allow(may.SITES_UPDATE)]) -> Response:
	found = await service.read(work, site_id)
	site = load_json(found.body)
	return _form(work, site, FormState.of(site), etag=found.etag)


@router.post("/{site_id}/edit")
async def edit(
	site_id: str, request: Request, work: Annotated[Work, allow(may.SITES_UPDATE)]
) -> Response:
	values = await typed(request, work)
	try:
		await service.change(work, site_id, checked(SitePatch, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		found = await service.read(work, site_id)
		form = told(values, refused)
		return _form(work, load_json(found.body), form, etag=found.etag, status=422, block="form")
	return lead_to(work, f"{PLACE}/{site_id}", text=_("Saved"))


@router.post("/{site_id}/delete")
async def delete(site_id: str, work: Annotated[Work, allow(may.SITES_DELETE)]) -> Response:
	try:
		await service.remove(work, site_id)
	except Conflict as refused:
		await work.close()
		return lead_to(work, f"{PLACE}/{site_id}", text=refused.message, kind="warn")
	return lead_to(work, PLACE, text=_("Site deleted"))
