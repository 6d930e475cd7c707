"""What can be done with effectivity: set it for a revision, close what was open, follow a release."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, cast, select

from apg.capabilities.plm.effectivity.models import Effectivity
from apg.capabilities.plm.effectivity.ranges import Kind, Span
from apg.capabilities.plm.effectivity.reading import select_effectivities
from apg.capabilities.plm.effectivity.schemas import EffectivityIn, EffectivityPatch
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.kernel.errors import Conflict, Invalid, NotFound
from apg.kernel.json_rows import One
from apg.kernel.rows import ids
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work

BOUNDS = {
	Kind.DATES: DateTime(timezone=True),
	Kind.UNITS: BigInteger(),
	Kind.LOTS: BigInteger(),
}
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
			column.contains(cast(span.start, BOUNDS[span.kind])),
		)
		.with_for_update()
	)
	for row in rows:
		held = Span.of(row)
		begins: Any = held.start
		if begins < span.start and (held.end is None or span.end is None or held.end <= span.end):
			setattr(row, span.kind, Span(span.kind, begins, span.start).range)
	await work.flush()


# -- what people set themselves ----------------------------------------------------------------


async def listed(work: Work, product_id: str) -> bytes:
	"""All ranges of the product's revisions as JSON. Raises NotFound."""
	await work.get(Item, product_id)
	return await work.read_json(select_effectivities(product_id))


async def read(work: Work, product_id: str, effectivity_id: str) -> One:
	"""Raises NotFound."""
	found = await _named(work, product_id, effectivity_id)
	return await work.read_one(
		select_effectivities(product_id).where(Effectivity.id == found.id), Effectivity
	)


async def _named(work: Work, product_id: str, effectivity_id: str) -> Effectivity:
	found = await work.get(Effectivity, effectivity_id)
	if found.item_id != product_id:
		raise NotFound(_("{what} not found", what=_("effectivity")))
	return found


async def add(work: Work, product_id: str, new: EffectivityIn) -> Effectivity:
	"""Makes a released revision effective over a range. Raises NotFound, NotReleased, Invalid,
	Conflict for an overlap."""
	if await work.find(Item, product_id) is None:
		raise NotFound(_("{what} not found", what=_("product")))
	await lock_structures(work)
	chosen = (
		(Revision.id == new.revision) if is_id(new.revision) else (Revision.label == new.revision)
	)
	revision_id = await work.scalar(
		select(Revision.id)
		.where(Revision.item_id == product_id, chosen)
		.order_by(Revision.state.in_(FIXED).desc(), Revision.ordinal.desc())
		.limit(1)
	)
	if revision_id is None:
		text = _("The product has no revision {label}.", label=new.revision)
		raise Invalid.one("revision", text, "unknown")
	context = new.context_product_id
	if context is not None and await work.find(Item, context) is None:
		raise Invalid.one("context_product_id", _("There is no such product."), "unknown")
	span = Span(new.kind, _place(new.kind, new.start, "from"), _place(new.kind, new.end, "to"))
	return (await make_effective(work, [Wanted(revision_id, span, context)]))[0]


def _place(kind: Kind, value: Any, field: str) -> Any:
	"""A moment for dates, a number else. Raises Invalid."""
	if value is None or isinstance(value, datetime) == (kind is Kind.DATES):
		return value
	if kind is Kind.DATES:
		raise Invalid.one(field, _("Give a date, for example 2027-01-31."))
	raise Invalid.one(field, _("Give a whole number from 1."))


async def change(
	work: Work, product_id: str, effectivity_id: str, patch: EffectivityPatch
) -> Effectivity:
	"""Moves the end of a range. Raises NotFound, PreconditionFailed, Invalid, Conflict."""
	await _named(work, product_id, effectivity_id)
	await lock_structures(work)
	row = await work.edit(Effectivity, effectivity_id)
	held = Span.of(row)
	span = Span(held.kind, held.start, _place(held.kind, patch.end, "to"))
	_check(span)
	setattr(row, span.kind, span.range)
	await work.flush()
	return row


async def remove(work: Work, product_id: str, effectivity_id: str) -> None:
	"""Takes a range away; the trail keeps it. Raises NotFound, PreconditionFailed."""
	await _named(work, product_id, effectivity_id)
	await lock_structures(work)
	await work.delete(await work.edit(Effectivity, effectivity_id))
	await work.flush()


async def product_numbered(work: Work, number: str) -> str | None:
	"""The id of the product with this number."""
	return await work.scalar(select(Item.id).where(Item.number == number, ~Item.is_deleted))


async def released_ones(work: Work, product_id: str) -> list[tuple[str, str]]:
	"""Ids and labels of the revisions that can be effective, the newest first."""
	rows = await work.execute(
		select(Revision.id, Revision.label)
		.where(Revision.item_id == product_id, Revision.state.in_(FIXED))
		.order_by(Revision.ordinal.desc())
	)
	return [(row.id, row.label) for row in rows]
