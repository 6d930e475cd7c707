"""Policies on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from apg.capabilities.plm.examples import body
from apg.kernel.web.wire import IdText, Line, Moment, WireModel

Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Role = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,63}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Words = Annotated[str, StringConstraints(max_length=1_000)]
Effect = Literal["warn", "stage", "block"]
Step = Annotated[int, Field(ge=1, le=20)]
Days = Annotated[int, Field(ge=1, le=365)]


class PolicyIn(WireModel):
	"""`expression` such as `delta(co2e) > 2 % or new(substance, reach)`; a stage names its role."""

	model_config = body(
		{
			"name": "Carbon budget",
			"expression": "delta(co2e) > 2 % or coverage(mass) < 80 %",
			"effect": "stage",
			"role": "plm_management_approver",
			"explanation": "More than two per cent is decided by management.",
		}
	)

	name: Name
	expression: Expression
	effect: Effect = "warn"
	role: Role | None = None
	step: Step = 2
	due_days: Days = 5
	explanation: Words | None = None
	is_active: bool = True


class PolicyPatch(WireModel):
	"""Only what is named changes."""

	model_config = body({"expression": "delta(cost) > 10000 EUR"})

	name: Name | None = None
	expression: Expression | None = None
	effect: Effect | None = None
	role: Role | None = None
	step: Step | None = None
	due_days: Days | None = None
	explanation: Words | None = None
	is_active: bool | None = None


class PolicyOut(WireModel):
	"""`tree` is what is stored; `expression` is what it prints as."""

	policy_id: IdText
	name: str
	expression: str
	tree: dict[str, Any]
	effect: str
	role: str | None
	step: int
	due_days: int
	explanation: str | None
	is_active: bool
	created_at: Moment
	updated_at: Moment
