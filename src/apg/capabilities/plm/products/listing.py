"""The list of products as its page offers it, and the few figures of the first page."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select

from apg.capabilities.plm.permissions import COSTS_READ
from apg.capabilities.plm.products import reading, service
from apg.capabilities.plm.products.models import Item, ItemCost, Revision
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase, ProductType
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.json_rows import Page
from apg.kernel.rows import texts
from apg.kernel.tabular import Cell
from apg.kernel.tabular import Column as Heading
from apg.kernel.texts import _
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.work import Work

MOST_EXPORTED = 100_000
RECENT = 6
MOST_CHOICES = 12


def words(value: str) -> str:
	"""How a person reads a value of an enum."""
	return value.replace("_", " ").capitalize()


TYPES = [(str(one), words(one)) for one in ProductType]
PHASES = [(str(one), words(one)) for one in LifecyclePhase]
COSTS = frozenset({"current_cost", "target_cost", "cost_min", "cost_max"})
PRODUCTS = ListSpec(
	columns=(
		Column("product_number", "Number", sortable=True),
		Column("product_name", "Name", sortable=True),
		Column("product_type", "Type", sortable=True),
		Column("lifecycle_phase", "Phase", sortable=True, kind="state"),
		Column("revision", "Revision", sortable=True),
		Column("current_cost", "Cost of one", kind="money"),
		Column("target_cost", "Target cost", sortable=True, kind="money", default_visible=False),
		Column("mass", "Mass of one", kind="number"),
		Column("material", "Material", default_visible=False),
		Column("class_path", "Class", default_visible=False),
		Column("unit_of_measure", "Unit", default_visible=False),
		Column("tags", "Tags"),
		Column("status", "Status", kind="state", default_visible=False),
		Column("updated_at", "Changed", sortable=True, kind="datetime"),
		Column("created_at", "Created", sortable=True, kind="datetime", default_visible=False),
	),
	filters=(
		Filter("search", "Search products"),
		Filter("product_type", "Type", "choice", TYPES, many=True),
		Filter("lifecycle_phase", "Phase", "choice", PHASES, many=True),
		Filter(
			"status",
			"Status",
			"choice",
			[("active", "Active"), ("inactive", "Inactive"), ("deleted", "Deleted")],
		),
		Filter(
			"lacking",
			"Lacking",
			"choice",
			[("cost", "No cost of its own"), ("mass", "No mass of its own")],
		),
		Filter("tags", "Tags"),
		Filter("cost_min", "Cost from", "number"),
		Filter("cost_max", "to", "number"),
	),
	default_sort="-updated_at",
	max_page_size=250,
)


def offered(work: Work) -> ListSpec:
	"""What this person may ask of the list: no costs for whoever may not see them."""
	if work.principal.may(COSTS_READ):
		return PRODUCTS
	lacking = Filter("lacking", "Lacking", "choice", [("mass", "No mass of its own")])
	return replace(
		PRODUCTS,
		columns=tuple(one for one in PRODUCTS.columns if one.name not in COSTS),
		filters=tuple(
			lacking if one.name == "lacking" else one
			for one in PRODUCTS.filters
			if one.name not in COSTS
		),
	)


def _criteria(state: ListState) -> dict[str, object]:
	criteria: dict[str, object] = {}
	if state["search"]:
		criteria["q"] = state["search"]
	if state["tags"]:
		criteria["tags"] = [one.strip() for one in str(state["tags"]).split(",") if one.strip()]
	for name in ("cost_min", "cost_max"):
		if isinstance(state[name], Decimal):
			criteria[name] = state[name]
	return criteria


def _matching(state: ListState) -> Select[Any]:
	status = state["status"]
	statement = service.matching(criteria=_criteria(state), status=str(status) if status else None)
	# Only this page shows two currencies beside each other; the wire has one.
	statement = statement.add_columns(Item.target_currency.label("target_currency"))
	if types := state.values("product_type"):
		statement = statement.where(Item.product_type == texts(types))
	if phases := state.values("lifecycle_phase"):
		statement = statement.where(Item.lifecycle_phase == texts(phases))
	if state["lacking"] == "mass":
		statement = statement.where(Revision.mass.is_(None))
	if state["lacking"] == "cost":
		priced = select(ItemCost.id).where(
			ItemCost.tenant_id == Item.tenant_id, ItemCost.item_id == Item.id
		)
		statement = statement.where(~priced.exists())
	return statement


def _sort(state: ListState) -> tuple[tuple[str, bool], ...]:
	return tuple((one.name, one.descending) for one in state.sort)


async def listed(work: Work, state: ListState) -> Page:
	"""The rows of the page that the address asks for."""
	return await service.page(
		work, _matching(state), sort=_sort(state), number=state.page, size=state.page_size
	)


async def exported(work: Work, state: ListState) -> tuple[list[Heading], list[Sequence[Cell]]]:
	"""Headings and cells of all that the filters leave, in the columns shown, money with its
	currency and mass with its unit beside it. Raises Invalid beyond `MOST_EXPORTED` rows."""
	page = await service.page(
		work, _matching(state), sort=_sort(state), number=1, size=MOST_EXPORTED
	)
	rows: list[dict[str, Any]] = load_json(page.body)
	if page.total > len(rows):
		raise Invalid.one(
			"search",
			_("That is more than {n} products; narrow the list with a filter.", n=MOST_EXPORTED),
		)
	beside = {"current_cost": "currency", "target_cost": "target_currency", "mass": "mass_unit"}
	names: list[str] = []
	headings: list[Heading] = []
	for column in state.visible:
		names.append(column.name)
		headings.append(Heading(_(column.label)))
		if other := beside.get(column.name):
			names.append(other)
			headings.append(Heading(_("{name}, unit", name=_(column.label))))
	return headings, [[_cell(row[name]) for name in names] for row in rows]


async def choices(work: Work, text: str) -> list[dict[str, Any]]:
	"""A few products whose number or name holds the text; nothing for less than two characters."""
	if len(text) < 2:
		return []
	statement = service.matching(criteria={"q": text}, status="active")
	page = await service.page(
		work, statement, sort=(("product_number", False),), number=1, size=MOST_CHOICES
	)
	return load_json(page.body)


def _cell(value: Any) -> Cell:
	if isinstance(value, list):
		return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	return value


async def costs_of(work: Work, product_id: str) -> list[dict[str, Any]]:
	"""All costs of a product, the newest first, with the supplier's number of what is sold."""
	statement = reading.select_costs(product_id).add_columns(ItemCost.sku.label("sku"))
	return load_json(await work.read_json(statement))


async def overview(work: Work) -> dict[str, Any] | None:
	"""What the first page says of products; None while there are none, so that it says the first step."""
	live = ~Item.is_deleted
	joined = (Revision.tenant_id == Item.tenant_id) & (Revision.id == Item.current_revision_id)
	costs = work.principal.may(COSTS_READ)
	priced = select(ItemCost.id).where(
		ItemCost.tenant_id == Item.tenant_id, ItemCost.item_id == Item.id
	)
	counts = (
		(
			await work.execute(
				select(
					func.count().label("total"),
					func.count().filter(Revision.state == "released").label("released"),
					func.count().filter(Revision.mass.is_(None)).label("without_mass"),
					func.count().filter(~priced.exists()).label("without_cost"),
				)
				.select_from(Item)
				.join(Revision, joined)
				.where(live)
			)
		)
		.mappings()
		.one()
	)
	if not counts["total"]:
		return None
	recent = reading.select_products().where(live).order_by(Item.updated_at.desc()).limit(RECENT)
	return {**counts, "costs": costs, "recent": load_json(await work.read_json(recent))}
