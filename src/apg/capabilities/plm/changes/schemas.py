"""What changes look like on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from apg.capabilities.plm.shared.change_states import (
	ChangeKind,
	ChangeType,
	Disposition,
	ItemAction,
	Place,
	Priority,
	Track,
	Urgency,
)
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, IdText, Line, Moment, WireModel

MOST_ITEMS = 2_000
Title = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)]
Words = Annotated[Line, StringConstraints(strip_whitespace=True, max_length=10_000)]
Comments = Annotated[Line, StringConstraints(strip_whitespace=True, max_length=2_000)]
Number = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Dispositions = dict[Place, Disposition]


def _config(example: dict[str, Any]) -> ConfigDict:
	return ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [example]},
	)


class AffectedIn(WireModel):
	"""A product the change affects, by id or number. Without an action: `add` for a product that was
	never released, else `revise`."""

	model_config = _config({"product_number": "BRK-100", "action": "revise"})

	product_id: IdText | None = None
	product_number: Number | None = None
	action: ItemAction | None = None
	replaces_product_id: IdText | None = None
	new_phase: LifecyclePhase | None = None
	effective_from: Moment | None = None
	interchangeable: Annotated[str, Field(pattern="^(yes|forward|backward|no)$")] | None = None
	dispositions: Dispositions = Field(default_factory=dict[Place, Disposition])
	note: Comments | None = None

	@model_validator(mode="after")
	def _consistent(self) -> Self:
		if (self.product_id is None) == (self.product_number is None):
			raise ValueError(_("name the product by product_id or by product_number"))
		if (self.new_phase is not None) != (self.action == ItemAction.PHASE_CHANGE):
			raise ValueError(_("give new_phase with the action phase_change, and only then"))
		return self


class AffectedPatch(WireModel):
	"""Only what is named changes. `done` are places whose disposition is carried out."""

	model_config = _config({"dispositions": {"stock": "rework", "field": "none"}})

	new_phase: LifecyclePhase | None = None
	effective_from: Moment | None = None
	interchangeable: Annotated[str, Field(pattern="^(yes|forward|backward|no)$")] | None = None
	dispositions: Dispositions | None = None
	done: list[Place] | None = None
	note: Comments | None = None


class ChangeIn(WireModel):
	"""A new change in state draft. An order opens a working revision of each product it affects."""

	model_config = _config(
		{
			"change_title": "Stiffer bracket",
			"change_description": "The bracket bends under load; 3 mm instead of 2 mm.",
			"change_type": "quality_improvement",
			"priority": "medium",
			"urgency": "normal",
			"cost_impact": 1250.50,
			"currency": "EUR",
			"affected_products": [],
			"reason_for_change": "Two returns from the field",
			"business_impact": "No delay of deliveries",
		}
	)

	kind: ChangeKind = ChangeKind.CHANGE_ORDER
	change_title: Title
	change_description: Words | None = None
	change_type: ChangeType = ChangeType.DESIGN
	priority: Priority = Priority.MEDIUM
	urgency: Urgency = Urgency.NORMAL
	track: Track = Track.FULL
	cost_impact: Amount | None = None
	currency: Currency | None = None
	affected_products: Annotated[list[IdText], Field(max_length=MOST_ITEMS)] = Field(
		default_factory=list[str]
	)
	items: Annotated[list[AffectedIn], Field(max_length=MOST_ITEMS)] = Field(
		default_factory=list[AffectedIn]
	)
	reason_for_change: Words | None = None
	business_impact: Words | None = None
	owner_id: IdText | None = None
	origin_id: IdText | None = None
	due_at: Moment | None = None
	valid_until: Moment | None = None
	valid_for: Comments | None = None
	effective_from: Moment | None = None
	tenant_id: str | None = None
	created_by: str | None = None


class ChangePatch(WireModel):
	"""Only what is named changes. After the submission it voids every signature."""

	model_config = _config({"change_title": "Stiffer bracket, 3 mm", "priority": "high"})

	change_title: Title | None = None
	change_description: Words | None = None
	change_type: ChangeType | None = None
	priority: Priority | None = None
	urgency: Urgency | None = None
	track: Track | None = None
	cost_impact: Amount | None = None
	currency: Currency | None = None
	reason_for_change: Words | None = None
	business_impact: Words | None = None
	owner_id: IdText | None = None
	due_at: Moment | None = None
	valid_until: Moment | None = None
	valid_for: Comments | None = None
	effective_from: Moment | None = None


class ApproveIn(WireModel):
	"""A signature: the proof comes from `POST /api/v1/auth/confirm` with the change's package_hash as
	subject."""

	model_config = _config({"comments": "Checked against the drawing", "proof": "c2lnbmVk"})

	comments: Comments | None = None
	proof: Annotated[str, StringConstraints(max_length=200)] | None = None


class RejectIn(WireModel):
	"""Deciding against a change, or sending it back, needs a sentence that says why."""

	model_config = _config({"comments": "The supplier has no capacity for 3 mm"})

	comments: Annotated[Comments, StringConstraints(min_length=3)]
	proof: Annotated[str, StringConstraints(max_length=200)] | None = None


class NoteIn(WireModel):
	model_config = _config({"comments": "Waits for the first samples"})

	comments: Comments | None = None


class ImplementIn(WireModel):
	"""Without a time the release is now."""

	model_config = _config({})

	scheduled_at: Moment | None = None
	comments: Comments | None = None


class DelegateIn(WireModel):
	model_config = _config({"to": "01890a5d-ac96-774b-bcce-b302099a8057", "comments": "On leave"})

	to: IdText
	comments: Comments | None = None


class CommentIn(WireModel):
	model_config = _config({"body": "Does this fit the old housing?"})

	body: Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
	product_id: IdText | None = None


class ReplaceIn(WireModel):
	"""One part in place of another wherever it is used; with `preview` nothing is changed."""

	model_config = _config(
		{"product_number": "SCR-1", "with_product_number": "SCR-2", "preview": True}
	)

	product_id: IdText | None = None
	product_number: Number | None = None
	with_product_id: IdText | None = None
	with_product_number: Number | None = None
	parents: Annotated[list[IdText], Field(max_length=MOST_ITEMS)] | None = None
	preview: bool = False

	@model_validator(mode="after")
	def _named(self) -> Self:
		if (self.product_id is None) == (self.product_number is None):
			raise ValueError(_("name the part by product_id or by product_number"))
		if (self.with_product_id is None) == (self.with_product_number is None):
			raise ValueError(_("name the other part by with_product_id or with_product_number"))
		return self


class ChoiceIn(WireModel):
	model_config = ConfigDict(extra="forbid")

	line_uid: Annotated[str, Field(max_length=40)]
	field: Annotated[str, Field(max_length=120)]
	side: Annotated[str, Field(pattern="^(mine|theirs)$")]


class RebaseIn(WireModel):
	"""Brings one affected product onto the revision that is released now; `choices` decide where both
	changed the same."""

	model_config = _config(
		{"choices": [{"line_uid": "revision", "field": "material", "side": "mine"}]}
	)

	choices: Annotated[list[ChoiceIn], Field(max_length=5_000)] = Field(
		default_factory=list[ChoiceIn]
	)


class ChangeOut(WireModel):
	"""`allowed_actions` are what the state permits; who may do them, rights and rules decide.

	`package_hash` is what approvals are bound to. `conflicts` are affected products whose base is no
	longer the released revision, or that other open orders affect too.
	"""

	change_id: IdText
	change_number: str
	kind: str
	change_title: str
	change_description: str | None
	change_type: str
	priority: str
	urgency: str
	track: str
	reason_for_change: str | None
	business_impact: str | None
	cost_impact: Amount | None
	currency: str | None
	status: str
	allowed_actions: list[str]
	affected_products: list[str]
	item_count: int
	package_hash: str | None
	workflow_id: str | None
	single_person: bool
	owner_id: str | None
	origin_id: str | None
	due_at: datetime | None
	valid_until: datetime | None
	valid_for: str | None
	effective_from: datetime | None
	scheduled_at: datetime | None
	refused: str | None
	submitted_at: datetime | None
	submitted_by: str | None
	approvers: list[str]
	approved_by: list[str]
	approval_comments: dict[str, str]
	waiting_for: list[str]
	overdue: bool
	approved_at: datetime | None
	implemented_at: datetime | None
	implemented_by: str | None
	closed_at: datetime | None
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class AffectedOut(WireModel):
	item_id: str
	change_id: str
	product_id: str
	product_number: str
	product_name: str
	action: str
	from_revision_id: str | None
	from_revision: str | None
	to_revision_id: str | None
	to_revision: str | None
	to_state: str | None
	base_moved: bool
	other_changes: list[str]
	replaces_product_id: str | None
	new_phase: str | None
	effective_from: datetime | None
	interchangeable: str | None
	dispositions: dict[str, Any]
	note: str | None
	created_at: datetime
	updated_at: datetime


class StageOut(WireModel):
	stage_id: str
	round: int
	step: int
	name: str
	role: str
	reasons: list[str]
	quorum: int | None
	state: str
	opened_at: datetime | None
	due_at: datetime | None
	done_at: datetime | None
	overdue: bool
	approvals: list[dict[str, Any]]


class CommentOut(WireModel):
	comment_id: str
	change_id: str
	author_id: str | None
	product_id: str | None
	body: str
	created_at: datetime


class ReplacementOut(WireModel):
	"""Parents that use the part now; `skipped` says why one is left out."""

	product_id: str
	product_number: str
	product_name: str
	revision_id: str
	revision: str
	line_uid: str
	find_number: int
	quantity: Decimal | None
	unit: str
	in_change: bool
	skipped: str | None


class MovedOut(WireModel):
	line_uid: str
	before: int | None
	after: int


class ClashOut(WireModel):
	line_uid: str
	field: str
	base: Any
	mine: Any
	theirs: Any


class RebaseOut(WireModel):
	"""`clashes` left open are to be chosen; as long as there is one nothing was changed."""

	product_id: str
	from_revision_id: str | None
	onto_revision_id: str | None
	rebased: bool
	clashes: list[ClashOut]
	moved: list[MovedOut]


class HistoryOut(WireModel):
	at: datetime
	who: str
	what: str
	changes: list[dict[str, Any]]


class RedlineItem(WireModel):
	"""`difference` is that of `/compare`; null where the change opens no revision of the product."""

	item_id: str
	product_id: str
	action: str
	new_phase: str | None
	obsolete: bool
	difference: dict[str, Any] | None


class RedlineOut(WireModel):
	change_id: str
	change_number: str
	package_hash: str | None
	item_count: int
	offset: int
	truncated: bool
	items: list[RedlineItem]
