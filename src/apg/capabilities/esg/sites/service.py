"""What can be done with sites."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from apg.capabilities.esg.sites.models import Site, SiteInUse
from apg.capabilities.esg.sites.schemas import SiteIn, SitePatch
from apg.kernel.database import AnySelect
from apg.kernel.errors import Invalid, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.rows import ids, texts
from apg.kernel.search import found_by
from apg.kernel.texts import _
from apg.kernel.work import Work

MAY_BE_EMPTY = frozenset({"region", "city", "description"})
SORTABLE: dict[str, Any] = {
	"code": Site.code,
	"name": Site.name,
	"country": Site.country,
	"updated_at": Site.updated_at,
}


def select_sites() -> AnySelect:
	"""Sites as the wire shows them."""
	return select(
		Site.id.label("id"),
		Site.code.label("code"),
		Site.name.label("name"),
		Site.country.label("country"),
		Site.region.label("region"),
		Site.city.label("city"),
		Site.description.label("description"),
		Site.is_active.label("is_active"),
		Site.created_at.label("created_at"),
		Site.updated_at.label("updated_at"),
		Site.created_by.label("created_by"),
		Site.updated_by.label("updated_by"),
		Site.version.label("etag"),
	)


async def create(work: Work, new: SiteIn) -> Site:
	"""A new site. Raises Conflict when the code is taken."""
	site = work.add(Site(scope_id=work.principal.tenant_id, **new.model_dump()))
	await work.flush()
	return site


async def read(work: Work, site_id: str) -> One:
	"""Raises NotFound."""
	return await work.read_one(select_sites().where(Site.id == site_id), Site)


async def site_of(work: Work, site_id: str) -> Site:
	"""The site, for what depends on it. Raises NotFound."""
	return await work.get(Site, site_id)


def matching(
	*, search: str | None = None, country: str | None = None, is_active: bool | None = None
) -> AnySelect:
	"""Sites that fit."""
	statement = select_sites()
	if country is not None:
		statement = statement.where(Site.country == country.upper())
	if is_active is not None:
		statement = statement.where(Site.is_active == is_active)
	if search and search.strip():
		statement = statement.where(Site.id.in_(found_by("esg_sites", {"q": search.strip()})))
	return statement


async def page(
	work: Work,
	statement: AnySelect,
	*,
	limit: int,
	offset: int,
	sort: tuple[tuple[str, bool], ...] = (("name", False),),
) -> Page:
	"""One page in a total order; `sort` holds (field, descending)."""
	for name, descending in sort:
		column = SORTABLE[name]
		statement = statement.order_by(column.desc() if descending else column)
	return await work.read_list(statement.order_by(Site.id), limit=limit, offset=offset)


async def change(work: Work, site_id: str, patch: SitePatch) -> Site:
	"""Changes what is named. Raises NotFound, PreconditionFailed, Invalid, Conflict."""
	site = await work.edit(Site, site_id)
	given = patch.model_dump(exclude_unset=True)
	empty = [name for name, value in given.items() if value is None and name not in MAY_BE_EMPTY]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	country, region = given.get("country", site.country), given.get("region", site.region)
	if region and not region.startswith(f"{country}-"):
		raise Invalid.one(
			"region", _("The region must lie in the country, for example GB-SCT in GB.")
		)
	for name, value in given.items():
		if getattr(site, name) != value:
			setattr(site, name, value)
	await work.flush()
	return site


async def remove(work: Work, site_id: str) -> None:
	"""Deletes a site that nothing was recorded for. Raises NotFound, SiteInUse."""
	site = await work.edit(Site, site_id)
	name = site.name
	await work.delete(site)
	try:
		await work.session.flush()
	except IntegrityError as error:
		raise SiteInUse(
			_("Activities were recorded for {name}; set it inactive instead.", name=name)
		) from error


async def find(
	work: Work, *, site_ids: set[str] | None = None, codes: set[str] | None = None
) -> list[Site]:
	"""Sites by id or code, for batches; what is unknown is absent from the answer."""
	found: dict[str, Site] = {}
	if site_ids:
		for site in await work.scalars(select(Site).where(Site.id == ids(site_ids))):
			found[site.id] = site
	if codes:
		for site in await work.scalars(select(Site).where(Site.code == texts(codes))):
			found[site.id] = site
	return list(found.values())


async def choices(work: Work, *, active: bool = True) -> list[tuple[str, str]]:
	"""(id, name) of the sites by name, for a form."""
	statement = select(Site.id, Site.name, Site.code).order_by(Site.name, Site.id).limit(1000)
	if active:
		statement = statement.where(Site.is_active)
	return [(row.id, f"{row.name} ({row.code})") for row in (await work.execute(statement)).all()]
