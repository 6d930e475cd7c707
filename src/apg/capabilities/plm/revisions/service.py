"""What can be done with revisions: make a new one, release it, cancel it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.products.reading import latest_working
from apg.capabilities.plm.revisions.content import hash_of
from apg.capabilities.plm.revisions.reading import select_revisions
from apg.capabilities.plm.revisions.schemas import ReleaseIn, RevisionIn
from apg.capabilities.plm.rows import insert_rows
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.lifecycle import TERMINAL_PHASES, RevisionState
from apg.capabilities.plm.shared.numbering import LabelSeries, label_place, next_label
from apg.capabilities.plm.structures.cycles import refuse_cycles
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import snapshot_of
from apg.contracts.plm import ProductReleased, RevisionOpened
from apg.kernel.database import Versioned
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.tenancy import TenantOwned
from apg.kernel.texts import _
from apg.kernel.work import Work

FIXED = (RevisionState.RELEASED, RevisionState.SUPERSEDED, RevisionState.OBSOLETE)
OPEN = (RevisionState.WORKING, RevisionState.IN_REVIEW)
# What insert_rows gives a copied line anew; computed columns are the database's.
STAMPS = frozenset(TenantOwned.__annotations__) | frozenset(Versioned.__annotations__) | {"id"}


class RevisionOpen(Conflict):
	"""The product has an open revision already."""

	code = "REVISION_OPEN"


class NotReleasable(Conflict):
	"""The release is refused; the problems name every reason."""

	code = "NOT_RELEASABLE"


async def listed(work: Work, product_id: str) -> bytes:
	"""All revisions as JSON, the newest first. Raises NotFound."""
	await work.get(Item, product_id)
	return await work.read_json(select_revisions(product_id))


async def read(work: Work, product_id: str, name: str) -> One:
	"""One revision by label or id as JSON. Raises NotFound."""
	found = await named(work, product_id, name)
	return await work.read_one(
		select_revisions(product_id).where(Revision.id == found.id), Revision
	)


async def named(work: Work, product_id: str, name: str) -> Revision:
	"""The revision by id, or the latest one of the label. Raises NotFound."""
	await work.get(Item, product_id)
	chosen = (Revision.id == name) if is_id(name) else (Revision.label == name)
	found = await work.session.scalar(
		select(Revision)
		.where(Revision.item_id == product_id, chosen)
		.order_by(Revision.state == RevisionState.CANCELLED, Revision.ordinal.desc())
		.limit(1)
	)
	if found is None:
		raise NotFound(_("The product has no revision {label}.", label=name))
	return found


async def open_revision(work: Work, product_id: str, new: RevisionIn) -> Revision:
	"""A working revision with the content of the current one; lines keep their identity.

	Raises NotFound, PreconditionFailed, RevisionOpen, Invalid for a label that is taken or unclear.
	"""
	item = await work.edit(Item, product_id, compare=False)
	every: list[Revision] = await work.scalars(
		select(Revision).where(Revision.item_id == item.id).order_by(Revision.ordinal)
	)
	source = next(each for each in every if each.id == item.current_revision_id)
	_expect(work, item, source)
	standing = [each for each in every if each.state in OPEN and each.change_id is None]
	if standing:
		raise RevisionOpen(
			_(
				"Revision {label} is open already; change, release or cancel that one.",
				label=standing[0].label,
			)
		)
	revision = work.add(
		Revision(
			id=new_id(),
			item_id=item.id,
			ordinal=every[-1].ordinal + 1,
			label=_label(every, new.revision),
			name=source.name,
			description=source.description,
			attributes=source.attributes,
			mass=source.mass,
			mass_unit=source.mass_unit,
			material=source.material,
		)
	)
	await work.flush()
	await copy_lines(work, source.id, revision.id)
	work.publish(RevisionOpened(product_id=item.id, revision_id=revision.id, copied_from=source.id))
	return revision


def _expect(work: Work, item: Item, revision: Revision) -> None:
	wanted = (work.if_match or "").strip().removeprefix("W/").strip('"')
	single = str(revision.version)
	work.expect(single if wanted == single else f"{item.version}-{revision.version}")


def _label(every: list[Revision], wanted: str | None) -> str:
	"""The label that is planned: the given one, else the next after the last fixed one."""
	fixed = [each.label for each in every if each.state in FIXED]
	if wanted is not None:
		if wanted in fixed:
			raise Invalid.one(
				"revision", _("Revision {label} was released before.", label=wanted), "taken"
			)
		return wanted
	last = fixed[-1] if fixed else None
	series = LabelSeries.LETTERS
	if last is not None and label_place(last, LabelSeries.NUMBERS) is not None:
		series = LabelSeries.NUMBERS
	try:
		label = next_label(last, series)
		while label in fixed:
			label = next_label(label, series)
	except DomainError as error:
		raise Invalid.one("revision", f"{error.reason}. {error.remedy}", error.code) from error
	return label


async def copy_lines(work: Work, source_id: str, target_id: str) -> int:
	"""Copies lines and substitutes from one revision to another; `line_uid` stays. How many."""
	lines: list[Line] = await work.scalars(select(Line).where(Line.parent_revision_id == source_id))
	if not lines:
		return 0
	copies = {line.id: new_id() for line in lines}
	kept = [c.key for c in Line.__table__.columns if c.computed is None and c.key not in STAMPS]
	await insert_rows(
		work,
		Line,
		[
			{
				**{name: getattr(line, name) for name in kept},
				"id": copies[line.id],
				"parent_revision_id": target_id,
			}
			for line in lines
		],
	)
	substitutes: list[LineSubstitute] = await work.scalars(
		select(LineSubstitute)
		.join(Line, Line.id == LineSubstitute.line_id)
		.where(Line.parent_revision_id == source_id)
	)
	await insert_rows(
		work,
		LineSubstitute,
		[
			{
				"line_id": copies[each.line_id],
				"item_id": each.item_id,
				"rank": each.rank,
				"quantity_ratio": each.quantity_ratio,
			}
			for each in substitutes
		],
	)
	return len(lines)


async def release(work: Work, product_id: str, given: ReleaseIn) -> Revision:
	"""Releases the working revision that belongs to no change; the one before is superseded.

	Raises NotFound, PreconditionFailed, RevisionNotWorking, NotReleasable, StructureCycle, Conflict
	for a label that another release has.
	"""
	if not is_id(product_id) or await work.find(Item, product_id) is None:
		raise NotFound(_("{what} not found", what=_("product")))
	await lock_structures(work)
	item = await work.edit(Item, product_id, compare=False)
	revision = await work.session.scalar(
		latest_working(item.id).with_for_update().execution_options(populate_existing=True)
	)
	current = await work.get(Revision, item.current_revision_id)
	if revision is None:
		_refuse_other(current)
		raise NotReleasable(_("The product has no working revision; make a new one first."))
	_expect(work, item, revision)
	if problems := await obstacles(work, revision):
		raise NotReleasable(
			_("Revision {label} cannot be released yet.", label=given.revision or revision.label),
			problems=problems,
		)
	children = set(await _children(work, revision.id))
	await refuse_cycles(work, children)
	before = await work.session.scalar(
		select(Revision)
		.where(Revision.item_id == item.id, Revision.state == RevisionState.RELEASED)
		.with_for_update()
	)
	if before is not None:
		before.state = RevisionState.SUPERSEDED
		await work.flush()  # the index allows one released revision at any time
	revision.label = given.revision or revision.label
	await work.flush()
	revision.content_hash = await hash_of(work, revision)
	revision.state = RevisionState.RELEASED
	revision.released_at = utc_now()
	revision.released_by = work.principal.user_id
	revision.supersedes_id = before.id if before is not None else None
	item.current_revision_id = revision.id
	await work.flush()
	snapshot = await snapshot_of(work, revision.id, Rule.DEFAULT, View.ENGINEERING)
	work.publish(
		ProductReleased(
			product_id=item.id,
			revision_id=revision.id,
			snapshot_hash=snapshot.hash_below(revision.id),
		)
	)
	return revision


def _refuse_other(current: Revision) -> None:
	if current.state == RevisionState.WORKING:
		raise NotReleasable(
			_("Revision {label} belongs to a change and is released by it.", label=current.label)
		)
	current.must_be_working()


async def _children(work: Work, revision_id: str) -> list[str]:
	return await work.scalars(
		select(Line.child_item_id).where(Line.parent_revision_id == revision_id).distinct()
	)


async def obstacles(work: Work, revision: Revision) -> list[Problem]:
	"""What keeps the revision from being released, each named by find number and product.

	Every child is released, or pinned to the released revision; none is obsolete or discontinued.
	"""
	child, pinned, released = aliased(Item), aliased(Revision), aliased(Revision)
	rows = await work.execute(
		select(
			Line.find_number,
			child.number,
			child.lifecycle_phase,
			child.is_deleted,
			pinned.label.label("pinned_label"),
			pinned.state.label("pinned_state"),
			released.id.label("released_id"),
		)
		.join(child, child.id == Line.child_item_id)
		.join(pinned, pinned.id == Line.child_revision_id, isouter=True)
		.join(
			released,
			(released.item_id == child.id) & (released.state == RevisionState.RELEASED),
			isouter=True,
		)
		.where(Line.parent_revision_id == revision.id)
		.order_by(Line.find_number)
	)
	found: list[Problem] = []
	for row in rows:
		for code, text in _obstacles_of(row):
			found.append(Problem(f"lines.{row.find_number}", text, code))
	return found


def _obstacles_of(row: Any) -> list[tuple[str, str]]:
	number, state = row.number, row.pinned_state
	found: list[tuple[str, str]] = []
	if row.is_deleted:
		found.append(("deleted", _("{number} is deleted; restore or replace it.", number=number)))
	if row.lifecycle_phase in TERMINAL_PHASES:
		text = _("{number} is {phase}; replace it.", number=number, phase=row.lifecycle_phase)
		found.append(("retired", text))
	if state is not None and state != RevisionState.RELEASED:
		text = _(
			"{number} is pinned to revision {label}, which is {state}; "
			"release that, pin the released one or let the line float.",
			number=number,
			label=row.pinned_label,
			state=state,
		)
		found.append(("pinned_not_released", text))
	if state is None and row.released_id is None:
		found.append(
			("not_released", _("{number} is not released; release it first.", number=number))
		)
	return found


async def cancel(work: Work, product_id: str, name: str) -> Revision:
	"""Gives a working revision up; the product must have another one to stand for it.

	Raises NotFound, PreconditionFailed, RevisionNotWorking, Conflict.
	"""
	item = await work.edit(Item, product_id, compare=False)
	revision = await named(work, product_id, name)
	revision = await work.edit(Revision, revision.id, compare=False)
	_expect(work, item, revision)
	revision.must_be_working()
	if revision.change_id is not None:
		raise Conflict(
			_("Revision {label} belongs to a change; cancel that.", label=revision.label),
			code="REVISION_IN_CHANGE",
		)
	if item.current_revision_id == revision.id:
		raise Conflict(
			_("It is the only revision of the product; delete the product instead."),
			code="ONLY_REVISION",
		)
	revision.state = RevisionState.CANCELLED
	return revision
