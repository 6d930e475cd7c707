"""What is calculated for a change, kept, and compared with what was calculated before."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.plm.changes import package
from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.impact.calculating import Outcome, calculate
from apg.capabilities.plm.impact.models import RENEWED, Impact, ImpactFigure
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.shared.change_states import ChangeKind, ChangeStatus
from apg.capabilities.plm.shared.compliance_math import Status
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.snapshots import StructureCycle
from apg.kernel.rows import insert_rows
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.work import Work

OPEN = (
	ChangeStatus.DRAFT,
	ChangeStatus.SUBMITTED,
	ChangeStatus.UNDER_REVIEW,
	ChangeStatus.APPROVED,
	ChangeStatus.ON_HOLD,
	ChangeStatus.REJECTED,
)
QUANTITIES = ("cost", "co2e", "mass", "lead_time")
MOST_MOVED = 100


async def latest(
	work: Work, change_id: str, package_hash: str | None, *, released: bool = False
) -> Impact | None:
	"""The last calculation of a package that was predicted, or what came of it."""
	if package_hash is None:
		return None
	cause = Impact.cause == "released" if released else Impact.cause != "released"
	found = await work.scalars(
		select(Impact)
		.where(Impact.change_id == change_id, Impact.package_hash == package_hash, cause)
		.order_by(Impact.run.desc())
		.limit(1)
	)
	return found[0] if found else None


async def any_latest(work: Work, change_id: str) -> Impact | None:
	"""The last prediction of a change, whatever its package was."""
	found = await work.scalars(
		select(Impact)
		.where(Impact.change_id == change_id, Impact.cause != "released")
		.order_by(Impact.run.desc())
		.limit(1)
	)
	return found[0] if found else None


async def figures_of(work: Work, impact_id: str) -> list[ImpactFigure]:
	return await work.scalars(
		select(ImpactFigure)
		.where(ImpactFigure.impact_id == impact_id)
		.order_by(ImpactFigure.metric, ImpactFigure.item_id)
	)


async def record(work: Work, change: Change, cause: str) -> Impact:
	"""Calculates the package as it is now and keeps it, with what moved since the run before.

	Where it was only asked for because something outside of the order moved, and no figure did, the
	run before stays the last one, and with it the difference it shows. A structure that closes a ring is kept as a failure with its reason.
	"""
	currency, day = default_currency(work), utc_now().date()
	items = await package.items_of(work, change.id)
	package_hash = change.package_hash or await package.hash_of(work, change, items)
	before = await latest(work, change.id, package_hash)
	reason: str | None = None
	outcome = Outcome()
	if change.kind == ChangeKind.CHANGE_ORDER:
		try:
			outcome = await calculate(work, items, currency=currency, day=day)
		except StructureCycle as error:
			reason = error.message
	moved: list[dict[str, Any]] = []
	if before is not None and before.state == "done" and reason is None:
		held = await figures_of(work, before.id)
		if cause in RENEWED and _alike(held, outcome.figures):
			return before
		moved = _moved(held, outcome.figures)
	impact = work.add(
		Impact(
			id=new_id(),
			change_id=change.id,
			package_hash=package_hash,
			run=await _next_run(work, change.id),
			cause=cause,
			state="done" if reason is None else "failed",
			reason=reason,
			calculated_at=utc_now(),
			currency=currency,
			price_day=day,
			inputs=outcome.inputs,
			headline=headline(outcome.figures),
			lines=outcome.lines,
			moved=moved,
			substances=outcome.substances,
		)
	)
	await work.flush()
	await insert_rows(
		work, ImpactFigure, [{"impact_id": impact.id, **row} for row in outcome.figures]
	)
	return impact


async def _next_run(work: Work, change_id: str) -> int:
	"""The number of this calculation; the change is locked from here to the end of the transaction."""
	await work.execute(select(Change.id).where(Change.id == change_id).with_for_update())
	last = await work.scalar(
		select(func.coalesce(func.max(Impact.run), 0)).where(Impact.change_id == change_id)
	)
	return int(last) + 1


def headline(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
	"""For each metric the end item that changes most, and how many get more, less, or unknown."""
	found: dict[str, Any] = {}
	for name in QUANTITIES:
		rows = [row for row in figures if row["metric"] == name]
		if not rows:
			continue
		known = [row for row in rows if row["delta"] is not None]
		most = max(known, key=lambda row: (abs(row["delta"]), row["item_id"]), default=None)
		found[name] = {
			"unit": rows[0]["unit"],
			"item_id": most["item_id"] if most else None,
			"before": _text(most["before"]) if most else None,
			"after": _text(most["after"]) if most else None,
			"delta": _text(most["delta"]) if most else None,
			"certain": all(row["certain"] for row in rows),
			"end_items": len(rows),
			"up": sum(1 for row in known if row["delta"] > 0),
			"down": sum(1 for row in known if row["delta"] < 0),
			"unknown": len(rows) - len(known),
		}
	rows = [row for row in figures if row["metric"] == "compliance"]
	if rows:
		worst = max(rows, key=lambda row: (Status[row["after_word"].upper()], row["item_id"]))
		changed = [row for row in rows if row["before_word"] not in (None, row["after_word"])]
		found["compliance"] = {
			"item_id": worst["item_id"],
			"before": worst["before_word"],
			"after": worst["after_word"],
			"end_items": len(rows),
			"worse": sum(1 for row in changed if _rank(row, "after") > _rank(row, "before")),
			"better": sum(1 for row in changed if _rank(row, "after") < _rank(row, "before")),
		}
	return found


def _rank(row: dict[str, Any], side: str) -> Status:
	return Status[row[f"{side}_word"].upper()]


def _text(value: Any) -> str | None:
	return None if value is None else f"{value:f}"


_KEPT = Decimal("0.000001")


def _kept(value: Any) -> Any:
	"""What the database makes of an amount; CO2e is calculated to more places than are kept."""
	return value.quantize(_KEPT, ROUND_HALF_UP) if isinstance(value, Decimal) else value


def _moved(before: Sequence[ImpactFigure], after: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
	"""End items whose difference is another one than at the run before."""
	old = {(row.item_id, row.metric): row for row in before}
	found: list[dict[str, Any]] = []
	for row in after:
		was = old.get((row["item_id"], row["metric"]))
		if was is None or was.unit != row["unit"]:
			continue
		if row["metric"] == "compliance":
			if was.after_word != row["after_word"]:
				found.append(
					{
						"item_id": row["item_id"],
						"metric": row["metric"],
						"was": was.after_word,
						"now": row["after_word"],
					}
				)
		elif (was.delta, was.before) != (_kept(row["delta"]), _kept(row["before"])):
			found.append(
				{
					"item_id": row["item_id"],
					"metric": row["metric"],
					"unit": row["unit"],
					"was": _text(was.delta),
					"now": _text(_kept(row["delta"])),
					**{
						f"{side}_{when}": _text(value)
						for side in ("before", "after")
						for when, value in (("was", getattr(was, side)), ("now", _kept(row[side])))
					},
				}
			)
	return found[:MOST_MOVED]


SHOWN = (
	*("unit", "before", "after", "delta", "before_word", "after_word", "certain", "estimated"),
	*("before_coverage", "after_coverage", "missing_before", "missing_after"),
	*("before_revision_id", "after_revision_id"),
)


def _alike(before: Sequence[ImpactFigure], after: Sequence[dict[str, Any]]) -> bool:
	"""Whether every figure says what it said."""
	old = {(row.item_id, row.metric): [getattr(row, name) for name in SHOWN] for row in before}
	new = {(row["item_id"], row["metric"]): [_kept(row[name]) for name in SHOWN] for row in after}
	return old == new


_NOW = """
	select i.id::text as item_id, i.current_revision_id::text as revision_id
	from plm_items i where i.id = any($1::uuid[]) and i.current_revision_id is not null
"""


async def record_released(work: Work, change: Change) -> Impact | None:
	"""What came of a released change: the end items as they stand now, beside what was predicted.

	The same arithmetic on the structure of today, with the prices and factors of today.
	"""
	predicted = await latest(work, change.id, change.package_hash)
	if predicted is None or predicted.state != "done" or change.package_hash is None:
		return None
	held = await figures_of(work, predicted.id)
	now = {row["item_id"]: row["revision_id"] for row in await mapped(
		work, _NOW, sorted({row.item_id for row in held}))}  # fmt: skip
	as_items = [
		ChangeItem(item_id=item, from_revision_id=revision, to_revision_id=revision)
		for item, revision in now.items()
	]
	outcome = await calculate(work, as_items, currency=predicted.currency, day=utc_now().date())
	fresh = {(row["item_id"], row["metric"]): row for row in outcome.figures}
	rows: list[dict[str, Any]] = []
	for row in held:
		found = fresh.get((row.item_id, row.metric))
		if found is None:
			continue
		rows.append(
			found
			| {
				"before_revision_id": row.before_revision_id,
				"before": row.before,
				"before_word": row.before_word,
				"before_coverage": row.before_coverage,
				"missing_before": row.missing_before,
				"delta": None
				if row.before is None or found["after"] is None
				else found["after"] - row.before,
				"certain": row.certain and found["missing_after"] == row.missing_after,
			}
		)
	impact = work.add(
		Impact(
			id=new_id(),
			change_id=change.id,
			package_hash=change.package_hash,
			run=await _next_run(work, change.id),
			cause="released",
			state="done",
			calculated_at=utc_now(),
			currency=predicted.currency,
			price_day=utc_now().date(),
			inputs=outcome.inputs,
			headline=headline(rows),
			lines=[],
			moved=[],
			substances=[],
		)
	)
	await work.flush()
	await insert_rows(work, ImpactFigure, [{"impact_id": impact.id, **row} for row in rows])
	return impact
