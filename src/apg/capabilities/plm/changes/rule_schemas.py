"""What approval rules and absences look like on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from apg.capabilities.plm.shared.change_states import (
	ChangeKind,
	ChangeType,
	Priority,
	Track,
	Urgency,
)
from apg.kernel.web.wire import Amount, IdText, Line, Moment, WireModel

Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Role = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=64)]
Step = Annotated[int, Field(ge=1, le=20)]
Quorum = Annotated[int, Field(ge=1, le=100)]
Days = Annotated[int, Field(ge=1, le=365)]
Limit = Annotated[Amount, Field(ge=0)]


class RuleIn(WireModel):
	"""One line of the matrix. Empty lists of kinds and tracks mean all; without any reason (types,
	priorities, urgencies, costs) it always applies. Without a quorum everybody in the role is asked."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [
				{
					"name": "Purchasing",
					"role": "plm_manager",
					"step": 2,
					"quorum": 1,
					"due_days": 3,
					"change_types": ["supply"],
					"cost_over": 500,
				}
			]
		},
	)

	name: Name
	role: Role
	step: Step = 1
	quorum: Quorum | None = None
	due_days: Days = 5
	kinds: list[ChangeKind] = Field(default_factory=list[ChangeKind])
	tracks: list[Track] = Field(default_factory=list[Track])
	change_types: list[ChangeType] = Field(default_factory=list[ChangeType])
	priorities: list[Priority] = Field(default_factory=list[Priority])
	urgencies: list[Urgency] = Field(default_factory=list[Urgency])
	over_threshold: bool = False
	cost_over: Limit | None = None
	is_active: bool = True


class RulePatch(WireModel):
	"""Only what is named changes."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"quorum": 2, "due_days": 4}]},
	)

	name: Name | None = None
	role: Role | None = None
	step: Step | None = None
	quorum: Quorum | None = None
	due_days: Days | None = None
	kinds: list[ChangeKind] | None = None
	tracks: list[Track] | None = None
	change_types: list[ChangeType] | None = None
	priorities: list[Priority] | None = None
	urgencies: list[Urgency] | None = None
	over_threshold: bool | None = None
	cost_over: Limit | None = None
	is_active: bool | None = None


class RuleOut(WireModel):
	rule_id: IdText
	name: str
	role: str
	step: int
	quorum: int | None
	due_days: int
	kinds: list[str]
	tracks: list[str]
	change_types: list[str]
	priorities: list[str]
	urgencies: list[str]
	over_threshold: bool
	cost_over: Decimal | None
	is_active: bool
	created_at: datetime
	updated_at: datetime


class AbsenceIn(WireModel):
	"""Without `user_id` it is the caller who is away."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"substitute_id": "01890a5d-ac96-774b-bcce-b302099a8057",
					"starts_at": "2026-12-21T00:00:00Z",
					"ends_at": "2027-01-04T00:00:00Z",
				}
			]
		},
	)

	user_id: IdText | None = None
	substitute_id: IdText
	starts_at: Moment
	ends_at: Moment


class AbsenceOut(WireModel):
	absence_id: IdText
	user_id: str
	substitute_id: str
	starts_at: datetime
	ends_at: datetime
	created_at: datetime
	updated_at: datetime
