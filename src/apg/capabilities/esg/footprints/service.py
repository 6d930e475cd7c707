"""Footprints: compute and record, read, compare with now, verify, mark as outdated."""

from datetime import date
from typing import Any

from sqlalchemy import any_, literal, select
from sqlalchemy.orm import undefer

from apg.capabilities.esg.footprints import reading
from apg.capabilities.esg.footprints.checking import (
	Change,
	Compared,
	Verified,
	compared_with_now,
	made_again,
)
from apg.capabilities.esg.footprints.computing import Computed, compute, revision_of
from apg.capabilities.esg.footprints.models import Footprint, FootprintLine, FootprintMark
from apg.capabilities.esg.footprints.recording import put_on_record
from apg.capabilities.esg.footprints.schemas import FootprintIn
from apg.contracts.esg import FootprintOutdated
from apg.contracts.plm import (
	ProductReleased,
	ProductUpdated,
	StructureChanged,
	Structures,
)
from apg.kernel import tasks
from apg.kernel.database import id_type
from apg.kernel.errors import NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.tasks import Progress
from apg.kernel.texts import _
from apg.kernel.work import Work

TASK = "esg.footprints.record"
AT_ONCE = 5_000
"""Structures with more products are computed by a worker."""

_WHOLE = (undefer(Footprint.structure), undefer(Footprint.branches))

# What a footprint stands on, of the fields that a product's event names.
CARRYING = frozenset({"mass", "mass_unit", "material", "custom_attributes", "unit_of_measure"})


async def create(work: Work, asked: FootprintIn) -> Footprint | str:
	"""Records the footprint now, or has a worker do it: then the id it will have.

	Raises NotFound, Invalid (an unknown set), Conflict (a cycle).
	"""
	content = await revision_of(work, product_id=asked.product_id, revision_id=asked.revision_id)
	snapshot = await work.port(Structures).snapshot(work, content.revision_id, asked.view)
	if snapshot is not None and len(snapshot.revision_ids) > AT_ONCE:
		footprint_id = new_id()
		work.enqueue(
			TASK,
			footprint_id=footprint_id,
			revision_id=content.revision_id,
			view=str(asked.view),
			day=(asked.day or utc_now().date()).isoformat(),
			gwp_set=asked.gwp_set or "",
		)
		return footprint_id
	made = await compute(work, content.revision_id, asked.view, on=asked.day, gwp_set=asked.gwp_set)
	return await put_on_record(work, made)


def progress_key(footprint_id: str) -> str:
	return f"esg-footprint-{footprint_id}"


async def progress(work: Work, footprint_id: str) -> Progress | None:
	"""How far a worker is with a footprint that is not on record yet."""
	return await tasks.progress(work, progress_key(footprint_id)) if is_id(footprint_id) else None


async def preview(
	work: Work,
	product_id: str,
	*,
	revision_id: str | None = None,
	view: str = "engineering",
	on: date | None = None,
) -> Computed:
	"""The footprint as it would be now; nothing is kept. Raises NotFound, Conflict."""
	content = await revision_of(work, product_id=product_id, revision_id=revision_id)
	return await compute(work, content.revision_id, view, on=on)


async def page(
	work: Work,
	*,
	product_id: str | None = None,
	revision_id: str | None = None,
	outdated: bool | None = None,
	limit: int = 50,
	offset: int = 0,
) -> Page:
	statement = reading.select_footprints(
		product_id=product_id, revision_id=revision_id, outdated=outdated
	)
	ordered = statement.order_by(Footprint.created_at.desc(), Footprint.id)
	return await work.read_list(ordered, limit=limit, offset=offset)


async def read(work: Work, footprint_id: str) -> One:
	await work.get(Footprint, footprint_id)
	return await work.read_one(
		reading.select_footprints().where(Footprint.id == footprint_id), Footprint
	)


async def lines_page(work: Work, footprint_id: str, *, limit: int, offset: int = 0) -> Page:
	"""The inputs, the largest first. Raises NotFound."""
	await work.get(Footprint, footprint_id)
	return await work.read_list(reading.select_lines(footprint_id), limit=limit, offset=offset)


async def newest_of(work: Work, product_id: str) -> Footprint | None:
	"""The newest footprint of a product, whatever its revision."""
	if not is_id(product_id):
		return None
	return await work.scalar(
		select(Footprint)
		.where(Footprint.product_id == product_id)
		.order_by(Footprint.created_at.desc(), Footprint.id.desc())
		.limit(1)
	)


async def held(work: Work, footprint_id: str) -> tuple[Footprint, list[FootprintLine]]:
	"""A footprint with its packed structure and its lines. Raises NotFound."""
	await work.get(Footprint, footprint_id)
	row = await work.scalar(
		select(Footprint)
		.where(Footprint.id == footprint_id)
		.options(*_WHOLE)
		.execution_options(populate_existing=True)
	)
	lines = await work.scalars(
		select(FootprintLine)
		.where(FootprintLine.footprint_id == footprint_id)
		.order_by(FootprintLine.position)
	)
	return row, lines


async def line_of(work: Work, footprint_id: str, position: int) -> FootprintLine:
	"""One line. Raises NotFound."""
	await work.get(Footprint, footprint_id)
	found = await work.scalar(
		select(FootprintLine).where(
			FootprintLine.footprint_id == footprint_id, FootprintLine.position == position
		)
	)
	if found is None:
		raise NotFound(_("{what} not found", what=_("line of a footprint")))
	return found


async def compare(work: Work, footprint_id: str, *, on: date | None = None) -> dict[str, Any]:
	"""Old, new, and which inputs differ and why. Raises NotFound, Conflict."""
	row, lines = await held(work, footprint_id)
	return comparison_of(row, await compared_with_now(work, row, lines, on=on))


def comparison_of(row: Footprint, found: Compared) -> dict[str, Any]:
	now = found.now
	both = row.total is not None and now.total is not None
	return {
		"footprint_id": row.id,
		"day": now.day,
		"old_total": row.total,
		"new_total": now.total,
		"delta": now.total - row.total if both else None,  # pyright: ignore
		"old_coverage": row.coverage,
		"new_coverage": now.coverage,
		"structure_changed": found.structure_changed,
		"identical": not found.changes and not found.structure_changed,
		"changes": [_change(one) for one in found.changes],
	}


def _change(one: Change) -> dict[str, Any]:
	side = one.new or one.old
	assert side is not None
	return {
		"product_id": one.product_id,
		"product_number": side.product_number,
		"product_name": side.product_name,
		"stage": one.stage,
		"subject": side.subject,
		"old": one.old.co2e if one.old else None,
		"new": one.new.co2e if one.new else None,
		"delta": one.delta,
		"reasons": list(one.reasons),
		"old_factor_version_id": one.old.factor_version_id if one.old else None,
		"new_factor_version_id": one.new.factor_version_id if one.new else None,
	}


async def verify(work: Work, footprint_id: str) -> dict[str, Any]:
	"""Makes a footprint again from the record alone and compares. Raises NotFound."""
	row, lines = await held(work, footprint_id)
	found: Verified = await made_again(work, row, lines)
	return {
		"footprint_id": row.id,
		"intact": not found.problems and found.seal == row.seal,
		"seal": row.seal,
		"seal_now": found.seal,
		"total": row.total,
		"total_now": found.total,
		"lines": found.lines,
		"problems": list(found.problems),
	}


async def mark_outdated(
	work: Work, event: StructureChanged | ProductUpdated | ProductReleased
) -> None:
	"""Marks footprints whose structure holds the product; their figures stay what they are."""
	if isinstance(event, StructureChanged):
		reason = "structure_changed"
	elif isinstance(event, ProductReleased):
		reason = "revision_released"
	else:
		if not CARRYING & set(event.fields):
			return
		reason = "product_changed"
	# What happened before a footprint was computed is in it: events may be read much later.
	happened = event.recorded.occurred_at if event.recorded else utc_now()
	product = literal(event.product_id, id_type)
	marked = select(FootprintMark.id).where(FootprintMark.footprint_id == Footprint.id)
	rows = await work.execute(
		select(Footprint.id, Footprint.product_id).where(
			product == any_(Footprint.product_ids),
			Footprint.created_at < happened,
			~marked.exists(),
		)
	)
	for row in rows.all():
		work.add(
			FootprintMark(
				footprint_id=row.id, reason=reason, product_id=event.product_id, at=utc_now()
			)
		)
		work.publish(
			FootprintOutdated(footprint_id=row.id, product_id=row.product_id, reason=reason)
		)
