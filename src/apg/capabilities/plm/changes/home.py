"""The card of the first page: changes that wait for this person, are late, or are on their way."""

from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from apg.capabilities.plm.changes import reading
from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.permissions import CHANGES_READ
from apg.capabilities.plm.shared.change_states import OPEN
from apg.kernel.capability import HomeCard
from apg.kernel.rows import texts
from apg.kernel.work import Work

SHOWN = 5


async def load(work: Work) -> dict[str, Any] | None:
	"""Counts of open changes, and the first of those that ask this person."""
	mine = reading.waits_for(work.principal.user_id)
	row = (
		await work.execute(
			select(
				func.count().label("open"),
				_counted(mine).label("waiting"),
				_counted(reading.overdue()).label("overdue"),
			)
			.select_from(Change)
			.where(Change.status == texts(str(one) for one in OPEN))
		)
	).one()
	if not row.open:
		return None
	asked = await work.execute(
		select(Change.id, Change.number, Change.title, Change.submitted_at)
		.where(mine)
		.order_by(Change.submitted_at, Change.id)
		.limit(SHOWN)
	)
	return {**row._asdict(), "asked": [one._asdict() for one in asked.all()]}


def _counted(what: ColumnElement[bool]) -> ColumnElement[int]:
	return func.coalesce(func.sum(case((what, 1), else_=0)), 0)


CARD = HomeCard("Changes", "plm/changes/_home.html", load, CHANGES_READ, "/plm/changes", order=5)
