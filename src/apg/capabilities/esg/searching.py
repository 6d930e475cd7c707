"""What ESG finds in the search over everything."""

from collections.abc import Sequence

from sqlalchemy import func, select

from apg.capabilities.esg.activities import service as activity_service
from apg.capabilities.esg.factors import service as factor_service
from apg.capabilities.esg.metrics.models import Metric
from apg.capabilities.esg.permissions import (
	ACTIVITIES_READ,
	FACTORS_READ,
	METRICS_READ,
	SITES_READ,
)
from apg.capabilities.esg.shared.activity_words import activity_label
from apg.capabilities.esg.sites import service as site_service
from apg.kernel.capability import Hit, SearchProvider
from apg.kernel.database import load_json
from apg.kernel.search import found_by
from apg.kernel.web.figures import number
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
		Hit(
			row["name"],
			f"/esg/factors/{row['id']}",
			f"{activity_label(row['activity_code'])} · {row['region']}",
		)
		for row in load_json(page.body)
	]


async def sites(work: Work, text: str, limit: int) -> Sequence[Hit]:
	"""Sites by code, name, city or words."""
	wanted = site_service.matching(search=text)
	page = await site_service.page(work, wanted, limit=limit, offset=0)
	return [
		Hit(row["name"], f"/esg/sites/{row['id']}", f"{row['code']} · {row['country']}")
		for row in load_json(page.body)
	]


async def records(work: Work, text: str, limit: int) -> Sequence[Hit]:
	"""Activity records by activity, meter, evidence or words, the newest period first."""
	page = await activity_service.page(
		work,
		activity_service.matching(search=text),
		limit=limit,
		offset=0,
		sort=(("period_start", True),),
	)
	return [
		Hit(
			f"{activity_label(row['activity_code'])}, {row['period_start'][:10]}",
			f"/esg/activities/{row['id']}",
			" · ".join(filter(None, (f"{number(row['quantity'])} {row['unit']}", row["meter"]))),
		)
		for row in load_json(page.body)
	]


SEARCHES = (
	SearchProvider("Metrics", metrics, METRICS_READ, "/esg/metrics?search=", order=20),
	SearchProvider("Sites", sites, SITES_READ, "/esg/sites?search=", order=22),
	SearchProvider(
		"Activity records", records, ACTIVITIES_READ, "/esg/activities?search=", order=23
	),
	SearchProvider("Emission factors", factors, FACTORS_READ, "/esg/factors?search=", order=25),
)
