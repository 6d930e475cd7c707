"""The card of the first page: what product footprints lack most, by weight and by cost."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from apg.capabilities.esg.footprints.models import Footprint, FootprintMark
from apg.capabilities.esg.footprints.showing import shown_gap
from apg.capabilities.esg.permissions import FOOTPRINTS_READ
from apg.contracts.plm import Contents
from apg.kernel.capability import HomeCard
from apg.kernel.work import Work

NEWEST = 20
SHOWN = 5


async def load(work: Work) -> dict[str, Any] | None:
	"""Of the newest footprints of products, one of each; nothing where there is none yet."""
	newest = (
		select(Footprint)
		.ext(distinct_on(Footprint.product_id))
		.order_by(Footprint.product_id, Footprint.created_at.desc(), Footprint.id.desc())
		.limit(NEWEST)
	)
	rows: list[Footprint] = await work.scalars(newest)
	if not rows:
		return None
	outdated = await work.scalar(select(func.count()).select_from(FootprintMark))
	gaps: dict[str, dict[str, Any]] = {}
	for row in rows:
		for gap in row.gaps:
			held = gaps.setdefault(gap["product_id"], {**gap, "needed": Decimal(0)})
			held["needed"] += Decimal(str(gap["quantity"] or 0))
	costs = await work.port(Contents).costs(work, gaps)
	for product, gap in gaps.items():
		gap["kilograms"] = Decimal(str(gap["mass"] or 0)) * gap["needed"]
		gap["cost"] = costs.get(product, Decimal(0)) * gap["needed"]
	return {
		"footprints": len(rows),
		"outdated": outdated,
		"gaps": len(gaps),
		"heaviest": _most(gaps, "kilograms"),
		"dearest": _most(gaps, "cost"),
		"currency": str(work.principal.settings.get("currency") or "EUR"),
	}


def _most(gaps: dict[str, dict[str, Any]], name: str) -> list[dict[str, Any]]:
	some = [gap for gap in gaps.values() if gap[name]]
	some.sort(key=lambda gap: (-gap[name], gap["product_number"]))
	return [shown_gap(gap) for gap in some[:SHOWN]]


CARD = HomeCard(
	"Product carbon",
	"esg/footprints/home.html",
	load,
	FOOTPRINTS_READ,
	"/esg/footprints",
	order=40,
	wide=True,
)
