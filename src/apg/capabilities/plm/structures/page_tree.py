"""A structure as its page shows it: rows of the tree with their addresses, filters, key figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.shared.designators import format_designators
from apg.capabilities.plm.shared.explosion import low_level_codes
from apg.capabilities.plm.structures import exact, totals, tree
from apg.capabilities.plm.structures.demands import DemandIn, rule_of
from apg.capabilities.plm.structures.guesses import Guesses, guesses_of
from apg.capabilities.plm.structures.reading import HeadRow, Row, head_of
from apg.capabilities.plm.structures.rollup import Lack, RolledUp
from apg.capabilities.plm.structures.rules import View
from apg.capabilities.plm.structures.tree import Asked
from apg.contracts.esg import ItemCarbon
from apg.contracts.reference import ExchangeRates
from apg.kernel.errors import Invalid
from apg.kernel.later import numpy as np
from apg.kernel.texts import _
from apg.kernel.web.lists import Column, TreeRow
from apg.kernel.web.wire import Amount, amount_text, moment_text
from apg.kernel.work import Work

DEEPEST = 50
MOST_SHOWN = 2_000
MOST_SEARCHED = 20_000
MOST_HITS = 200
COSTS = frozenset({"rolled_cost", "total_cost"})
COLUMNS = (
	Column("find_number", "Find", kind="number"),
	Column("quantity", "Per parent", kind="number"),
	Column("total_quantity", "In all", kind="number"),
	Column("revision", "Revision"),
	Column("designators", "Designators"),
	Column("substitute_count", "Subst.", kind="number"),
	Column("rolled_cost", "Cost", kind="money"),
	Column("total_cost", "Cost in all", kind="money"),
	Column("total_mass", "Mass in all", kind="number", unit="kg"),
	Column("total_co2e", "CO2e in all", kind="number", unit="kg"),
)


class ContextIn(DemandIn):
	"""What the address says about how a structure is read; blank fields are left out before."""

	revision: Annotated[str, Field(max_length=40)] | None = None
	view: View = View.ENGINEERING
	quantity: Annotated[Amount, Field(gt=0, lt=Decimal(10**12))] = Decimal(1)
	currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
	date: Date | None = None


@dataclass(frozen=True, slots=True)
class Context:
	"""The question, and the address that repeats it in links."""

	asked: Asked
	revision: str | None
	given: Mapping[str, str]
	carbon: bool = False

	@property
	def demand_text(self) -> str:
		"""What a rule is asked for, in a word or two; empty for a plain rule."""
		told = (self.given.get(name, "") for name in ("at", "serial", "lot_number", "baseline"))
		return " ".join(one[:20] for one in told if one)

	def url(self, place: str, /, **more: str) -> str:
		query = urlencode({**self.given, **{n: v for n, v in more.items() if v != ""}})
		return f"{place}?{query}" if query else place


async def context_of(work: Work, product_id: str, read: ContextIn) -> Context:
	"""Raises Invalid for an unknown currency, end item or baseline, and for a rule that lacks what it
	needs."""
	currency: str | None = None
	if work.principal.may(may.COSTS_READ):
		currency = read.currency or default_currency(work)
		if read.currency and currency not in await work.port(ExchangeRates).known(work):
			raise Invalid.one("currency", _("{code} is no currency of ISO 4217.", code=currency))
	asked = Asked(
		rule=await rule_of(work, product_id, read),
		view=read.view,
		quantity=read.quantity,
		rollup=True,
		currency=currency,
		day=read.date,
		limit=MOST_SHOWN,
	)
	given = read.model_dump(exclude_unset=True, exclude_none=True, exclude_defaults=True)
	texts = {name: _as_text(value) for name, value in given.items()}
	return Context(asked, read.revision, texts, work.port(ItemCarbon).shown(work))


def _as_text(value: Any) -> str:
	if isinstance(value, Decimal):
		return amount_text(value)
	return moment_text(value) if isinstance(value, datetime) else str(value)


def columns_of(context: Context) -> tuple[Column, ...]:
	"""Without costs and CO2e for whoever may not see them."""
	currency = context.asked.currency
	return tuple(
		replace(column, unit=currency or "") if column.name in COSTS else column
		for column in COLUMNS
		if (currency is not None or column.name not in COSTS)
		and (context.carbon or column.name != "total_co2e")
	)


@dataclass(frozen=True, slots=True)
class Shown:
	"""The rows of a tree, whether there are more, and how deep the structure is."""

	head: HeadRow
	rows: list[TreeRow]
	truncated: bool
	rolled: RolledUp
	levels: int
	guesses: Guesses


async def tree_of(work: Work, product_id: str, context: Context, *, depth: int = 1) -> Shown:
	"""The tree to a depth. Raises NotFound."""
	head = await head_of(work, product_id, revision=context.revision, rule=context.asked.rule)
	found = await tree.indented(work, head, replace(context.asked, depth=min(depth, DEEPEST)))
	assert found.rolled is not None
	guesses = await guesses_of(work, found.rolled)
	rows = _tree_rows(found.rows, context, head, found.rolled, guesses)
	return Shown(head, rows, found.truncated, found.rolled, _levels(found.rolled), guesses)


async def filtered(work: Work, product_id: str, context: Context, text: str) -> Shown:
	"""The rows in which the text occurs, with the way down to each."""
	head = await head_of(work, product_id, revision=context.revision, rule=context.asked.rule)
	asked = replace(context.asked, depth=DEEPEST, limit=MOST_SEARCHED)
	found = await tree.indented(work, head, asked)
	assert found.rolled is not None
	wanted = text.strip().lower()
	kept: set[str] = set()
	hits = 0
	for row in found.rows:
		if hits < MOST_HITS and wanted in _searched(row):
			hits += 1
			kept |= {_key(row["path"][: n + 1]) for n in range(len(row["path"]))}
	rows = [row for row in found.rows if _key(row["path"]) in kept]
	guesses = await guesses_of(work, found.rolled)
	shown = _tree_rows(rows, context, head, found.rolled, guesses)
	more = found.truncated or hits == MOST_HITS
	return Shown(head, shown, more, found.rolled, _levels(found.rolled), guesses)


async def children_of(
	work: Work,
	product_id: str,
	context: Context,
	*,
	path: list[str],
	of: str,
	node: str,
	above: str,
) -> list[TreeRow]:
	"""The lines of the product `of` in revision `node`, standing below `path`; `above` of it are
	needed there, empty when that is not known. Raises NotFound, Invalid."""
	head = await head_of(work, product_id, revision=context.revision, rule=context.asked.rule)
	rolled = await tree.rolled_up(work, head, context.asked)
	child = await head_of(work, of, revision=node, rule=context.asked.rule)
	times = _times(above)
	asked = replace(context.asked, rollup=False, quantity=Decimal(1))
	found = await tree.indented(work, child, asked)
	structure = rolled.snapshot.structure
	for row in found.rows:
		row["path"] = [*path, *row["path"]]
		row["level"] += len(path)
		one = row["total_quantity"]
		total = None if one is None or times is None else Fraction(one) * times
		row["total_quantity"] = None if total is None else exact.quantity_of(total)
		if row["revision_id"] in structure:
			row |= tree.figures_of(rolled, structure.index(row["revision_id"]), total)
	return _tree_rows(found.rows, context, head, rolled, await guesses_of(work, rolled))


def _times(text: str) -> Fraction | None:
	"""How many of the parent are needed; an address that says nothing readable says nothing."""
	try:
		times = Decimal(text if len(text) < 80 else "NaN")
	except ArithmeticError:
		return None
	return Fraction(times) if times.is_finite() and -40 < times.adjusted() < 40 else None


def _key(path: list[str]) -> str:
	return ".".join(path)


def _searched(row: Row) -> str:
	names = " ".join(row["designators"])
	return f"{row['product_number']} {row['product_name']} {names} {row['note'] or ''}".lower()


def _levels(rolled: RolledUp) -> int:
	return int(np.max(low_level_codes(rolled.snapshot.structure, rolled.root)))


def _tree_rows(
	rows: list[Row], context: Context, head: HeadRow, rolled: RolledUp, guesses: Guesses
) -> list[TreeRow]:
	present = {_key(row["path"]) for row in rows}
	groups: dict[str, int] = {}
	with_children: set[str] = set()
	for row in rows:
		parent = _key(row["path"][:-1])
		groups[parent] = groups.get(parent, 0) + 1
		with_children.add(parent)
	top = rolled.snapshot.structure.index(rolled.root)
	times = Fraction(context.asked.quantity)
	largest = {name: rolled.total(name, top, times) for name in rolled.rolled.figures}
	places: dict[str, int] = {}
	made: list[TreeRow] = []
	for row in rows:
		key, parent = _key(row["path"]), _key(row["path"][:-1])
		places[parent] = places.get(parent, 0) + 1
		base = f"/plm/products/{head.product_id}/structure"
		total = row["total_quantity"]
		made.append(
			TreeRow(
				key=key,
				label=row["product_number"],
				level=row["level"],
				parent=parent if parent in present else "",
				position=places[parent],
				siblings=groups[parent],
				children=int(row["has_children"]),
				open=key in with_children,
				children_url=context.url(
					f"{base}/children",
					of=row["product_id"],
					node=row["revision_id"],
					path=key,
					above="" if total is None else f"{total:f}",
				),
				href=f"/plm/products/{row['product_id']}",
				values=_values(row, context, largest, rolled, guesses),
			)
		)
	return made


def _values(
	row: Row,
	context: Context,
	largest: Mapping[str, Decimal | None],
	rolled: RolledUp,
	guesses: Guesses,
) -> dict[str, Any]:
	lacks = {f"{name}_reason": _reason(row, name, rolled) for name in ("cost", "mass", "co2e")}
	node = row["revision_id"]
	at = rolled.node_of(node) if node in rolled.snapshot.structure else -1
	empty = {"rolled_cost": None, "total_cost": None, "total_mass": None, "total_co2e": None}
	return {
		**empty,
		**plain(row),
		**lacks,
		"all_designators": row["designators"],
		"designators": format_designators(row["designators"]) if row["designators"] else "",
		"currency": context.asked.currency,
		"cost_estimated": at >= 0 and bool(guesses.cost[at]),
		"mass_estimated": at >= 0 and bool(guesses.mass[at]),
		"largest_cost": largest.get("cost"),
		"largest_mass": largest.get("mass"),
		"largest_co2e": largest.get("co2e"),
	}


def plain(value: Any) -> Any:
	"""The same with no decimal but those that say something: 22, not 22.000000."""
	if isinstance(value, Decimal):
		return Decimal(amount_text(value))
	if isinstance(value, dict):
		return {name: plain(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
	if isinstance(value, list):
		return [plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
	return value


def _reason(row: Row, name: str, rolled: RolledUp) -> str:
	lack = row.get(f"{name}_lack")
	if lack and name == "co2e" and rolled.carbon is not None:
		return rolled.carbon.text(rolled.node_of(row["revision_id"]))
	if lack:
		return totals.lack_text(Lack(lack))
	if row.get(f"rolled_{name}") is None:
		return _("Nothing below it is known yet.")
	return _("The line does not say how many are needed.")
