"""The impact of a change as it is answered: what the reader may see of what was calculated."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import firing, service
from apg.capabilities.plm.impact.models import METRICS, Impact, ImpactFigure
from apg.capabilities.plm.permissions import COSTS_READ
from apg.capabilities.plm.shared.change_states import ChangeKind
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.contracts.esg import ItemCarbon
from apg.kernel import tasks
from apg.kernel.texts import _
from apg.kernel.work import Work

_NAMES = """
	select i.id::text as product_id, i.number as product_number, coalesce(r.name, '') as product_name
	from plm_items i left join plm_revisions r on r.id = i.current_revision_id
	where i.id = any($1::uuid[])
"""
_LABELS = "select id::text, label from plm_revisions where id = any($1::uuid[])"


async def of_change(work: Work, change: Change) -> dict[str, Any]:
	"""The last calculation of the present package, else of the one before, with what fired."""
	impact = await service.latest(work, change.id, change.package_hash)
	stale = False
	if impact is None:
		impact, stale = await service.any_latest(work, change.id), True
	told: dict[str, Any] = {
		"change_id": change.id,
		"package_hash": change.package_hash,
		"status": "not_calculated",
		"reason": None,
		"stale": False,
		**dict.fromkeys(("run", "cause", "calculated_at", "currency", "price_day", "actual")),
		"inputs": {},
		"headline": {},
		"absent": _absent(work),
		**{name: [] for name in ("end_items", "lines", "substances", "moved", "policies")},
	}
	if change.kind != ChangeKind.CHANGE_ORDER:
		return told | {"reason": _("Only a change order has revisions whose impact is calculated.")}
	running = await tasks.progress(work, f"{change.id}/impact")
	if impact is None:
		if running is not None and running.state == "failed":
			return told | {"status": "failed", "reason": _("The calculation was not possible.")}
		return told | {
			"status": "calculating" if change.package_hash else "not_calculated",
			"reason": _("It is calculated as soon as the order says what changes."),
		}
	told |= {
		"status": "calculated" if impact.state == "done" else "failed",
		"reason": impact.reason,
		"stale": stale,
		"run": impact.run,
		"cause": impact.cause,
		"calculated_at": impact.calculated_at,
		"currency": impact.currency,
		"price_day": impact.price_day,
		"inputs": impact.inputs,
	}
	if impact.state != "done":
		return told
	shown = [name for name in METRICS if name not in told["absent"]]
	figures = await service.figures_of(work, impact.id)
	names = await _names(work, figures, impact)
	told["end_items"] = await _end_items(work, figures, names, shown)
	told["headline"] = {
		name: one | {"product": names.get(one.get("item_id") or "")}
		for name, one in impact.headline.items()
		if name in shown
	}
	told["lines"] = [_line(row, names, shown) for row in impact.lines]
	told["lines"] = [row for row in told["lines"] if row["deltas"]]
	told["substances"] = [
		row | {"end_items": [names.get(one) for one in row["end_items"]]}
		for row in impact.substances
	]
	told["moved"] = [
		row | {"product": names.get(row["item_id"])}
		for row in impact.moved
		if row["metric"] in shown
	]
	told["policies"] = [one.wire(shown) for one in await firing.fired(work, impact, figures, names)]
	actual = await service.latest(work, change.id, change.package_hash, released=True)
	if actual is not None:
		rows = await service.figures_of(work, actual.id)
		told["actual"] = {
			"calculated_at": actual.calculated_at,
			"price_day": actual.price_day,
			"end_items": await _end_items(work, rows, names, shown),
		}
	return told


def _absent(work: Work) -> dict[str, str]:
	found: dict[str, str] = {}
	if not work.principal.may(COSTS_READ):
		found["cost"] = _("You may not see costs.")
	if not work.port(ItemCarbon).shown(work):
		found["co2e"] = (
			_("You may not see carbon figures.")
			if "esg" in work.principal.enabled
			else _("Sustainability is switched off, so there are no carbon figures.")
		)
	return found


async def _names(
	work: Work, figures: Sequence[ImpactFigure], impact: Impact
) -> dict[str, dict[str, Any]]:
	wanted = {row.item_id for row in figures}
	for line in impact.lines:
		wanted.update(line["amounts"])
	return {row["product_id"]: row for row in await mapped(work, _NAMES, sorted(wanted))}


async def _end_items(
	work: Work,
	figures: Sequence[ImpactFigure],
	names: dict[str, dict[str, Any]],
	shown: Sequence[str],
) -> list[dict[str, Any]]:
	revisions = {one for row in figures for one in (row.before_revision_id, row.after_revision_id)}
	labels = {
		row["id"]: row["label"]
		for row in await mapped(work, _LABELS, sorted(one for one in revisions if one))
	}
	found: dict[str, dict[str, Any]] = {}
	for row in figures:
		if row.metric not in shown or row.item_id not in names:
			continue
		one = found.setdefault(
			row.item_id,
			names[row.item_id]
			| {
				"before_revision": labels.get(row.before_revision_id or ""),
				"after_revision": labels.get(row.after_revision_id or ""),
				"figures": {},
			},
		)
		one["figures"][row.metric] = _figure(row)
	return sorted(found.values(), key=lambda one: one["product_number"])


def _figure(row: ImpactFigure) -> dict[str, Any]:
	return {
		"unit": row.unit,
		"before": plain(row.before),
		"after": plain(row.after),
		"delta": plain(row.delta),
		"percent": percent(row.before, row.delta),
		"before_word": row.before_word,
		"after_word": row.after_word,
		"certain": row.certain,
		"estimated": row.estimated,
		"before_coverage": row.before_coverage,
		"after_coverage": row.after_coverage,
		"missing_before": row.missing_before,
		"missing_after": row.missing_after,
		"missing": row.missing,
	}


def plain(value: Decimal | None) -> Decimal | None:
	"""The same number without the zeros that say nothing."""
	if value is None:
		return None
	return value.quantize(Decimal(1)) if value == value.to_integral() else value.normalize()


def percent(before: Decimal | None, delta: Decimal | None) -> Decimal | None:
	"""The difference in hundredths of what was before; None where there was nothing."""
	if not before or delta is None:
		return None
	return (delta * 100 / abs(before)).quantize(Decimal("0.01"))


def _line(
	row: dict[str, Any], names: dict[str, dict[str, Any]], shown: Sequence[str]
) -> dict[str, Any]:
	quantities = {
		name: None if row[name] is None else plain(Decimal(row[name]))
		for name in ("quantity_before", "quantity_after")
	}
	return row | {
		**quantities,
		"deltas": {
			name: plain(Decimal(value))
			for name, value in row["deltas"].items()
			if name in shown and Decimal(value) != 0
		},
		"amounts": [
			{"product": names[one], "amount": plain(Decimal(amount))}
			for one, amount in row["amounts"].items()
			if one in names
		],
	}
