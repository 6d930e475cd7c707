"""What can be done with revisions: make a new one, release it, cancel it."""

from sqlalchemy import select

from apg.capabilities.plm.documents.carrying import copy_documents
from apg.capabilities.plm.documents.requirements import unmet_requirements
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.products.reading import latest_working
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.revisions.labels import planned_label
from apg.capabilities.plm.revisions.moves import NotReleasable
from apg.capabilities.plm.revisions.obstacles import obstacles_of
from apg.capabilities.plm.revisions.reading import select_revisions
from apg.capabilities.plm.revisions.schemas import ReleaseIn, RevisionIn
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.capabilities.plm.structures.copying import copy_lines
from apg.contracts.plm import RevisionOpened
from apg.kernel.errors import Conflict, NotFound, Problem
from apg.kernel.json_rows import One
from apg.kernel.stamps import is_id, new_id
from apg.kernel.texts import _
from apg.kernel.work import Work

OPEN = (RevisionState.WORKING, RevisionState.IN_REVIEW)


class RevisionOpen(Conflict):
	"""The product has an open revision already."""

	code = "REVISION_OPEN"


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


async def open_revision(
	work: Work,
	product_id: str,
	new: RevisionIn,
	*,
	change_id: str | None = None,
	source_id: str | None = None,
) -> Revision:
	"""A working revision with the content of the current one, or of `source_id`; lines keep their
	identity. One may be open in each change, and one outside of all.

	Raises NotFound, PreconditionFailed, RevisionOpen, Invalid for a label that is taken or unclear.
	"""
	item = await work.edit(Item, product_id, compare=False)
	every: list[Revision] = await work.scalars(
		select(Revision).where(Revision.item_id == item.id).order_by(Revision.ordinal)
	)
	wanted = source_id or item.current_revision_id
	source = next((each for each in every if each.id == wanted), None)
	if source is None:
		raise NotFound(_("{what} not found", what=_("revision")))
	_expect(work, item, source)
	standing = [each for each in every if each.state in OPEN and each.change_id == change_id]
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
			label=await planned_label(work, item, every, new.revision),
			change_id=change_id,
			name=source.name,
			description=source.description,
			attributes=source.attributes,
			mass=source.mass,
			mass_unit=source.mass_unit,
			material=source.material,
		)
	)
	await work.flush()
	await copy_lines(work, {source.id: revision.id})
	await copy_documents(work, {source.id: revision.id})
	work.publish(RevisionOpened(product_id=item.id, revision_id=revision.id, copied_from=source.id))
	return revision


def _expect(work: Work, item: Item, revision: Revision) -> None:
	wanted = (work.if_match or "").strip().removeprefix("W/").strip('"')
	single = str(revision.version)
	work.expect(single if wanted == single else f"{item.version}-{revision.version}")


async def release(work: Work, product_id: str, given: ReleaseIn) -> Revision:
	"""Releases the working revision that belongs to no change; the one before is superseded.

	With the company's setting `only_by_change` that is for first revisions alone. Raises NotFound,
	PreconditionFailed, RevisionNotWorking, NotReleasable, StructureCycle, Conflict for a label that
	another release has.
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
	if current.id != revision.id and work.principal.settings.get("only_by_change"):
		raise NotReleasable(
			_(
				"{number} was released before; in this company a change releases what comes next. "
				"Raise one: it takes this revision up.",
				number=item.number,
			)
		)
	labels = {revision.id: given.revision} if given.revision else {}
	return (await moves.release(work, [revision.id], labels=labels))[0]


def _refuse_other(current: Revision) -> None:
	if current.state == RevisionState.WORKING:
		raise NotReleasable(
			_("Revision {label} belongs to a change and is released by it.", label=current.label)
		)
	current.must_be_working()


async def obstacles(work: Work, revision: Revision) -> list[Problem]:
	"""What keeps the revision from being released, each named by find number or attribute.

	Every child is released, or pinned to the released revision; none is obsolete or discontinued;
	what its class requires is there.
	"""
	found = (await obstacles_of(work, [revision.id])).get(revision.id, [])
	return [*found, *(gap.problem for gap in await unmet_requirements(work, [revision.id]))]


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
