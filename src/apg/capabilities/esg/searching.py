"""What ESG finds in the search over everything."""

from collections.abc import Sequence

from sqlalchemy import func, select

from apg.capabilities.esg.factors import service as factor_service
from apg.capabilities.esg.metrics.models import Metric
from apg.capabilities.esg.permissions import FACTORS_READ, METRICS_READ
from apg.kernel.capability import Hit, SearchProvider
from apg.kernel.database import load_json
from apg.kernel.search import found_by
from apg.kernel.work import Work


async def metrics(work: Work, text: str, limit: int) -> Sequence[Hit]:
	"""Metrics whose name, code or words hold the text; a code or name that begins with it first."""
	wanted = text.lower()
	rows = await work.execute(
		select(Metric.id, Metric.name, Metric.code)
		.where(~Metric.is_deleted, Metric.id.in_(found_by("esg_metrics", {"q": text})))
		.order_by(
			(func.lower(Metric.code) == wanted).desc(),
			func.lower(Metric.name).startswith(wanted, autoescape=True).desc(),
			Metric.name,
			Metric.id,
		)
		.limit(limit)
	)
	return [Hit(row.name, f"/esg/metrics/{row.id}", row.code) for row in rows]


async def factors(work: Work, text: str, limit: int) -> Sequence[Hit]:
	"""Emission factors every word of the text is found in."""
	page = await factor_service.page(work, search=text, limit=limit, offset=0)
	return [
		Hit(row["name"], f"/esg/factors/{row['id']}", f"{row['activity_code']} · {row['region']}")
		for row in load_json(page.body)
	]


SEARCHES = (
	SearchProvider("Metrics", metrics, METRICS_READ, "/esg/metrics?search=", order=20),
	SearchProvider("Emission factors", factors, FACTORS_READ, "/esg/factors?search=", order=25),
)
