"""The roll-up of one product as it is answered: totals, coverage, what is missing and why."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from apg.capabilities.plm.shared.bom_math import Gap
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.carbon import CO2E, UNIT, NodeCarbon
from apg.capabilities.plm.structures.masses import KILOGRAM
from apg.capabilities.plm.structures.reading import HeadRow, Row, facts_of
from apg.capabilities.plm.structures.rollup import COST, MASS, Lack, RolledUp, Told
from apg.capabilities.plm.structures.tree import Asked, rolled_up
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

LARGEST_CONTRIBUTIONS = 10


def lack_text(lack: Lack) -> str:
	"""Why a figure is missing and what mends it."""
	match lack:
		case Lack.NO_PRICE:
			return _("No price is recorded; record one.")
		case Lack.PRICE_NOT_YET_VALID:
			return _("Its prices begin on a later day; record one for this day.")
		case Lack.NO_RATE:
			return _("There is no exchange rate for the currency of its price; record one.")
		case Lack.NO_MASS:
			return _("No mass is recorded; record it on the product.")
		case Lack.MASS_UNIT:
			return _("The unit of its mass cannot be converted to kg; correct the unit.")
		case Lack.AS_REQUIRED:
			return _("The line takes as much as is required; give a quantity to count it.")
		case Lack.NO_QUANTITY:
			return _("The line gives no quantity; give one to count it.")
		case Lack.UNIT:
			return _(
				"The line's unit cannot be converted to the product's unit; correct one of them."
			)


async def answer(work: Work, head: HeadRow, asked: Asked, *, limit: int) -> dict[str, Any]:
	"""Totals of cost, mass and CO2e, at most `limit` missing places each."""
	return await summary(work, head, asked, await rolled_up(work, head, asked), limit=limit)


async def summary(
	work: Work, head: HeadRow, asked: Asked, rolled: RolledUp, *, limit: int
) -> dict[str, Any]:
	"""The same for a roll-up that was made already."""
	below = rolled.below
	told = {name: rolled.told(name, limit, LARGEST_CONTRIBUTIONS) for name in rolled.rolled.figures}
	named = set[str]().union(*(each.named() for each in told.values()))
	facts = await facts_of(work, sorted(named), rolled.snapshot.rule)
	whole: dict[str, Any] = {
		"product": head.wire(),
		**asked.wire(),
		"lines": rolled.line_count,
		"products": int(below.size) - 1,
		"structure_hash": rolled.snapshot.hash_below(head.revision_id)
		if rolled.snapshot.root
		else None,
		"cost": None,
		"mass": _total(rolled, MASS, KILOGRAM, told[MASS], facts),
		"co2e": None,
	}
	if rolled.carbon is not None:
		node = rolled.node_of(rolled.root)
		whole["co2e"] = _total(rolled, CO2E, UNIT, told[CO2E], facts) | {
			"estimated": bool(rolled.carbon.estimated[node]),
			"day": asked.day or utc_now().date(),
			"page": rolled.carbon.port.page(head.product_id),
		}
	if rolled.prices is not None:
		cost = _total(rolled, COST, rolled.prices.currency, told[COST], facts)
		cost |= {
			"currency": rolled.prices.currency,
			"day": rolled.prices.day,
			"rates": [
				{
					"currency": rate.currency,
					"units_per_eur": rate.units_per_eur,
					"day": rate.day,
					"source": rate.source,
					"own": rate.own,
				}
				for rate in rolled.prices.used
			],
			"target_cost": head.target_cost
			if head.target_currency in (None, rolled.prices.currency)
			else None,
		}
		whole["cost"] = cost
	return whole


def _total(
	rolled: RolledUp, name: str, unit: str, told: Told, facts: dict[str, Row]
) -> dict[str, Any]:
	report, total = told.report, told.total
	words: dict[Any, tuple[str, str | None]] = {}
	return {
		"unit": unit,
		"unit_total": told.unit_total,
		"total": total,
		"complete": report.complete,
		"coverage": _share(report.coverage),
		"item_coverage": _share(report.item_coverage),
		"needed": report.items_needed,
		"missing_count": report.gap_count,
		"missing": [_missing(rolled, name, *gap, facts, words) for gap in told.gaps],
		"recorded": rolled.own(name, rolled.node_of(rolled.root)),
		"contributions": [
			{
				**_named(facts[item]),
				"quantity": quantity,
				"unit": facts[item]["unit_of_measure"],
				"each": each,
				"value": value,
				"share": _share(plain / float(total)) if total else None,
			}
			for item, quantity, each, value, plain in told.contributions
		],
	}


def _share(value: float) -> Decimal:
	return exact.decimal_of(Fraction(value), 6)


def _named(facts: Row) -> dict[str, Any]:
	return {name: facts[name] for name in ("product_id", "product_number", "product_name")}


def _missing(
	rolled: RolledUp,
	name: str,
	gap: Gap,
	lack: str,
	amount: Decimal | None,
	facts: dict[str, Row],
	words: dict[Any, tuple[str, str | None]],
) -> dict[str, Any]:
	own = facts[gap.item]
	of_carbon = rolled.carbon if name == CO2E and rolled.carbon and gap.parent is None else None
	said: Any = of_carbon.missing(rolled.node_of(gap.item)) if of_carbon else lack
	if said not in words:  # the same few reasons, over and over
		words[said] = _words(rolled, gap, lack, of_carbon)
	message, remedy = words[said]
	parent = facts.get(gap.parent or "")
	return {
		**_named(own),
		"revision": own["revision"],
		"quantity": amount,
		"unit": own["unit_of_measure"],
		"reason": lack,
		"message": message,
		"parent_product_id": parent["product_id"] if parent else None,
		"parent_product_number": parent["product_number"] if parent else None,
		"remedy": remedy,
	}


def _words(
	rolled: RolledUp, gap: Gap, lack: str, of_carbon: NodeCarbon | None
) -> tuple[str, str | None]:
	"""Why there is no figure, and the page that mends it."""
	if of_carbon is None:
		return lack_text(Lack(lack)), None
	node = rolled.node_of(gap.item)
	return of_carbon.text(node), of_carbon.remedy(node) or None
