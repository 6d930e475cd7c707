"""Made again from what is on record, and compared with what would be computed now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from apg.capabilities.esg.activities import service as activities
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.footprints.computing import (
	Computed,
	Counted,
	assemble,
	compute,
)
from apg.capabilities.esg.footprints.models import Footprint, FootprintLine, SupplierFootprint
from apg.capabilities.esg.footprints.own import (
	Exactly,
	Input,
	Inputs,
	of_statement,
)
from apg.capabilities.esg.shared.calculation import Record, calculate
from apg.capabilities.esg.shared.factor import Chosen
from apg.contracts.esg import NoCarbon
from apg.contracts.plm import Content, Structures
from apg.kernel.rows import ids
from apg.kernel.texts import _
from apg.kernel.work import Work


@dataclass(frozen=True, slots=True)
class Verified:
	"""What came of making a footprint again; `problems` are sentences."""

	seal: str
	total: Decimal | None
	lines: int
	problems: Sequence[str]


async def made_again(work: Work, row: Footprint, lines: Sequence[FootprintLine]) -> Verified:
	"""The footprint from its packed structure, its versions of records and factors, anew.

	The least and the most over stand-ins, and the share of mass, are covered by the seal as recorded;
	the figures of stand-ins that were not taken are not kept.
	"""
	problems: list[str] = []
	try:
		snapshot = work.port(Structures).restore(row.structure)
	except ValueError as error:
		return Verified("", None, 0, [_("The structure cannot be read: {text}.", text=str(error))])
	if snapshot.hash != row.snapshot_hash:
		problems.append(_("The structure is another one than the one recorded."))
	contents = {
		line.revision_id: Content(
			line.revision_id,
			line.product_id,
			0,
			line.product_number,
			line.product_name,
			line.revision,
			"",
			line.unit,
			None,
			None,
			None,
		)
		for line in lines
	}
	contents[row.revision_id] = Content(
		row.revision_id,
		row.product_id,
		0,
		row.product_number,
		row.product_name,
		row.revision,
		"",
		row.declared_unit,
		None,
		None,
		None,
	)
	found = await _inputs(work, row, lines, problems)
	missing = {
		gap["revision_id"]: NoCarbon(gap["reason"], gap["subject"])
		for gap in row.gaps
		if gap["reason"] not in ("as_required", "quantity_not_given", "unit_not_convertible")
		or gap["subject"]
	}
	inputs = Inputs(found, missing, contents, row.gwp_set)
	again = assemble(work, snapshot, inputs, row.day)
	again = replace(
		again,
		least=row.least,
		most=row.most,
		choices_hash=row.choices_hash,
		mass_coverage=row.mass_coverage,
	)
	problems += _differences(row, lines, again)
	return Verified(again.seal, again.total, len(again.lines), problems)


async def _inputs(
	work: Work, row: Footprint, lines: Sequence[FootprintLine], problems: list[str]
) -> dict[str, Sequence[Input]]:
	"""What each line stands on, calculated anew; each revision's input once."""
	once: dict[tuple[str, str], FootprintLine] = {}
	for line in lines:
		once.setdefault(
			(line.revision_id, line.record_row_id or line.supplier_footprint_id or ""), line
		)
	told = [line for line in once.values() if line.source != "supplier"]
	records = await activities.records_of(
		work, [line.record_row_id for line in told if line.record_row_id]
	)
	known = await factors.factors_of(
		work, {line.factor_version_id for line in told if line.factor_version_id}
	)
	gwp = await factors.gwp_set(work, row.gwp_set)
	exactly = Exactly(gwp)
	ready: list[tuple[FootprintLine, Record, Chosen]] = []
	for line in told:
		record, factor = (
			records.get(line.record_row_id or ""),
			known.get(line.factor_version_id or ""),
		)
		if record is None or factor is None:
			problems.append(_("Line {n}: its record or its factor is gone.", n=line.position))
			continue
		ready.append(
			(line, record, Chosen(factor, line.factor_level or 0, line.factor_reason or ""))
		)
	made = calculate([one[1] for one in ready], [one[2] for one in ready], gwp)
	found: dict[str, list[Input]] = {}
	for (line, _record, _chosen), calculated in zip(ready, made, strict=True):
		if calculated.missing is not None:
			problems.append(_("Line {n}: it can no longer be calculated.", n=line.position))
			continue
		found.setdefault(line.revision_id, []).append(
			exactly.input(calculated, line.revision_id, line.source)
		)
	statements = {
		one.id: one
		for one in await work.scalars(
			select(SupplierFootprint).where(
				SupplierFootprint.id
				== ids(
					one.supplier_footprint_id or "" for one in lines if one.supplier_footprint_id
				)
			)
		)
	}
	for line in once.values():
		if line.source != "supplier":
			continue
		said = statements.get(line.supplier_footprint_id or "")
		if said is None:
			problems.append(_("Line {n}: the supplier's statement is gone.", n=line.position))
			continue
		needed = line.activity_quantity or Decimal(0)
		found[line.revision_id] = [of_statement(line.revision_id, said, needed, row.gwp_set)]
	return dict(found)


def _differences(row: Footprint, lines: Sequence[FootprintLine], again: Computed) -> list[str]:
	"""Each figure on record beside the one made again; the seal covers what is sealed only."""
	problems: list[str] = []
	fresh = {one.sealed: one for one in again.lines}
	for line in lines:
		one = fresh.pop(line.seal, None)
		if one is None:
			problems.append(_("Line {n} does not give its seal again.", n=line.position))
			continue
		said = one.input
		told = (line.quantity, line.each, line.co2e, line.biogenic, line.low, line.high)
		made = (
			one.quantity,
			said.each,
			one.co2e,
			one.biogenic,
			one.bound(said.low),
			one.bound(said.high),
		)
		if told != made or line.by_gas != dict(said.by_gas):
			problems.append(_("Line {n}: its figures were changed.", n=line.position))
	if fresh:
		problems.append(_("{n} lines are missing.", n=len(fresh)))
	if again.total != row.total:
		problems.append(
			_("The total is {now}, recorded was {then}.", now=again.total, then=row.total)
		)
	others = {
		"biogenic": again.biogenic,
		"stages": {stage: dict(gases) for stage, gases in again.stages.items()},
		"low": again.bounds.low,
		"high": again.bounds.high,
		"uncertainty_share": again.bounds.share,
		"primary_share": again.primary_share,
		"coverage": again.coverage,
		"missing_count": again.rolled.missing_count,
	}
	for name, made in others.items():
		if getattr(row, name) != made:
			problems.append(_("The recorded {field} is another one.", field=name))
	if again.seal != row.seal:
		problems.append(_("The seal is another one."))
	return problems


# -- compared with now -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
	"""An input as one of the two footprints has it."""

	product_number: str
	product_name: str
	subject: str
	quantity: Decimal
	amount: Decimal | None
	unit: str | None
	source: str
	factor_version_id: str | None
	statement_id: str | None
	gwp_set: str
	co2e: Decimal


@dataclass(frozen=True, slots=True)
class Change:
	product_id: str
	stage: str
	old: Side | None
	new: Side | None
	reasons: Sequence[str] = field(default_factory=tuple[str, ...])

	@property
	def delta(self) -> Decimal:
		return (self.new.co2e if self.new else Decimal(0)) - (
			self.old.co2e if self.old else Decimal(0)
		)


@dataclass(frozen=True, slots=True)
class Compared:
	now: Computed
	changes: Sequence[Change]
	structure_changed: bool


async def compared_with_now(
	work: Work, row: Footprint, lines: Sequence[FootprintLine], *, on: date | None = None
) -> Compared:
	"""The recorded footprint beside the one of the product's present structure and factors.

	The same view and set of potentials; the revision that is recorded. Raises NotFound, Conflict.
	"""
	now = await compute(work, row.revision_id, row.view, on=on, gwp_set=row.gwp_set)
	return Compared(now, changes_between(lines, now), now.snapshot.hash != row.snapshot_hash)


Key = tuple[str, str, int]


def changes_between(lines: Sequence[FootprintLine], now: Computed) -> list[Change]:
	"""Which inputs differ and why, the largest difference first; equal ones are left out."""
	old = _numbered(
		(line.product_id, line.stage, line.activity_code or "", _old_side(line)) for line in lines
	)
	new = _numbered(
		(one.content.product_id, one.input.stage, one.input.subject, _new_side(one))
		for one in now.lines
	)
	changes: list[Change] = []
	for key in [*old, *(key for key in new if key not in old)]:
		before, after = old.get(key), new.get(key)
		reasons = _reasons(before, after)
		if reasons:
			changes.append(Change(key[0], key[1], before, after, reasons))
	changes.sort(key=lambda one: (-abs(one.delta), one.product_id, one.stage))
	return changes


def _numbered(sides: Iterable[tuple[str, str, str, Side]]) -> dict[Key, Side]:
	"""Inputs of one product and stage stand side by side in the order of their activities."""
	found: dict[Key, Side] = {}
	counts: dict[tuple[str, str], int] = {}
	for product, stage, _subject, side in sorted(sides, key=lambda one: one[:3]):
		place = counts.get((product, stage), 0)
		counts[(product, stage)] = place + 1
		found[(product, stage, place)] = side
	return found


def _old_side(line: FootprintLine) -> Side:
	return Side(
		line.product_number,
		line.product_name,
		line.activity_code or _("supplier's figure"),
		line.quantity,
		line.activity_quantity,
		line.activity_unit,
		line.source,
		line.factor_version_id,
		line.supplier_footprint_id,
		line.gwp_set,
		line.co2e,
	)


def _new_side(one: Counted) -> Side:
	line = one.input.line
	return Side(
		one.content.number,
		one.content.name,
		line.record.activity_code if line else _("supplier's figure"),
		one.quantity,
		line.record.quantity if line else None,
		line.record.unit if line else None,
		one.input.source,
		one.factor_version_id,
		one.input.statement.id if one.input.statement else None,
		one.input.gwp_set,
		one.co2e,
	)


def _reasons(old: Side | None, new: Side | None) -> list[str]:
	if old is None or new is None:
		return ["added" if old is None else "removed"]
	told: Mapping[str, bool] = {
		"quantity": old.quantity != new.quantity,
		"amount": (old.amount, old.unit) != (new.amount, new.unit),
		"activity": old.subject != new.subject,
		"factor": old.factor_version_id != new.factor_version_id,
		"statement": old.statement_id != new.statement_id,
		"set": old.gwp_set != new.gwp_set,
	}
	reasons = [name for name, differs in told.items() if differs]
	return reasons or (["figure"] if old.co2e != new.co2e else [])
