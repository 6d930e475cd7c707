"""What stands around every page of one product: its head, its tabs, what this person may do."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import column, distinct, func, select, table

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products import reading, service
from apg.capabilities.plm.products.models import Identifier, Item, ItemCost, Revision
from apg.contracts.esg import ItemCarbon
from apg.kernel.database import id_type, load_json
from apg.kernel.errors import NotFound
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work


@dataclass(frozen=True, slots=True)
class May:
	"""What the person may do with products, for buttons that are shown or not."""

	create: bool
	update: bool
	delete: bool
	release: bool
	structure: bool
	lines: bool
	costs: bool
	prices: bool
	change: bool

	@classmethod
	def of(cls, work: Work) -> "May":
		allowed = work.principal.may
		return cls(
			create=allowed(may.PRODUCTS_CREATE),
			update=allowed(may.PRODUCTS_UPDATE),
			delete=allowed(may.PRODUCTS_DELETE),
			release=allowed(may.PRODUCTS_RELEASE),
			structure=allowed(may.STRUCTURES_READ),
			lines=allowed(may.STRUCTURES_UPDATE),
			costs=allowed(may.COSTS_READ),
			prices=allowed(may.COSTS_UPDATE),
			change=allowed(may.CHANGES_CREATE),
		)


async def product_of(work: Work, product_id: str, revision: str | None = None) -> dict[str, Any]:
	"""The product with the revision asked for (label or id), deleted ones too; `etag` beside it."""
	if not is_id(product_id):
		raise NotFound(_("{what} not found", what=_("product")))
	chosen = await service.revision_of(work, product_id, label=revision) if revision else None
	statement = (
		reading.select_products(chosen)
		.where(Item.id == product_id)
		.add_columns(
			Item.target_currency.label("target_currency"),
			Item.deleted_at.label("deleted_at"),
			Item.current_revision_id.label("current_revision_id"),
		)
	)
	found = await work.read_one(statement, Item)
	return {**load_json(found.body), "etag": found.etag}


async def working_of(work: Work, product_id: str) -> str | None:
	"""The id of the working revision that belongs to no change, if there is one."""
	found = await work.session.scalar(reading.latest_working(product_id))
	return None if found is None else found.id


async def open_product(work: Work, product_id: str) -> dict[str, Any]:
	"""The product in the revision that changes go to: the working one, else the current one."""
	if not is_id(product_id):
		raise NotFound(_("{what} not found", what=_("product")))
	return await product_of(work, product_id, await working_of(work, product_id))


async def open_place(work: Work, product_id: str, tab: str = "") -> str:
	"""Where the revision that changes go to is shown: the product's page, or that of a revision."""
	product = await open_product(work, product_id)
	place = f"/plm/products/{product_id}" + (f"/{tab}" if tab else "")
	if product["revision_id"] == product["current_revision_id"]:
		return place
	return f"{place}?revision={product['revision_id']}"


async def frame(
	work: Work, product_id: str, tab: str, revision: str | None = None
) -> dict[str, Any]:
	"""The context of `plm/products/_product.html`. Raises NotFound."""
	product = await product_of(work, product_id, revision)
	rights, carbon = May.of(work), work.port(ItemCarbon)
	base = f"/plm/products/{product_id}"
	of = f"?revision={product['revision_id']}" if revision else ""
	counts = await _counts(work, product_id, product["revision_id"])
	tabs: list[tuple[Any, ...]] = []
	if rights.structure:
		tabs.append(("structure", _("Structure"), f"{base}{of}"))
	tabs.append(("facts", _("Facts"), f"{base}/facts{of}"))
	if rights.costs:
		tabs.append(("costs", _("Costs"), f"{base}/costs{of}", counts["costs"]))
	if rights.structure:
		tabs.append(("where-used", _("Where used"), f"{base}/where-used{of}"))
	tabs.append(("documents", _("Documents"), f"{base}/documents{of}", counts["documents"]))
	tabs.append(("revisions", _("Revisions"), f"{base}/revisions{of}", counts["revisions"]))
	if work.principal.may(may.CHANGES_READ):
		place = f"/plm/changes?{urlencode({'product_id': product['product_number']})}"
		tabs.append(("changes", _("Changes"), place, counts["changes"]))
	tabs.append(("effectivity", _("Effectivity"), f"{base}/effectivity"))
	tabs.append(("sources", _("Sources"), f"{base}/sources"))
	tabs.append(("alternates", _("Alternates"), f"{base}/alternates"))
	if work.principal.may(may.COMPLIANCE_READ):
		tabs.append(("compliance", _("Compliance"), f"{base}/compliance"))
	tabs.append(("identifiers", _("Identifiers"), f"{base}/identifiers{of}", counts["identifiers"]))
	tabs.append(("history", _("History"), f"{base}/history{of}"))
	return {
		"product": product,
		"may": rights,
		"tab": tab,
		"tabs": tabs,
		"base": base,
		"of_revision": of,
		"working_id": await working_of(work, product_id),
		"is_current": product["revision_id"] == product["current_revision_id"],
		"carbon_page": carbon.page(product_id) if carbon.shown(work) else "",
	}


# Documents and changes stand above products; here they are counted only.
_DOCUMENTS = table("plm_revision_documents", column("revision_id", id_type))
_CHANGED = table("plm_change_items", column("item_id", id_type), column("change_id", id_type))


async def _counts(work: Work, product_id: str, revision_id: str | None = None) -> dict[str, int]:
	def of(entity: Any, *more: Any) -> Any:
		return (
			select(func.count())
			.select_from(entity)
			.where(entity.item_id == product_id, *more)
			.scalar_subquery()
		)

	row = await work.execute(
		select(
			of(ItemCost).label("costs"),
			of(Identifier).label("identifiers"),
			of(Revision, Revision.state != "cancelled").label("revisions"),
			select(func.count())
			.select_from(_DOCUMENTS)
			.where(_DOCUMENTS.c.revision_id == revision_id)
			.scalar_subquery()
			.label("documents"),
			select(func.count(distinct(_CHANGED.c.change_id)))
			.where(_CHANGED.c.item_id == product_id)
			.scalar_subquery()
			.label("changes"),
		)
	)
	return dict(row.mappings().one())


async def rows_of(work: Work, product_id: str) -> dict[str, list[str]]:
	"""The ids of all rows that belong to the product, by table: what its history is asked by."""
	found: dict[str, list[str]] = {Item.__tablename__: [product_id]}
	for entity in (Revision, ItemCost, Identifier):
		ids = await work.scalars(select(entity.id).where(entity.item_id == product_id))
		found[entity.__tablename__] = [str(one) for one in ids]
	return found


async def leaves_behind(work: Work, product_id: str) -> dict[str, int]:
	"""What a deletion takes out of sight: how many revisions, costs and identifiers."""
	counts = await _counts(work, product_id)
	return {name: counts[name] for name in ("revisions", "costs", "identifiers")}
