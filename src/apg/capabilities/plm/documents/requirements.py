"""What classes ask for before a release: attributes, and documents of some kinds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.classes.inheritance import Gap, paths_to
from apg.capabilities.plm.classes.inheritance import unmet_requirements as unmet_attributes
from apg.capabilities.plm.classes.models import PartClass
from apg.capabilities.plm.documents.models import Document, RevisionDocument
from apg.capabilities.plm.products.models import Item, Revision
from apg.kernel.errors import Problem
from apg.kernel.rows import ids
from apg.kernel.texts import _
from apg.kernel.work import Work

PREFIX = "documents."
"""With it begins the field of a gap that a document closes."""


@dataclass(frozen=True, slots=True)
class Wanted:
	"""A kind of document that a class asks for, and the class that does."""

	kind: str
	class_path: str


async def demanded(work: Work) -> dict[str, list[Wanted]]:
	"""What each class asks for itself, by its path."""
	rows = await work.execute(
		select(PartClass.path, PartClass.documents).where(PartClass.documents != [])
	)
	return {row.path: [Wanted(kind, row.path) for kind in row.documents] for row in rows}


def inherited(held: dict[str, list[Wanted]], class_path: str | None) -> list[Wanted]:
	"""What products of a class need: each kind once, the class nearest to the root first."""
	found: dict[str, Wanted] = {}
	for path in paths_to(class_path):
		for one in held.get(path, ()):
			found.setdefault(one.kind, one)
	return list(found.values())


async def unmet_requirements(work: Work, revision_ids: Collection[str]) -> list[Gap]:
	"""What of the classes' attributes and documents keeps these revisions from being released.

	`problem.field` is `custom_attributes.<name>` or `documents.<kind>`.
	"""
	return [
		*(await unmet_attributes(work, revision_ids)),
		*(await missing_documents(work, revision_ids)),
	]


async def missing_documents(work: Work, revision_ids: Collection[str]) -> list[Gap]:
	"""The documents that lack, by product number; three queries for any number of revisions."""
	held = await demanded(work)
	if not held:
		return []
	await work.flush()
	wanted = ids(sorted(revision_ids))
	rows: Sequence[Any] = (
		await work.execute(
			select(Revision.id, Item.id.label("item_id"), Item.number, Item.class_path)
			.join(Item, Item.id == Revision.item_id)
			.where(Revision.id == wanted, Item.class_path.is_not(None))
			.order_by(Item.number, Revision.ordinal)
		)
	).all()
	there = {
		(row.revision_id, row.kind)
		for row in await work.execute(
			select(RevisionDocument.revision_id, Document.kind)
			.join(Document, Document.id == RevisionDocument.document_id)
			.where(RevisionDocument.revision_id == wanted)
		)
	}
	return [
		Gap(row.id, row.item_id, row.number, one.kind, _problem(one, row.number))
		for row in rows
		for one in inherited(held, row.class_path)
		if (row.id, one.kind) not in there
	]


def _problem(wanted: Wanted, number: str) -> Problem:
	lacks = _(
		"{class_path} asks for a document of the kind {kind} and {number} has none; attach it.",
		class_path=wanted.class_path,
		kind=_(wanted.kind.replace("_", " ")),
		number=number,
	)
	return Problem(f"{PREFIX}{wanted.kind}", lacks, "required")
