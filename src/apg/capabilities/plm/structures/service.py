"""What can be done with the lines of a working revision: add, change, take out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Text, any_, cast, select
from sqlalchemy.dialects.postgresql import ARRAY

from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision, RevisionNotWorking
from apg.capabilities.plm.products.reading import latest_working, named_revision
from apg.capabilities.plm.shared.designators import format_designators, parse_designators
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.capabilities.plm.shared.lines import QuantityKind
from apg.capabilities.plm.structures.cycles import refuse_containing, refuse_cycles
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.capabilities.plm.structures.schemas import (
	ChildNamed,
	LineIn,
	LinePatch,
	SubstituteIn,
)
from apg.contracts.plm import StructureChanged
from apg.contracts.reference import Units
from apg.kernel.database import id_type
from apg.kernel.errors import Invalid, NotFound, Problem
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

FIND_STEP = 10
NEEDS_NO_QUANTITY = frozenset({QuantityKind.AS_REQUIRED, QuantityKind.REFERENCE})
FLAGS = ("is_optional", "is_consumable", "allow_variants")
NEVER_EMPTY = (
	*("find_number", "quantity_kind", "unit", "attrition", "setup_quantity", "view"),
	*FLAGS,
)
SAME_NAME = (
	"find_number",
	"quantity",
	"quantity_kind",
	"attrition",
	"setup_quantity",
	"rounding_multiple",
	"view",
	"note",
	*FLAGS,
)


@dataclass(frozen=True, slots=True)
class Parent:
	"""The product whose structure is changed, and its open revision, locked."""

	item: Item
	revision: Revision


async def open_parent(work: Work, product_id: str, revision: str | None = None) -> Parent:
	"""Locks the tenant's structures and the product's working revision, in this order always: the
	named one (label or id), which may belong to a change, else the one that belongs to none.

	Raises NotFound, PreconditionFailed, RevisionNotWorking.
	"""
	if (
		not is_id(product_id)
		or await work.scalar(select(Item.id).where(Item.id == product_id)) is None
	):
		raise NotFound(_("{what} not found", what=_("product")))  # a stranger's id never waits
	await lock_structures(work)
	item = await work.get(Item, product_id)
	chosen = latest_working(item.id) if revision is None else named_revision(item.id, revision)
	found = await work.session.scalar(
		chosen.with_for_update().execution_options(populate_existing=True)
	)
	if revision is not None:
		if found is None:
			raise NotFound(_("The product has no revision {label}.", label=revision))
		found.must_be_working()
	if found is None:
		current = await work.get(Revision, item.current_revision_id)
		current.must_be_working()
		raise RevisionNotWorking(_("The product has no open revision; make a new one first."))
	whole = f"{item.version}-{found.version}"
	wanted = (work.if_match or "").strip().removeprefix("W/").strip('"')
	work.expect(str(found.version) if wanted == str(found.version) else whole)
	return Parent(item, found)


async def add_line(work: Work, product_id: str, new: LineIn, revision: str | None = None) -> Line:
	"""One line; see add_lines."""
	return (await add_lines(work, product_id, [new], revision))[0]


async def add_lines(
	work: Work, product_id: str, news: Sequence[LineIn], revision: str | None = None
) -> list[Line]:
	"""Adds lines to the product's working revision, all or none.

	Raises NotFound, RevisionNotWorking, StructureCycle, Conflict for a find number that is taken, and
	Invalid, whose fields carry the line's place (`lines.3.unit`) when there are several.
	"""
	parent = await open_parent(work, product_id, revision)
	present = await _present(work, parent.revision.id)
	named = await _named(work, [each for new in news for each in (new, *new.substitutes)])
	taken = _Taken.of(present)
	made: list[Line] = []
	problems: list[Problem] = []
	for place, new in enumerate(news):
		try:
			line = await _made(work, parent, new, named, taken)
		except Invalid as error:
			prefix = f"lines.{place}." if len(news) > 1 else ""
			problems += [Problem(prefix + p.field, p.message, p.code) for p in error.problems]
			continue
		made.append(line)
	if problems:
		raise Invalid(_("Some lines cannot be taken."), problems=problems)
	work.session.add_all(made)
	await work.flush()
	for line, new in zip(made, news, strict=True):
		_substitute(work, line, new.substitutes, named)
	stand_ins = {named[_name_of(each)].id for new in news for each in new.substitutes}
	await refuse_containing(work, parent.item.id, stand_ins)
	await refuse_cycles(work, {line.child_item_id for line in made})
	_touch(work, parent, len(made))
	await work.flush()
	return made


async def change_line(
	work: Work, product_id: str, line_uid: str, patch: LinePatch, revision: str | None = None
) -> Line:
	"""Changes what the patch names. Raises as add_lines."""
	parent = await open_parent(work, product_id, revision)
	line = await _line_of(work, parent.revision.id, line_uid)
	given = patch.model_dump(exclude_unset=True)
	empty = [name for name in NEVER_EMPTY if name in given and given[name] is None]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	named = await _named(work, [patch, *(patch.substitutes or ())], optional=True)
	child = named.get(_name_of(patch)) or await work.get(Item, line.child_item_id)
	moved = child.id != line.child_item_id
	line.child_item_id = child.id
	if "revision" in given or moved:
		line.child_revision_id = await _pinned(work, child, patch.revision)
	for name in SAME_NAME:
		if name in given:
			setattr(line, name, given[name])
	if moved or "unit" in given:
		line.unit = unit_of(work, given.get("unit") or line.unit, child)
	if "designators" in given or "view" in given:
		others = [each for each in await _present(work, parent.revision.id) if each.id != line.id]
		names = (
			_designators(patch.designators)
			if "designators" in given
			else frozenset(line.designators)
		)
		_Taken.of(others).use_designators(line.view, names)
		line.designators = _ordered(names)
	_check(parent, line, child)
	await work.flush()
	if patch.substitutes is not None:
		for old in await _substitutes_of(work, line.id):
			await work.delete(old)
		await work.flush()
		_substitute(work, line, patch.substitutes, named)
		stand_ins = {named[_name_of(each)].id for each in patch.substitutes}
		await refuse_containing(work, parent.item.id, stand_ins)
	if moved or "revision" in given:
		await refuse_cycles(work, {line.child_item_id})
	_touch(work, parent, 1)
	await work.flush()
	return line


async def remove_line(
	work: Work, product_id: str, line_uid: str, revision: str | None = None
) -> None:
	"""Takes a line out; the trail keeps it. Raises NotFound, RevisionNotWorking."""
	parent = await open_parent(work, product_id, revision)
	line = await _line_of(work, parent.revision.id, line_uid)
	for substitute in await _substitutes_of(work, line.id):
		await work.delete(substitute)
	await work.flush()
	await work.delete(line)
	_touch(work, parent, 1)
	await work.flush()


def _touch(work: Work, parent: Parent, lines: int) -> None:
	"""The structure is content of the revision: its version grows with every change of a line."""
	parent.revision.updated_at = utc_now()
	work.publish(
		StructureChanged(product_id=parent.item.id, revision_id=parent.revision.id, lines=lines)
	)


async def _line_of(work: Work, revision_id: str, line_uid: str) -> Line:
	found = None
	if is_id(line_uid):
		found = await work.session.scalar(
			select(Line).where(Line.parent_revision_id == revision_id, Line.line_uid == line_uid)
		)
	if found is None:
		raise NotFound(_("{what} not found", what=_("line")))
	return found


async def _present(work: Work, revision_id: str) -> list[Line]:
	return await work.scalars(select(Line).where(Line.parent_revision_id == revision_id))


async def _substitutes_of(work: Work, line_id: str) -> list[LineSubstitute]:
	return await work.scalars(select(LineSubstitute).where(LineSubstitute.line_id == line_id))


@dataclass(slots=True)
class _Taken:
	"""What the lines of a revision use already: find numbers and designators, view by view."""

	numbers: dict[str, int]
	designators: dict[tuple[str, str], int]

	@classmethod
	def of(cls, lines: Sequence[Line]) -> "_Taken":
		taken = cls({}, {})
		for line in lines:
			taken.use_number(line.view, line.find_number)
			for name in line.designators:
				taken.designators[line.view, name] = line.find_number
		return taken

	def use_number(self, view: str, number: int | None) -> int:
		"""The number itself, or the next multiple of ten."""
		highest = self.numbers.get(view, 0)
		chosen = (highest // FIND_STEP + 1) * FIND_STEP if number is None else number
		self.numbers[view] = max(highest, chosen)
		return chosen

	def use_designators(self, view: str, names: frozenset[str], number: int = 0) -> None:
		"""Raises Invalid, which names the places that another line has."""
		twice = sorted(name for name in names if (view, name) in self.designators)
		if twice:
			line = self.designators[view, twice[0]]
			raise Invalid.one(
				"designators",
				_(
					"{names} stand on line {line} already; name each place once.",
					names=format_designators(twice),
					line=line,
				),
				"designator_taken",
			)
		for name in names:
			self.designators[view, name] = number


async def _made(
	work: Work, parent: Parent, new: LineIn, named: Mapping[str, Item], taken: _Taken
) -> Line:
	child = named[_name_of(new)]
	names = _designators(new.designators)
	number = taken.use_number(new.view, new.find_number)
	taken.use_designators(new.view, names, number)
	line = Line(
		id=new_id(),
		tenant_id=work.principal.tenant_id,
		line_uid=new_id(),
		parent_revision_id=parent.revision.id,
		find_number=number,
		child_item_id=child.id,
		child_revision_id=await _pinned(work, child, new.revision),
		quantity=new.quantity,
		quantity_kind=new.quantity_kind,
		unit=unit_of(work, new.unit, child),
		attrition=new.attrition,
		setup_quantity=new.setup_quantity,
		rounding_multiple=new.rounding_multiple,
		view=new.view,
		designators=_ordered(names),
		note=new.note,
		is_optional=new.is_optional,
		is_consumable=new.is_consumable,
		allow_variants=new.allow_variants,
	)
	_check(parent, line, child)
	return line


def _check(parent: Parent, line: Line, child: Item) -> None:
	if child.id == parent.item.id:
		raise Invalid.one(
			"product_id",
			_("{number} cannot contain itself; choose another product.", number=child.number),
			"cycle",
		)
	if line.quantity is None and line.quantity_kind not in NEEDS_NO_QUANTITY:
		raise Invalid.one(
			"quantity",
			_("Give the quantity, or the quantity kind as_required or reference."),
			"missing",
		)


def unit_of(work: Work, given: str | None, child: Item) -> str:
	"""The unit of a line in its one spelling; it must lead to the child's own unit. Raises Invalid."""
	base = child.unit_of_measure
	if given is None or given == base:
		return base
	units = work.port(Units)
	symbol = units.symbol(given)
	if (symbol, base) not in units.factors([(symbol, base)]):
		raise Invalid.one(
			"unit",
			_(
				"{unit} cannot be converted to {base}, the unit of {number}. "
				"Give the quantity in {base} or in a unit of the same kind.",
				unit=symbol,
				base=base,
				number=child.number,
			),
			"unit",
		)
	return symbol


def _designators(given: str | list[str] | None) -> frozenset[str]:
	if not given:
		return frozenset()
	try:
		return parse_designators(given if isinstance(given, str) else ", ".join(given))
	except DomainError as error:
		raise Invalid.one("designators", f"{error.reason}. {error.remedy}", error.code) from error


def _ordered(names: frozenset[str]) -> list[str]:
	"""In the order of prefix and number, so that R2 comes before R10."""
	return sorted(names, key=_natural)


def _natural(name: str) -> tuple[str, int, str]:
	digits = name[len(name.rstrip("0123456789")) :]
	return name[: len(name) - len(digits)], int(digits[:18] or 0), name


def _name_of(named: ChildNamed) -> str:
	return named.product_id or f"#{named.product_number}"


async def _named(
	work: Work, wanted: Sequence[ChildNamed], *, optional: bool = False
) -> dict[str, Item]:
	"""The products that bodies name, by `_name_of`, in one query. Raises Invalid for unknown ones."""
	problems: list[Problem] = []
	ids = {each.product_id for each in wanted if each.product_id is not None}
	numbers = {each.product_number for each in wanted if each.product_number is not None}
	for each in wanted:
		given = (each.product_id is not None) + (each.product_number is not None)
		if given == 2 or (given == 0 and not (optional and isinstance(each, LinePatch))):
			problems.append(
				Problem("product_id", _("Name the product by product_id or by product_number."))
			)
	rows: list[Item] = []
	if ids or numbers:
		rows = await work.scalars(
			select(Item).where(
				~Item.is_deleted,
				(Item.id == any_(cast(sorted(ids), ARRAY(id_type))))
				| (Item.number == any_(cast(sorted(numbers), ARRAY(Text())))),
			)
		)
	found = {row.id: row for row in rows} | {f"#{row.number}": row for row in rows}
	for each in wanted:
		name = _name_of(each)
		if (each.product_id or each.product_number) and name not in found:
			field = "product_id" if each.product_id else "product_number"
			field = f"substitutes.{field}" if isinstance(each, SubstituteIn) else field
			text = _("There is no product {name}; create it first.", name=name.removeprefix("#"))
			problems.append(Problem(field, text, "unknown"))
	if problems:
		raise Invalid(_("Validation error"), problems=problems)
	return found


async def _pinned(work: Work, child: Item, name: str | None) -> str | None:
	"""The revision of the child that a body names by label or id. Raises Invalid."""
	if name is None:
		return None
	chosen = (Revision.id == name) if is_id(name) else (Revision.label == name)
	found = await work.scalar(
		select(Revision.id)
		.where(Revision.item_id == child.id, chosen, Revision.state != RevisionState.CANCELLED)
		.order_by(Revision.ordinal.desc())
		.limit(1)
	)
	if found is None:
		raise Invalid.one(
			"revision",
			_("{number} has no revision {name}.", number=child.number, name=name),
			"unknown",
		)
	return found


def _substitute(
	work: Work, line: Line, given: Sequence[SubstituteIn], named: Mapping[str, Item]
) -> None:
	seen: set[str] = {line.child_item_id}
	for place, each in enumerate(given, start=1):
		item = named[_name_of(each)]
		if item.id in seen:
			raise Invalid.one(
				"substitutes",
				_("{number} is on this line already.", number=item.number),
				"substitute_exists",
			)
		seen.add(item.id)
		work.add(
			LineSubstitute(
				line_id=line.id,
				item_id=item.id,
				rank=each.rank or place,
				quantity_ratio=each.quantity_ratio,
			)
		)
