"""Readings of a metric as a file that the import takes back unchanged."""

from datetime import datetime

from fastapi import Response
from sqlalchemy import select

from apg.capabilities.esg.bulk.exporting import MOST_ROWS, Format, as_file, exact
from apg.capabilities.esg.measurements import reading
from apg.capabilities.esg.measurements.models import Measurement
from apg.capabilities.esg.metrics import service as metrics
from apg.kernel.database import dump_json
from apg.kernel.work import Work

HEADINGS = (
	"metric_code",
	"value",
	"unit",
	"measurement_date",
	"period_start",
	"period_end",
	"data_source",
	"collection_method",
	"evidence",
	"notes",
	"metadata",
)


async def readings(
	work: Work, metric_id: str, form: Format, *, start: datetime | None, end: datetime | None
) -> Response:
	"""The standing readings in the order of their dates. Raises NotFound, Invalid."""
	metric = await metrics.metric_of(work, metric_id)
	M = Measurement
	statement = reading.standing(reading.of_metric(select(M), metric_id, start, end))
	statement = statement.order_by(M.measurement_date, M.id).limit(MOST_ROWS + 1)
	rows = [
		(
			metric.code,
			exact(row.value),
			metric.unit,
			row.measurement_date,
			row.period_start,
			row.period_end,
			row.data_source,
			row.collection_method,
			row.evidence,
			row.notes,
			dump_json(row.meta) if row.meta else None,
		)
		for row in await work.scalars(statement)
	]
	return as_file(rows, HEADINGS, form, metric.code)
