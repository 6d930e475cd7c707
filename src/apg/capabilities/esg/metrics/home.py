"""The card of the first page: key figures, readings that are due, series of poor quality."""

from typing import Any

from sqlalchemy import func, select

from apg.capabilities.esg.metrics import reading, service, words
from apg.capabilities.esg.metrics.models import Metric, MetricState
from apg.capabilities.esg.permissions import METRICS_READ
from apg.kernel.capability import HomeCard
from apg.kernel.database import load_json
from apg.kernel.work import Work

POOR = 50
SHOWN = 6


async def load(work: Work) -> dict[str, Any] | None:
	"""Nothing where there is no metric yet."""
	page = await service.listed(
		work, limit=SHOWN, offset=0, sort=(("name", False),), is_kpi=True, is_active=True
	)
	rows: list[dict[str, Any]] = load_json(page.body)
	counts = (
		await work.execute(
			select(
				func.count().label("active"),
				func.count().filter(reading.is_due()).label("due"),
				func.count().filter(MetricState.data_quality_score < POOR).label("poor"),
			)
			.select_from(Metric)
			.outerjoin(
				MetricState,
				(MetricState.tenant_id == Metric.tenant_id) & (MetricState.metric_id == Metric.id),
			)
			.where(Metric.is_active, ~Metric.is_deleted)
		)
	).one()
	if not counts.active:
		return None
	standings = await service.standings(work, [row["id"] for row in rows])
	for row in rows:
		row["standing"] = standings.get(row["id"], "")
		row["symbol"] = words.symbol(row["unit"])
	return {
		"rows": rows,
		"kpis": page.total,
		"active": counts.active,
		"due": counts.due,
		"poor": counts.poor,
		"least": POOR,
		"directions": words.DIRECTIONS,
		"assessments": words.ASSESSMENTS,
	}


CARD = HomeCard(
	"Sustainability",
	"esg/metrics/home.html",
	load,
	METRICS_READ,
	"/esg/metrics",
	order=30,
	wide=True,
)
