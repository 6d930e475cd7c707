"""What can be done with effectivity: set it for a revision, close what was open, follow a release."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.effectivity.models import Effectivity
from apg.capabilities.plm.effectivity.ranges import Kind, Span
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.rows import ids
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.kernel.errors import Conflict, Invalid, NotFound
from apg.kernel.texts import _
from apg.kernel.work import Work

FIXED = (RevisionState.RELEASED, RevisionState.SUPERSEDED)


class NotReleased(Conflict):
	"""Only what was released can be effective."""

	code = "REVISION_NOT_RELEASED"


@dataclass(frozen=True, slots=True)
class Wanted:
	"""A revision to be effective over a span; without a context for every end item."""

	revision_id: str
	span: Span
	context_item_id: str | None = None


async def make_effective(
	work: Work, wanted: Sequence[Wanted], *, change_id: str | None = None
) -> list[Effectivity]:
	"""Makes released revisions effective over their spans, many at once; a change sets its own so.

	What was effective before in the same context and open at the end, or reaching into the span from
	before, ends where the span begins. Raises NotFound, NotReleased, Invalid for an empty span, and
	Conflict where the span overlaps one that begins inside it.
	"""
	await work.flush()
	revisions = await _released(work, [each.revision_id for each in wanted])
	made: list[Effectivity] = []
	for each in wanted:
		_check(each.span)
		revision = revisions[each.revision_id]
		context = each.context_item_id or revision.item_id
		if context != revision.item_id:
			await work.get(Item, context)
		await _close(work, revision.item_id, context, each.span)
		row = Effectivity(
			item_id=revision.item_id,
			revision_id=revision.id,
			context_item_id=context,
			change_id=change_id,
		)
		setattr(row, each.span.kind, each.span.range)
		made.append(work.add(row))
		await work.flush()
	return made


async def follow_release(work: Work, revision_ids: Collection[str], at: datetime) -> None:
	"""After a release: where an earlier revision's dates are open at the end, they end `at`, and the
	new one is effective from then on. A product without dates needs none: its releases count."""
	rows: list[Effectivity] = await work.scalars(
		select(Effectivity)
		.join(Revision, Revision.item_id == Effectivity.item_id)
		.where(
			Revision.id == ids(sorted(revision_ids)),
			Effectivity.revision_id != Revision.id,
			Effectivity.context_item_id == Effectivity.item_id,
			Effectivity.dates.is_not(None),
		)
	)
	open_ended = {row.item_id for row in rows if row.dates is not None and row.dates.upper is None}
	if not open_ended:
		return
	fresh: list[Revision] = await work.scalars(
		select(Revision).where(
			Revision.id == ids(sorted(revision_ids)), Revision.item_id == ids(sorted(open_ended))
		)
	)
	await make_effective(
		work, [Wanted(each.id, Span(Kind.DATES, at)) for each in sorted(fresh, key=lambda r: r.id)]
	)


async def _released(work: Work, revision_ids: Sequence[str]) -> dict[str, Revision]:
	rows: list[Revision] = await work.scalars(
		select(Revision).where(Revision.id == ids(sorted(set(revision_ids))))
	)
	found = {row.id: row for row in rows}
	if missing := set(revision_ids) - set(found):
		raise NotFound(_("{what} not found", what=_("revision")) + f" {sorted(missing)[0]}")
	for row in rows:
		if row.state not in FIXED:
			raise NotReleased(
				_(
					"Revision {label} is {state}; only a released one can be effective.",
					label=row.label,
					state=row.state,
				)
			)
	return found


def _check(span: Span) -> None:
	start: Any = span.start
	if span.kind is not Kind.DATES and start < 1:
		raise Invalid.one("from", _("Units and lots are counted from 1."))
	if span.end is not None and span.end <= start:
		raise Invalid.one(
			"to", _("The end must come after the beginning, which it does not include.")
		)


async def _close(work: Work, item_id: str, context: str, span: Span) -> None:
	"""Ends what reaches into the span from before; it is kept until the span begins."""
	column: Any = getattr(Effectivity, span.kind)
	rows: list[Effectivity] = await work.scalars(
		select(Effectivity)
		.where(
			Effectivity.item_id == item_id,
			Effectivity.context_item_id == context,
			column.is_not(None),
			column.contains(span.start),
		)
		.with_for_update()
	)
	for row in rows:
		held = Span.of(row)
		begins: Any = held.start
		if begins < span.start and (held.end is None or span.end is None or held.end <= span.end):
			setattr(row, span.kind, Span(span.kind, begins, span.start).range)
	await work.flush()


async def lock(work: Work) -> None:
	"""Whoever changes effectivity changes what structures mean: one after the other."""
	await lock_structures(work)
