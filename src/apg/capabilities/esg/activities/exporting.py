"""Activity records as a file that the import takes back unchanged."""

from typing import Any

from fastapi import Response
from sqlalchemy import select

from apg.capabilities.esg.activities import reading
from apg.capabilities.esg.activities.models import CONTENT, ActivityRecord
from apg.capabilities.esg.bulk.exporting import MOST_ROWS, Format, as_file, exact
from apg.capabilities.esg.sites import service as sites
from apg.kernel.work import Work

HEADINGS = tuple("site_code" if name == "site_id" else name for name in CONTENT)


async def records(work: Work, form: Format, wanted: dict[str, Any]) -> Response:
	"""The standing records that fit, in the order of their periods. Raises Invalid."""
	statement = reading.narrowed(reading.standing(select(ActivityRecord)), wanted)
	found = await work.scalars(
		statement.order_by(ActivityRecord.period_start, ActivityRecord.id).limit(MOST_ROWS + 1)
	)
	named = await sites.find(work, site_ids={row.site_id for row in found if row.site_id})
	codes = {site.id: site.code for site in named}

	def cell(row: ActivityRecord, name: str) -> Any:
		value = getattr(row, name)
		if name == "site_id":
			return codes.get(value)
		return exact(value) if name == "quantity" else value

	rows = [[cell(row, name) for name in CONTENT] for row in found]
	return as_file(rows, HEADINGS, form, "activities")
