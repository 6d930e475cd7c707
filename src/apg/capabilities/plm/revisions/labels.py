"""Labels of revisions: planned when one is opened, fixed when it is released."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from apg.capabilities.plm.classes.inheritance import schemes
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.label_schemes import label_after, label_for_release
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.kernel.errors import Invalid
from apg.kernel.rows import ids
from apg.kernel.texts import _
from apg.kernel.work import Work

FIXED = (RevisionState.RELEASED, RevisionState.SUPERSEDED, RevisionState.OBSOLETE)


async def planned_label(
	work: Work, item: Item, every: Sequence[Revision], wanted: str | None
) -> str:
	"""The label a new revision plans: the given one, else the next of the scheme of its class and
	phase. Raises Invalid for a label that is taken, or that nobody can name."""
	fixed = [each.label for each in every if each.state in FIXED]
	if wanted is not None:
		if wanted in fixed:
			raise Invalid.one(
				"revision", _("Revision {label} was released before.", label=wanted), "taken"
			)
		return wanted
	scheme = (await schemes(work)).of(item.class_path, item.lifecycle_phase)
	try:
		return label_after(scheme, fixed)
	except DomainError as error:
		raise Invalid.one("revision", f"{error.reason}. {error.remedy}", error.code) from error


async def labels_at_release(
	work: Work, items: Mapping[str, Item], revisions: Sequence[Revision], given: Mapping[str, str]
) -> dict[str, str]:
	"""The labels these releases fix, by revision. Raises Invalid where nobody can name one.

	The phase at release counts, and what was fixed meanwhile: of two changes that planned B the
	second releases C.
	"""
	held = await schemes(work)
	fixed: dict[str, list[str]] = {}
	for item_id, label in await work.execute(
		select(Revision.item_id, Revision.label)
		.where(Revision.item_id == ids(list(items)), Revision.state.in_(FIXED))
		.order_by(Revision.ordinal)
	):
		fixed.setdefault(item_id, []).append(label)
	found: dict[str, str] = {}
	for revision in revisions:
		item = items[revision.item_id]
		scheme = held.of(item.class_path, item.lifecycle_phase)
		try:
			found[revision.id] = given.get(revision.id) or label_for_release(
				scheme, revision.label, fixed.get(item.id, [])
			)
		except DomainError as error:
			text = f"{item.number}: {error.reason}. {error.remedy}"
			raise Invalid.one("revision", text, error.code) from error
	return found
