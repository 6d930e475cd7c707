"""A footprint as it would be now: structure of PLM, figures of ours, rolled up; nothing is kept.

ISO 14067:2018 6.5 to 6.6: inputs per declared unit, summed over the product system by stage, biogenic
carbon dioxide apart, what is left out named. Primary data share: PACT Methodology 3.0, 4.2.1, weighted
by each part's own footprint. Uncertainty: IPCC 2006 Guidelines, volume 1, equation 3.2, root of the sum
of squares over factors taken as independent of each other; lines on one factor move together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction

from apg.capabilities.esg.footprints.own import (
	KILOGRAM,
	Input,
	Inputs,
	carbon_of,
	decimal_of,
	inputs_of,
	total_of,
)
from apg.capabilities.esg.shared import seals
from apg.capabilities.esg.shared.calculation import ENGINE as CALCULATION
from apg.contracts.esg import NoCarbon
from apg.contracts.plm import Branch, Content, Contents, Missing, RolledUp, Snapshot, Structures
from apg.contracts.reference import Units
from apg.kernel.errors import NotFound
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

METHOD = "bom_rollup_v1"
ENGINE = f"1/{CALCULATION}"
DIGITS = 12
"""Decimals of a kg that totals are kept to."""

BIOGENIC = "biogenic"
_ROOT = Context(prec=34)


@dataclass(frozen=True, slots=True)
class Counted:
	"""One input where it counts: `quantity` of the product in one root."""

	content: Content
	quantity: Decimal
	input: Input

	@property
	def co2e(self) -> Decimal:
		return decimal_of(Fraction(self.quantity) * Fraction(self.input.each), DIGITS)

	@property
	def biogenic(self) -> Decimal:
		return decimal_of(Fraction(self.quantity) * Fraction(self.input.biogenic), DIGITS)

	def bound(self, value: Decimal | None) -> Decimal | None:
		return (
			None if value is None else decimal_of(Fraction(self.quantity) * Fraction(value), DIGITS)
		)

	@property
	def factor_version_id(self) -> str | None:
		line = self.input.line
		return line.factor.version_id if line and line.factor else None

	@property
	def sealed(self) -> str:
		"""The hash of the line: versions of record and factor, or the statement, and all figures."""
		one, line, said = self.input, self.input.line, self.input.statement
		return seals.digest(
			{
				"product": self.content.product_id,
				"revision": self.content.revision_id,
				"quantity": self.quantity,
				"source": one.source,
				"stage": one.stage,
				"calculation": line.seal if line else None,
				"statement": [said.id, said.carbon, said.amount, said.unit, said.needed]
				if said
				else None,
				"each": one.each,
				"by_gas": dict(one.by_gas),
				"biogenic": one.biogenic,
				"low": one.low,
				"high": one.high,
				"primary_share": one.primary_share,
				"estimated": one.estimated,
				"co2e": self.co2e,
			}
		)


@dataclass(frozen=True, slots=True)
class Gap:
	"""A place without a figure; `why` is ESG's reason, or PLM's of a line without a quantity.

	`mass` is that of one in kg.
	"""

	product_id: str
	revision_id: str
	number: str
	name: str
	quantity: Decimal | None
	unit: str
	mass: Decimal | None
	why: NoCarbon


@dataclass(frozen=True, slots=True)
class Bounds:
	"""95 % bounds of a total and the share of it that stands on factors with published bounds."""

	low: Decimal | None
	high: Decimal | None
	share: Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
	"""A footprint with all that it stands on; figures in kg CO2e for one declared unit."""

	root: Content
	view: str
	day: date
	gwp_set: str
	snapshot: Snapshot
	rolled: RolledUp
	inputs: Inputs
	lines: Sequence[Counted]
	gaps: Sequence[Gap]
	total: Decimal | None
	biogenic: Decimal
	stages: Mapping[str, Mapping[str, Decimal]]
	bounds: Bounds
	primary_share: Decimal
	mass_coverage: Decimal | None
	least: Decimal | None = None
	most: Decimal | None = None
	choices_hash: str | None = None
	choice_count: int = 0
	choices_without_figures: int = 0
	branches: Sequence[Branch] = field(default_factory=tuple[Branch, ...])
	began: datetime | None = None

	@property
	def coverage(self) -> Decimal:
		return decimal_of(Fraction(self.rolled.coverage), 9)

	@property
	def estimated(self) -> bool:
		return any(one.input.estimated for one in self.lines)

	@property
	def as_published(self) -> bool:
		return any(one.input.as_published for one in self.lines)

	@property
	def figures(self) -> dict[str, object]:
		"""What the seal covers beside versions and lines."""
		return {
			"total": self.total,
			"biogenic": self.biogenic,
			"stages": {stage: dict(gases) for stage, gases in self.stages.items()},
			"least": self.least,
			"most": self.most,
			"low": self.bounds.low,
			"high": self.bounds.high,
			"primary_share": self.primary_share,
			"coverage": self.coverage,
			"mass_coverage": self.mass_coverage,
			"missing_count": self.rolled.missing_count,
		}

	@property
	def seal(self) -> str:
		return seals.digest(
			{
				"product": self.root.product_id,
				"revision": self.root.revision_id,
				"view": self.view,
				"structure": self.snapshot.hash,
				"choices": self.choices_hash,
				"day": self.day.isoformat(),
				"gwp_set": self.gwp_set,
				"method": METHOD,
				"engine": ENGINE,
				"lines": sorted(one.sealed for one in self.lines),
				"figures": self.figures,
			}
		)


async def compute(
	work: Work,
	revision_id: str,
	view: str = "engineering",
	*,
	on: date | None = None,
	gwp_set: str | None = None,
) -> Computed:
	"""The footprint of a revision on a day (default: today). Raises NotFound, Conflict for a cycle."""
	began = utc_now()
	day = on or began.date()
	structures = work.port(Structures)
	snapshot = await structures.snapshot(work, revision_id, view)
	if snapshot is None:
		raise NotFound(_("{what} not found", what=_("revision")))
	inputs = await inputs_of(
		work, snapshot.revision_ids, assemblies=snapshot.assemblies, on=day, gwp_set=gwp_set
	)
	choices = await structures.choices(work, snapshot)
	made = replace(assemble(work, snapshot, inputs, day), began=began)
	if choices is None or made.total is None:
		return made
	others = await inputs_of(
		work, choices.revision_ids, assemblies=choices.assemblies, on=day, gwp_set=gwp_set
	)
	every = {**_totals(inputs), **_totals(others)}
	stops = _stops(inputs) | _stops(others)
	span = structures.span(choices, every, stops)
	return replace(
		made,
		least=min(decimal_of(span.least, DIGITS), made.total),
		most=max(decimal_of(span.most, DIGITS), made.total),
		choices_hash=choices.hash,
		choice_count=choices.count,
		choices_without_figures=span.without_figures,
	)


def _totals(inputs: Inputs) -> dict[str, Decimal]:
	return {revision: total_of(one.each for one in some) for revision, some in inputs.of.items()}


def _stops(inputs: Inputs) -> set[str]:
	return {
		revision
		for revision, some in inputs.of.items()
		if any(one.source == "supplier" for one in some)
	}


def assemble(
	work: Work,
	snapshot: Snapshot,
	inputs: Inputs,
	day: date,
	*,
	needed: Collection[str] | None = None,
) -> Computed:
	"""Rolls the inputs up and tells what came of it; `needed` repeats what lacked figures once."""
	structures = work.port(Structures)
	own = {revision: _vector(some) for revision, some in inputs.of.items()}
	rolled = structures.roll_up(
		snapshot, own, _stops(inputs), needed=inputs.missing if needed is None else needed
	)
	lines = _lines(rolled, inputs)
	total = total_of(
		decimal_of(value, DIGITS) for name, value in rolled.totals.items() if name != BIOGENIC
	)
	known = bool(lines)
	gaps = _gaps(work, rolled, inputs)
	totals = _totals(inputs)
	return Computed(
		root=inputs.contents[snapshot.root],
		view=snapshot.view,
		day=day,
		gwp_set=inputs.gwp_set,
		snapshot=snapshot,
		rolled=rolled,
		inputs=inputs,
		lines=lines,
		gaps=gaps,
		total=total if known else None,
		biogenic=decimal_of(rolled.totals.get(BIOGENIC, Fraction(0)), DIGITS),
		stages=_stages(rolled),
		bounds=bounds_of(lines, total) if known else Bounds(None, None, Decimal(0)),
		primary_share=_primary(lines, total),
		mass_coverage=_mass_coverage(work, lines, gaps, inputs),
		least=total if known else None,
		most=total if known else None,
		branches=structures.branches(snapshot, totals, _stops(inputs)) if known else (),
	)


def _vector(inputs: Sequence[Input]) -> dict[str, Decimal]:
	"""Components `stage|gas`, and biogenic CO2, which is in none of them."""
	vector: dict[str, Decimal] = {}
	for one in inputs:
		for gas, value in one.by_gas.items():
			name = f"{one.stage}|{gas}"
			vector[name] = vector.get(name, Decimal(0)) + value
	biogenic = carbon_of(inputs).biogenic
	if biogenic:
		vector[BIOGENIC] = biogenic
	return vector


def _stages(rolled: RolledUp) -> dict[str, dict[str, Decimal]]:
	stages: dict[str, dict[str, Decimal]] = {}
	for name, value in rolled.totals.items():
		stage, bar, gas = name.partition("|")
		if bar:
			stages.setdefault(stage, {})[gas] = decimal_of(value, DIGITS)
	return stages


def _lines(rolled: RolledUp, inputs: Inputs) -> list[Counted]:
	found = [
		Counted(inputs.contents[share.revision_id], share.quantity, one)
		for share in rolled.contributions
		for one in inputs.of.get(share.revision_id, ())
		if share.quantity
	]
	found.sort(
		key=lambda one: (
			-one.co2e,
			one.content.number,
			one.content.revision_id,
			one.input.stage,
			one.input.subject,
		)
	)
	return found


def _gaps(work: Work, rolled: RolledUp, inputs: Inputs) -> list[Gap]:
	found: list[Gap] = []
	texts = {one.mass_unit for one in inputs.contents.values() if one.mass_unit}
	known = work.port(Units).factors({(text, KILOGRAM) for text in texts})
	for gap in rolled.missing:
		content = inputs.contents.get(gap.revision_id)
		why = _why(gap, inputs)
		found.append(
			Gap(
				gap.product_id,
				gap.revision_id,
				content.number if content else "",
				content.name if content else "",
				gap.quantity,
				content.unit if content else "",
				_kilograms(content, known),
				why,
			)
		)
	return found


def _kilograms(
	content: Content | None, known: Mapping[tuple[str, str], Fraction]
) -> Decimal | None:
	if content is None or content.mass is None:
		return None
	factor = known.get((content.mass_unit or "", KILOGRAM))
	return None if factor is None else decimal_of(Fraction(content.mass) * factor, DIGITS)


def _why(gap: Missing, inputs: Inputs) -> NoCarbon:
	if gap.reason != "no_figure":
		return NoCarbon(gap.reason)
	return inputs.missing.get(gap.revision_id, NoCarbon("unknown_revision"))


def bounds_of(lines: Sequence[Counted], total: Decimal) -> Bounds:
	"""Deviations of lines on one factor add up; those of different factors add in squares.

	A line without published bounds is taken at its figure; `share` says how much of the total is not.
	"""
	down: dict[str, Decimal] = {}
	up: dict[str, Decimal] = {}
	bounded = Decimal(0)
	for one in lines:
		low, high = one.bound(one.input.low), one.bound(one.input.high)
		if low is None or high is None:
			continue
		said = one.input.statement
		source = one.factor_version_id or (said.id if said else "")
		down[source] = down.get(source, Decimal(0)) + one.co2e - low
		up[source] = up.get(source, Decimal(0)) + high - one.co2e
		bounded += one.co2e
	if not down or not total:
		return Bounds(None, None, Decimal(0))
	less, more = (_root(each.values()) for each in (down, up))
	share = decimal_of(Fraction(bounded) / Fraction(total), 6)
	low = max(decimal_of(Fraction(total) - Fraction(less), DIGITS), Decimal(0))
	return Bounds(low, decimal_of(Fraction(total) + Fraction(more), DIGITS), share)


def _root(values: Collection[Decimal]) -> Decimal:
	squares = sum((Fraction(value) ** 2 for value in values), Fraction(0))
	return _ROOT.sqrt(_ROOT.divide(Decimal(squares.numerator), Decimal(squares.denominator)))


def _primary(lines: Sequence[Counted], total: Decimal) -> Decimal:
	if not total:
		return Decimal(0)
	weighed = sum(
		(Fraction(one.co2e) * Fraction(one.input.primary_share) for one in lines), Fraction(0)
	)
	return decimal_of(weighed / Fraction(total), 6)


def _mass_coverage(
	work: Work, lines: Sequence[Counted], gaps: Sequence[Gap], inputs: Inputs
) -> Decimal | None:
	"""The share of the known mass that has figures; None where no mass is known at all."""
	covered: dict[str, tuple[Content, Decimal]] = {
		one.content.revision_id: (one.content, one.quantity)
		for one in lines
		if one.input.source == "supplier" or one.input.stage == "materials"
	}
	texts = {one.mass_unit for one, _quantity in covered.values()}
	known = work.port(Units).factors({(text, KILOGRAM) for text in texts if text})

	has, lacks = Fraction(0), Fraction(0)
	for one, quantity in covered.values():
		has += Fraction(_kilograms(one, known) or 0) * Fraction(quantity)
	for gap in gaps:
		lacks += Fraction(gap.mass or 0) * Fraction(gap.quantity or 0)
	return decimal_of(has / (has + lacks), 9) if has + lacks else None


async def revision_of(work: Work, *, product_id: str | None, revision_id: str | None) -> Content:
	"""The revision meant: the one named, else the product's current one. Raises NotFound."""
	contents = work.port(Contents)
	if revision_id:
		found = (await contents.of_revisions(work, [revision_id])).get(revision_id)
		if found is not None and product_id in (None, found.product_id):
			return found
	elif product_id:
		found = (await contents.of_products(work, [product_id])).get(product_id)
		if found is not None:
			return found
	raise NotFound(_("{what} not found", what=_("product")))
