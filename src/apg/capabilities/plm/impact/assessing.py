"""The provider of the port Assessment."""

from typing import Any

from apg.capabilities.plm.changes.assessment import Stages
from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import enforcing, showing
from apg.kernel.errors import Problem
from apg.kernel.work import Work


class AssessmentOfImpact:
	"""Impact as it is computed, and the company's policies over it."""

	async def consequences(self, work: Work, change: Change) -> tuple[Stages, list[Problem]]:
		return await enforcing.consequences(work, change)

	async def refuse_blocked(self, work: Work, change: Change) -> None:
		await enforcing.refuse_blocked(work, change)

	async def shown(self, work: Work, change_id: str) -> dict[str, Any]:
		return await showing.context_of(work, change_id)
