"""The card of the first page: imports that failed, and such as wait for somebody to decide."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.plm.imports.models import Import, ImportState
from apg.capabilities.plm.permissions import IMPORTS_READ
from apg.kernel.capability import HomeCard
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work

RECENT = timedelta(days=14)
SHOWN = 5


async def load(work: Work) -> dict[str, Any] | None:
	"""Of the last two weeks; nothing where nothing failed and nothing waits."""
	since = utc_now() - RECENT
	counts = dict(
		(
			await work.execute(
				select(Import.state, func.count())
				.where(Import.updated_at >= since)
				.where(Import.state.in_([ImportState.FAILED, ImportState.PREVIEWED]))
				.group_by(Import.state)
			)
		).all()
	)
	if not counts:
		return None
	failed = await work.execute(
		select(Import.id, Import.file_name, Import.updated_at)
		.where(Import.state == ImportState.FAILED, Import.updated_at >= since)
		.order_by(Import.updated_at.desc())
		.limit(SHOWN)
	)
	return {
		"failing": counts.get(ImportState.FAILED, 0),
		"waiting": counts.get(ImportState.PREVIEWED, 0),
		"failed": [row._asdict() for row in failed.all()],
	}


CARD = HomeCard(
	"Imports that need you",
	"plm/imports/_home.html",
	load,
	IMPORTS_READ,
	"/plm/imports",
	order=10,
)
