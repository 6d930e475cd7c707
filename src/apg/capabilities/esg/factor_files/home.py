"""The card of the first page: factors in quarantine, such as nobody decided on, failed imports."""

from typing import Any

from sqlalchemy import func, select

from apg.capabilities.esg.factor_files.models import FactorImport, ImportState
from apg.capabilities.esg.factors import service
from apg.capabilities.esg.permissions import FACTORS_READ
from apg.kernel.capability import HomeCard
from apg.kernel.work import Work


async def load(work: Work) -> dict[str, Any] | None:
	"""Nothing where nothing waits."""
	counts = dict(await service.counts(work))
	counts["failing"] = await work.scalar(
		select(func.count()).where(FactorImport.state == ImportState.FAILED)
	)
	return counts if any(counts.values()) else None


CARD = HomeCard(
	"Emission factors",
	"esg/factor_files/home.html",
	load,
	FACTORS_READ,
	"/esg/factors",
	order=40,
)
