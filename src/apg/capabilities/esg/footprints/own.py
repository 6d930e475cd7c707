"""What one unit of each product brings of its own: from records, from mass and material, from suppliers.

In this order: a supplier's statement is the whole figure; records of the revision count by their stage;
mass times material counts where nothing is below the product and no record says what it is made of, so
that nothing counts twice. Five queries for any number of revisions.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from sqlalchemy import any_, bindparam, false, join, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.types import Text

from apg.capabilities.esg.activities.models import RECORD_COLUMNS, ActivityRecord, record_of
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.footprints.models import Material, MaterialName, SupplierFootprint
from apg.capabilities.esg.shared import ghg, seals
from apg.capabilities.esg.shared.activity_words import Stage
from apg.capabilities.esg.shared.calculation import Line, Record, calculate
from apg.capabilities.esg.shared.factor import WORLD, Chosen, FactorWanted, NoFactor
from apg.capabilities.esg.shared.ghg import Expressed, GwpSet
from apg.contracts.esg import Carbon, NoCarbon
from apg.contracts.plm import Content, Contents
from apg.contracts.reference import Units
from apg.kernel.database import id_type
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.work import Work

DIGITS = 18
"""Decimals of a kg that figures of one unit are kept to: a milligram of anything keeps ten."""

DECLARED = "plm.revision"
"""The source of records that repeat the mass and material of a revision."""

KILOGRAM = "kg"
IMMATERIAL = frozenset({"service", "virtual"})
DEFAULT_GWP_SET = "AR5"
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Statement:
	"""A supplier's statement, and how much of what it is stated for (`unit`) one product `needed`."""

	id: str
	supplier: str
	carbon: Decimal
	amount: Decimal
	unit: str
	gwp_set: str
	needed: Decimal


@dataclass(frozen=True, slots=True)
class Input:
	"""One thing that one unit of a product takes, in kg CO2e; `by_gas` adds up to `each`.

	`line` is the calculated line of a record with the factor it stands on; `statement` a supplier's.
	"""

	revision_id: str
	source: str
	stage: str
	each: Decimal
	by_gas: Mapping[str, Decimal]
	biogenic: Decimal
	low: Decimal | None
	high: Decimal | None
	primary_share: Decimal
	estimated: bool
	as_published: bool
	gwp_set: str
	line: Line | None = None
	statement: Statement | None = None

	@property
	def needed(self) -> Decimal | None:
		"""How much of the activity, or of what is stated, one product takes, in `unit`."""
		if self.line is not None:
			return self.line.record.quantity
		return self.statement.needed if self.statement else None

	@property
	def unit(self) -> str | None:
		if self.line is not None:
			return self.line.record.unit
		return self.statement.unit if self.statement else None

	@property
	def subject(self) -> str:
		"""What it stands for beside its stage: an activity, or a supplier."""
		if self.line is not None:
			return self.line.record.activity_code
		return self.statement.supplier if self.statement else ""


@dataclass(frozen=True, slots=True)
class Inputs:
	"""By revision: what it takes, or why that is not known; assemblies may have neither."""

	of: Mapping[str, Sequence[Input]]
	missing: Mapping[str, NoCarbon]
	contents: Mapping[str, Content]
	gwp_set: str

	def carbon(self) -> dict[str, Carbon | NoCarbon]:
		found: dict[str, Carbon | NoCarbon] = {
			revision: carbon_of(inputs) for revision, inputs in self.of.items()
		}
		return found | dict(self.missing)


def decimal_of(value: Fraction, digits: int = DIGITS) -> Decimal:
	"""Half-even to so many decimals, without trailing zeros."""
	scaled = round(value * 10**digits)
	return _plain(Decimal(scaled).scaleb(-digits, _WIDE))


def _plain(value: Decimal) -> Decimal:
	short = value.normalize(_WIDE)
	exponent = short.as_tuple().exponent
	return (
		short.quantize(Decimal(1), context=_WIDE)
		if isinstance(exponent, int) and exponent > 0
		else short
	)


def total_of(values: Iterable[Decimal]) -> Decimal:
	"""The exact sum."""
	return _plain(sum(values, Decimal(0)))


def carbon_of(inputs: Sequence[Input]) -> Carbon:
	"""The inputs of one product as the port gives them."""
	stages: dict[str, dict[str, Decimal]] = {}
	for one in inputs:
		gases = stages.setdefault(one.stage, {})
		for gas, value in one.by_gas.items():
			gases[gas] = gases.get(gas, Decimal(0)) + value
	total = total_of(one.each for one in inputs)
	primary = total_of(one.each * one.primary_share for one in inputs)
	return Carbon(
		stages=stages,
		total=total,
		biogenic=total_of(one.biogenic for one in inputs),
		low=total_of(one.each if one.low is None else one.low for one in inputs),
		high=total_of(one.each if one.high is None else one.high for one in inputs),
		primary_share=decimal_of(Fraction(primary) / Fraction(total), 6) if total else Decimal(0),
		estimated=any(one.estimated for one in inputs),
		as_published=any(one.as_published for one in inputs),
		factor_version_ids=tuple(
			dict.fromkeys(
				one.line.factor.version_id for one in inputs if one.line and one.line.factor
			)
		),
		stops=any(one.source == "supplier" for one in inputs),
		source="supplier"
		if any(one.source == "supplier" for one in inputs)
		else ("records" if any(one.source == "records" for one in inputs) else "material"),
	)


def key_of(name: str) -> str:
	"""What two spellings of a material have in common: letters whatever their case, single spaces."""
	return " ".join(name.casefold().split())


def company_gwp_set(work: Work) -> str:
	return str(work.principal.settings.get("gwp_set") or DEFAULT_GWP_SET)


@dataclass(slots=True)
class Exactly:
	"""Lines of the calculation without its rounding to 1e-9 kg: parts weigh milligrams."""

	gwp: GwpSet
	_known: dict[str, Expressed] = field(default_factory=dict[str, Expressed])

	def input(self, line: Line, revision_id: str, source: str) -> Input:
		"""Of a line that has a figure."""
		factor, record = line.factor, line.record
		assert factor is not None
		expressed = self._known.get(factor.version_id)
		if expressed is None:
			found = ghg.co2e(factor, self.gwp)
			assert isinstance(found, Expressed)
			expressed = self._known[factor.version_id] = found
		amount = Fraction(record.quantity)
		for step in line.conversions:
			amount *= step.factor
		by_gas = {
			gas: decimal_of(Fraction(each) * amount) for gas, each in expressed.by_gas.items()
		}
		each = total_of(by_gas.values())
		bounded = factor.low is not None and factor.high is not None
		return Input(
			revision_id,
			source,
			record.stage or str(Stage.PROCESSES),
			each,
			by_gas,
			decimal_of(Fraction(expressed.biogenic_co2 or 0) * amount),
			decimal_of(Fraction(each) * Fraction(factor.low or 0)) if bounded else None,
			decimal_of(Fraction(each) * Fraction(factor.high or 0)) if bounded else None,
			Decimal(1) if record.primary else Decimal(0),
			record.estimated,
			expressed.as_published,
			expressed.gwp_set,
			line,
		)


async def inputs_of(
	work: Work,
	revision_ids: Collection[str],
	*,
	assemblies: Collection[str] = (),
	on: date | None = None,
	gwp_set: str | None = None,
) -> Inputs:
	"""What the revisions take on a day, under a set of potentials (default: the company's)."""
	code = gwp_set or company_gwp_set(work)
	gwp = await factors.gwp_set(work, code)
	day = on or utc_now().date()
	above = set(assemblies)
	contents = await work.port(Contents).of_revisions(work, revision_ids)
	if not contents:
		return Inputs({}, {}, contents, code)
	meanings, statements = await _known(work, contents, day)
	told = {
		revision: statements[one.product_id]
		for revision, one in contents.items()
		if one.product_id in statements
	}
	asked = [revision for revision in contents if revision not in told]
	records = await _records(work, asked)
	declared, missing = _declared(contents, asked, above, records, meanings, day)
	every = [(revision, "records", one) for revision, some in records.items() for one in some]
	every += [(revision, "material", one) for revision, one in declared.items()]
	chosen = await chosen_for(work, [one for _revision, _source, one in every], day)
	lines = calculate([one for _revision, _source, one in every], chosen, gwp)
	exactly = Exactly(gwp)
	found: dict[str, list[Input]] = {}
	for (revision, source, record), line in zip(every, lines, strict=True):
		if line.missing is not None:
			subject = contents[revision].material if source == "material" else record.activity_code
			missing[revision] = NoCarbon(line.missing, subject or "")
			continue
		found.setdefault(revision, []).append(exactly.input(line, revision, source))
	for revision, statement in told.items():
		said = _of_supplier(work, contents[revision], statement, code)
		if isinstance(said, NoCarbon):
			missing[revision] = said
		else:
			found[revision] = [said]
	kept = {revision: some for revision, some in found.items() if revision not in missing}
	return Inputs(kept, missing, contents, code)


async def chosen_for(work: Work, records: Sequence[Record], day: date) -> list[Chosen | NoFactor]:
	"""The factor of each record on the day of the footprint; equal wishes are asked once."""
	wanted = [FactorWanted(one.activity_code, one.region, day, one.unit) for one in records]
	distinct = list(dict.fromkeys(wanted))
	answers = await factors.choose(work, distinct) if distinct else []
	by_wish = dict(zip(distinct, answers, strict=True))
	return [by_wish[wish] for wish in wanted]


async def per_kilogram(
	work: Work,
	names: Collection[str],
	*,
	on: date | None = None,
	gwp_set: str | None = None,
) -> dict[str, Carbon | NoCarbon]:
	"""What a kilogram of each material brings; three queries."""
	gwp = await factors.gwp_set(work, gwp_set or company_gwp_set(work))
	day = on or utc_now().date()
	one_of_each = {
		name: Content(name, "", 0, "", "", "", "", "", Decimal(1), KILOGRAM, name) for name in names
	}
	meanings, _statements = await _known(work, one_of_each, day)
	found: dict[str, Carbon | NoCarbon] = {
		name: NoCarbon("material_unknown", name) for name in names if key_of(name) not in meanings
	}
	known = [name for name in one_of_each if name not in found]
	records = [declared_record(one_of_each[name], meanings[key_of(name)], day) for name in known]
	exactly = Exactly(gwp)
	for name, line in zip(
		known, calculate(records, await chosen_for(work, records, day), gwp), strict=True
	):
		if line.missing is not None:
			found[name] = NoCarbon(line.missing, name)
		else:
			found[name] = carbon_of([exactly.input(line, name, "material")])
	return found


async def beside_materials(work: Work) -> tuple[frozenset[str], frozenset[str]]:
	"""Revisions with standing records of their own, and products with statements in force."""
	row, said = ActivityRecord, SupplierFootprint
	revisions = await work.scalars(
		select(row.revision_id)
		.where(
			row.kind == "product",
			row.superseded_at.is_(None),
			row.withdrawn_at.is_(None),
			row.data_source.is_distinct_from(DECLARED),
		)
		.distinct()
	)
	products = await work.scalars(
		select(said.product_id).where(said.withdrawn_at.is_(None)).distinct()
	)
	return frozenset(revisions), frozenset(products)


async def _records(work: Work, revision_ids: Sequence[str]) -> dict[str, list[Record]]:
	"""Standing records of the revisions, but those that only repeat their mass and material."""
	row = ActivityRecord
	ids = bindparam("ids", [one for one in revision_ids if is_id(one)], type_=ARRAY(id_type))
	statement = (
		select(row.revision_id.label("of_revision"), *RECORD_COLUMNS)
		.where(
			row.revision_id == any_(ids),
			row.kind == "product",
			row.superseded_at.is_(None),
			row.withdrawn_at.is_(None),
			row.data_source.is_distinct_from(DECLARED),
		)
		.order_by(row.revision_id, row.activity_code, row.record_id)
	)
	found: dict[str, list[Record]] = {}
	for one in (await work.execute(statement)).all():
		found.setdefault(one.of_revision, []).append(record_of(one))
	return found


def _declared(
	contents: Mapping[str, Content],
	asked: Sequence[str],
	above: set[str],
	records: Mapping[str, Sequence[Record]],
	meanings: Mapping[str, Material],
	day: date,
) -> tuple[dict[str, Record], dict[str, NoCarbon]]:
	"""Mass times material as records, for what has nothing below and no record of materials."""
	missing: dict[str, NoCarbon] = {}
	open_ones: list[Content] = []
	for revision in asked:
		one = contents[revision]
		held = records.get(revision, ())
		if revision in above or any(record.stage == Stage.MATERIALS for record in held):
			continue
		if held and one.product_type in IMMATERIAL:
			continue
		if not one.material:
			missing[revision] = NoCarbon("no_material")
		elif one.mass is None or not one.mass_unit:
			missing[revision] = NoCarbon("no_mass")
		else:
			open_ones.append(one)
	declared: dict[str, Record] = {}
	for one in open_ones:
		material = meanings.get(key_of(one.material or ""))
		if material is None:
			missing[one.revision_id] = NoCarbon("material_unknown", one.material or "")
			continue
		declared[one.revision_id] = declared_record(one, material, day)
	return declared, missing


def declared_record(one: Content, material: Material, day: date) -> Record:
	"""The mass of a revision in its material as the record it would be."""
	assert one.mass is not None
	assert one.mass_unit is not None
	estimated = material.is_estimate or bool(one.estimated & {"mass", "material"})
	content = {
		"activity_code": material.activity_code,
		"quantity": one.mass,
		"region": material.region,
		"revision": one.revision_id,
		"unit": one.mass_unit,
	}
	return Record(
		id=one.revision_id,
		version=one.version,
		content_hash=seals.digest(content),
		kind="product",
		activity_code=material.activity_code,
		quantity=one.mass,
		unit=one.mass_unit,
		region=material.region or WORLD,
		on=day,
		stage=str(Stage.MATERIALS),
		estimated=estimated,
	)


async def _known(
	work: Work, contents: Mapping[str, Content], day: date
) -> tuple[dict[str, Material], dict[str, SupplierFootprint]]:
	"""Materials by the keys of their spellings, and the newest statement in force by product.

	One query: two sets of rows that have nothing to do with each other, side by side.
	"""
	keys = sorted({key_of(one.material) for one in contents.values() if one.material})
	products = sorted({one.product_id for one in contents.values() if one.product_id})
	named = (
		select(MaterialName.key.label("key"), Material)
		.join(Material, Material.id == MaterialName.material_id)
		.where(MaterialName.key == any_(bindparam("keys", keys, type_=ARRAY(Text()))))
		.subquery("named")
	)
	row = SupplierFootprint
	said = (
		select(row)
		.where(
			row.product_id == any_(bindparam("products", products, type_=ARRAY(id_type))),
			row.withdrawn_at.is_(None),
			row.valid_from <= day,
			(row.valid_to.is_(None)) | (row.valid_to >= day),
		)
		.subquery("said")
	)
	material, statement = aliased(Material, named), aliased(SupplierFootprint, said)
	both = join(named, said, false(), full=True)
	rows = (await work.execute(select(named.c.key, material, statement).select_from(both))).all()
	stated = sorted(
		(one[2] for one in rows if one[2] is not None),
		key=lambda one: (one.valid_from, one.created_at, one.id),
	)
	return (
		{one[0]: one[1] for one in rows if one[1] is not None},
		{one.product_id: one for one in stated},
	)


def _of_supplier(
	work: Work, one: Content, said: SupplierFootprint, gwp_set: str
) -> Input | NoCarbon:
	"""A statement brought to one unit of the product, by its mass where it is stated per mass."""
	units = work.port(Units)
	pairs = {(said.unit, one.unit), (said.unit, KILOGRAM)}
	if one.mass_unit:
		pairs.add((one.mass_unit, KILOGRAM))
	known = units.factors(pairs)
	direct, by_mass = known.get((said.unit, one.unit)), known.get((said.unit, KILOGRAM))
	weighs = known.get((one.mass_unit or "", KILOGRAM))
	if direct is not None:
		needed = 1 / direct
	elif by_mass is not None and weighs is not None and one.mass is not None:
		needed = Fraction(one.mass) * weighs / by_mass
	elif by_mass is not None:
		return NoCarbon("no_mass")
	else:
		return NoCarbon("unit_not_convertible", said.unit)
	return of_statement(one.revision_id, said, decimal_of(needed), gwp_set)


def of_statement(revision_id: str, said: SupplierFootprint, needed: Decimal, gwp_set: str) -> Input:
	"""A statement as the input of one product, which stands for `needed` of the stated unit."""
	times = Fraction(needed) / Fraction(said.amount)
	each = decimal_of(Fraction(said.carbon) * times)
	bounded = said.low is not None and said.high is not None
	return Input(
		revision_id,
		"supplier",
		"supplier",
		each,
		{ghg.MIXED_CO2E: each},
		decimal_of(Fraction(said.biogenic or 0) * times),
		decimal_of(Fraction(said.low or 0) * times) if bounded else None,
		decimal_of(Fraction(said.high or 0) * times) if bounded else None,
		said.primary_share,
		False,
		said.gwp_set != gwp_set,
		said.gwp_set,
		None,
		Statement(
			said.id,
			said.supplier,
			said.carbon,
			said.amount,
			said.unit,
			said.gwp_set,
			needed,
		),
	)
