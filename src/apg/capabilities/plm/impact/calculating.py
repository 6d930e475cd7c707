"""The whole impact of one package: end items, metrics, causing lines, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.changes.models import ChangeItem
from apg.capabilities.plm.compliance import evaluating
from apg.capabilities.plm.impact.causes import causes_of
from apg.capabilities.plm.impact.figures import Basis, basis_of
from apg.capabilities.plm.impact.graph import Graph, graph_of
from apg.capabilities.plm.shared.compliance_math import Status
from apg.capabilities.plm.shared.impact_math import worst, worst_after
from apg.capabilities.plm.structures.carbon import CO2E
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.prices import REASONS
from apg.capabilities.plm.structures.reading import facts_of
from apg.capabilities.plm.structures.rollup import BOUGHT, COST, Lack
from apg.capabilities.plm.structures.totals import lack_text
from apg.contracts.esg import Carbon
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

MOST_MISSING = 20
MOST_SUBSTANCES = 100
COMPLIANCE, LEAD_TIME = "compliance", "lead_time"

_LEAD_TIMES = """
	select o.item_id::text, min(coalesce(o.lead_time_days, s.lead_time_days))
	from plm_offers o join plm_suppliers s on s.id = o.supplier_id
	where o.item_id = any($1::uuid[]) and coalesce(o.lead_time_days, s.lead_time_days) is not null
	group by o.item_id
"""


@dataclass(frozen=True, slots=True)
class EndItem:
	"""`before` and `at` are places in base (None: new) and in the overlay."""

	item_id: str
	before_revision_id: str | None
	after_revision_id: str
	before: int | None
	at: int


@dataclass(slots=True)
class Outcome:
	"""What is stored: figures as columns of ImpactFigure, inputs, lines, substances."""

	figures: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	substances: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	inputs: dict[str, Any] = field(default_factory=dict[str, Any])


async def calculate(
	work: Work, items: Sequence[ChangeItem], *, currency: str, day: date
) -> Outcome:
	"""Every end item in every metric. Raises StructureCycle."""
	graph = await graph_of(work, items)
	outcome = Outcome()
	if graph is None:
		return outcome
	basis = await basis_of(work, graph, currency=currency, day=day)
	ends = _ends(graph)
	nodes = {one.after_revision_id for one in ends}
	nodes |= set(graph.swaps.values())
	names = {
		node: {
			"product_id": row["product_id"],
			"product_number": row["product_number"],
			"product_name": row["product_name"],
			"revision_id": node,
		}
		for node, row in (await facts_of(work, sorted(nodes))).items()
	}
	ends.sort(key=lambda one: names[one.after_revision_id]["product_number"])
	for name, unit in basis.metrics.items():
		for one in ends:
			outcome.figures.append(await _figure(work, basis, name, unit, one))
	await _lead_times(work, graph, ends, outcome)
	await _compliance(work, graph, ends, outcome, day)
	outcome.lines = await causes_of(work, basis, [(one.item_id, one.at) for one in ends], names)
	outcome.inputs = _inputs(basis)
	return outcome


def _ends(graph: Graph) -> list[EndItem]:
	structure, fresh = graph.snapshot.structure, set(graph.fresh)
	found: list[EndItem] = []
	for before, at in graph.overlay.ends():
		node = int(graph.overlay.source[at])
		after = structure.name(node)
		is_new = after in fresh
		found.append(
			EndItem(
				graph.snapshot.item_of(node),
				None if is_new else structure.name(before),
				after,
				None if is_new else before,
				at,
			)
		)
	return found


async def _figure(work: Work, basis: Basis, name: str, unit: str, one: EndItem) -> dict[str, Any]:
	change = basis.change(name, one.before, one.at)
	return {
		**_row(one, name, unit),
		"before": change.before,
		"after": change.after,
		"delta": change.delta,
		"certain": change.certain and change.delta is not None,
		"estimated": name == CO2E and basis.estimated(one.at),
		"before_coverage": change.before_coverage,
		"after_coverage": change.after_coverage,
		"missing_before": change.missing_before,
		"missing_after": change.missing_after,
		"missing": await _missing(work, basis, name, one) if change.missing_after else [],
	}


def _row(one: EndItem, metric: str, unit: str) -> dict[str, Any]:
	return {
		"item_id": one.item_id,
		"before_revision_id": one.before_revision_id,
		"after_revision_id": one.after_revision_id,
		"metric": metric,
		"unit": unit,
		"before": None,
		"after": None,
		"delta": None,
		"before_word": None,
		"after_word": None,
		"certain": False,
		"estimated": False,
		"before_coverage": None,
		"after_coverage": None,
		"missing_before": 0,
		"missing_after": 0,
		"missing": [],
	}


async def _missing(work: Work, basis: Basis, name: str, one: EndItem) -> list[dict[str, Any]]:
	"""What the end item lacks afterwards, at most twenty by number."""
	snapshot, rolled = basis.graph.snapshot, basis.rolled
	structure = snapshot.structure
	reached = basis.graph.overlay.below(one.at)
	figures = rolled.figures[name]
	need = structure.leaf if figures.required is None else structure.leaf | figures.required
	lacking = reached[need[reached] & ~figures.known[reached]].tolist()[:MOST_MISSING]
	facts = await facts_of(work, [structure.name(node) for node in lacking])
	found: list[dict[str, Any]] = []
	for node in lacking:
		row = facts.get(structure.name(node))
		if row is None:
			continue
		if name == CO2E and basis.carbon is not None:
			message, remedy = basis.carbon.text(node), basis.carbon.remedy(node)
		elif name == COST:
			reason = REASONS[int(basis.prices.reason[snapshot.item[node]])]
			message, remedy = lack_text(Lack(str(reason))), ""
		else:
			given = bool(basis.masses.given[node])
			message, remedy = lack_text(Lack.MASS_UNIT if given else Lack.NO_MASS), ""
		found.append(
			{
				"product_id": row["product_id"],
				"product_number": row["product_number"],
				"product_name": row["product_name"],
				"message": message,
				"page": remedy or f"/plm/products/{row['product_id']}",
			}
		)
	return sorted(found, key=lambda row: row["product_number"])


async def _lead_times(work: Work, graph: Graph, ends: Sequence[EndItem], outcome: Outcome) -> None:
	"""The longest lead time of anything bought for the end item, in days; offers say it."""
	snapshot, structure = graph.snapshot, graph.snapshot.structure
	items = [name.decode() for name in snapshot.items.tolist()]
	days = {row[0]: int(row[1]) for row in await fetched(work, _LEAD_TIMES, items)}
	if not days:
		return
	bought = np.isin(snapshot.type, BOUGHT)
	of_item = np.array([days.get(item, -1) for item in items])[snapshot.item]
	counts = structure.leaf | bought
	own = np.where(counts & (of_item >= 0), of_item, 0)
	lacking = (structure.leaf & (of_item < 0)).astype(np.int64)
	stopped = bought & ~structure.leaf & (of_item >= 0)
	before = worst(structure, own, stopped)
	after = worst_after(graph.overlay, own, before, stopped)
	gaps = worst(structure, lacking, stopped)
	gaps_after = worst_after(graph.overlay, lacking, gaps, stopped)
	for one in ends:
		old = None if one.before is None else Decimal(int(before[one.before]))
		new = Decimal(int(after[one.at]))
		if not old and not new:
			continue
		complete = not gaps_after[one.at] and (one.before is None or not gaps[one.before])
		outcome.figures.append(
			_row(one, LEAD_TIME, "d")
			| {
				"before": old,
				"after": new,
				"delta": None if old is None else new - old,
				"certain": bool(complete) and old is not None,
				"missing_before": 0 if one.before is None else int(gaps[one.before]),
				"missing_after": int(gaps_after[one.at]),
			}
		)


async def _compliance(
	work: Work, graph: Graph, ends: Sequence[EndItem], outcome: Outcome, day: date
) -> None:
	snapshot, structure = graph.snapshot, graph.snapshot.structure
	items = [name.decode() for name in snapshot.items.tolist()]
	standing = await evaluating.standing_of(work, items)
	rows: dict[str, list[dict[str, Any]]] = {one.item_id: [] for one in ends}
	for rule in standing.rules:
		nodes = evaluating.of_nodes(standing, rule, snapshot, day)
		before = worst(structure, nodes.own, nodes.stopped)
		after = worst_after(graph.overlay, nodes.own, before, nodes.stopped)
		for one in ends:
			old = None if one.before is None else Status(int(before[one.before]))
			rows[one.item_id].append(
				{
					"regulation": rule.code,
					"name": rule.name,
					"before": None if old is None else old.word,
					"after": Status(int(after[one.at])).word,
				}
			)
	if standing.rules:
		for one in ends:
			told = rows[one.item_id]
			old = max((Status[r["before"].upper()] for r in told if r["before"]), default=None)
			new = max(Status[r["after"].upper()] for r in told)
			outcome.figures.append(
				_row(one, COMPLIANCE, "")
				| {
					"before_word": None if old is None else old.word,
					"after_word": new.word,
					"certain": new is not Status.UNKNOWN and old is not Status.UNKNOWN,
					"missing": told,
				}
			)
	outcome.substances = _substances(graph, standing, items, ends)


def _substances(
	graph: Graph, standing: evaluating.Standing, items: list[str], ends: Sequence[EndItem]
) -> list[dict[str, Any]]:
	"""Declared substances that an end item holds afterwards and did not hold before."""
	snapshot, structure = graph.snapshot, graph.snapshot.structure
	holders: dict[tuple[str, str], set[int]] = {}
	for place, item in enumerate(items):
		for code, names in standing.substances(item).items():
			for name in names:
				holders.setdefault((code, name), set()).add(place)
	found: list[dict[str, Any]] = []
	for (code, name), places in sorted(holders.items())[:MOST_SUBSTANCES]:
		own = np.isin(snapshot.item, np.array(sorted(places))).astype(np.int64)
		before = worst(structure, own)
		after = worst_after(graph.overlay, own, before)
		new_in = [
			one.item_id
			for one in ends
			if after[one.at] and (one.before is None or not before[one.before])
		]
		if new_in:
			found.append({"substance": name, "regulation": code, "end_items": new_in})
	return found


def _inputs(basis: Basis) -> dict[str, Any]:
	structure = basis.graph.snapshot.structure
	versions: set[str] = set()
	if basis.carbon is not None:
		for said in basis.carbon.own.values():
			if isinstance(said, Carbon):
				versions.update(said.factor_version_ids)
		if basis.carbon.by_material is not None:
			for rate in basis.carbon.by_material.rates:
				if isinstance(rate, Carbon):
					versions.update(rate.factor_version_ids)
	return {
		"nodes": structure.node_count,
		"lines": structure.line_count,
		"ancestors": basis.graph.overlay.after.node_count,
		"carbon": basis.carbon is not None,
		"factor_versions": sorted(versions)[:500],
		"rates": [
			{
				"currency": rate.currency,
				"units_per_eur": f"{rate.units_per_eur:f}",
				"day": rate.day.isoformat(),
				"source": rate.source,
			}
			for rate in basis.prices.used
		],
	}
