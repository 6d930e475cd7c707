"""Baselines on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from apg.capabilities.plm.products.schemas import Number
from apg.capabilities.plm.structures.demands import DemandIn
from apg.capabilities.plm.structures.rules import View
from apg.kernel.web.wire import IdText, Line, WireModel


class BaselineIn(DemandIn):
	"""A structure to be kept as the rule resolves it now. Without a number the series gives one."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [{"product_number": "P-000001", "title": "Design review 2"}]
		},
	)

	product_id: IdText | None = None
	product_number: Number | None = None
	revision: Annotated[str | None, Field(max_length=40, description="label or id")] = None
	view: View = View.ENGINEERING
	number: Annotated[Line, Field(min_length=1, max_length=50)] | None = None
	title: Annotated[Line, Field(min_length=1, max_length=200)]
	note: Annotated[Line, Field(max_length=2000)] | None = None


class BaselineOut(WireModel):
	"""`merkle_hash` covers the content of every revision and line below the root, for good."""

	baseline_id: str
	number: str
	title: str
	note: str | None
	product_id: str
	product_number: str
	product_name: str
	revision_id: str
	revision: str
	view: str
	rule: str
	demand: dict[str, Any]
	member_count: int
	line_count: int
	merkle_hash: str
	created_at: datetime
	created_by: str | None


class VerifiedOut(WireModel):
	"""What is stored, resolved and hashed again: `holds` says whether it gives the recorded hash."""

	baseline_id: str
	number: str
	recorded_hash: str
	resolved_hash: str
	holds: bool
	members: int
	lines: int
