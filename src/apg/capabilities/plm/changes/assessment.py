"""What stands above changes and has a say in them: their impact, and the policies over it.

Impact reads changes, so changes ask for it by this port; the manifest says who provides it.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.shared.approval_rules import Rule
from apg.kernel.errors import Problem

if TYPE_CHECKING:
	from apg.kernel.work import Work

Stages = list[tuple[Rule, list[str]]]


class Assessment(Protocol):
	"""The judgement over what a change would do."""

	absent: ClassVar["Assessment"]

	async def consequences(self, work: "Work", change: Change) -> tuple[Stages, list[Problem]]:
		"""Stages that are added to a submission, and what is refused."""
		...

	async def refuse_blocked(self, work: "Work", change: Change) -> None:
		"""Raises Conflict where something keeps the change from going on."""
		...

	async def shown(self, work: "Work", change_id: str) -> dict[str, Any]:
		"""What the tab of the impact shows."""
		...


class NoAssessment:
	"""Nothing is added, nothing is refused, nothing is shown."""

	async def consequences(self, work: "Work", change: Change) -> tuple[Stages, list[Problem]]:
		return [], []

	async def refuse_blocked(self, work: "Work", change: Change) -> None:
		return None

	async def shown(self, work: "Work", change_id: str) -> dict[str, Any]:
		return {"impact": None}


Assessment.absent = NoAssessment()  # type: ignore[assignment]
