"""Alternates on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from apg.capabilities.plm.examples import body
from apg.capabilities.plm.products.schemas import Number
from apg.kernel.web.wire import IdText, Line, WireModel

Evidence = Annotated[Line, Field(max_length=1000)]


class AlternateIn(WireModel):
	"""A product that may stand in for this one wherever it is used; named by id or number."""

	model_config = body({"product_number": "P-000002", "is_two_way": True})

	product_id: IdText | None = None
	product_number: Number | None = None
	is_two_way: bool = False
	evidence: Evidence | None = None


class AlternatePatch(WireModel):
	model_config = body({"evidence": "Same form, fit and function: report 12"})

	is_two_way: bool | None = None
	evidence: Evidence | None = None


class AlternateOut(WireModel):
	"""`direction` out: it may replace this product; in: this one may replace it; both."""

	alternate_id: str
	for_product_id: str
	product_id: str
	product_number: str
	product_name: str
	lifecycle_phase: str
	direction: str
	is_two_way: bool
	evidence: str | None
	created_at: datetime
	updated_at: datetime
