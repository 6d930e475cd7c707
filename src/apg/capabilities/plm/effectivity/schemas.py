"""Effectivity on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from apg.capabilities.plm.effectivity.ranges import Kind
from apg.capabilities.plm.shared.moments import day_as_moment
from apg.kernel.web.wire import IdText, WireModel

Place = Annotated[datetime | int, BeforeValidator(day_as_moment)]


class EffectivityIn(WireModel):
	"""A range [from, to) in which a released revision is effective; without `to` it goes on.

	Dates are moments, a day meaning its beginning in UTC; units and lots are whole numbers from 1 of
	the end item `context_product_id`, or of every end item where none is named.
	"""

	model_config = ConfigDict(
		extra="forbid",
		populate_by_name=True,
		json_schema_extra={
			"examples": [{"revision": "A", "kind": "units", "from": 100, "to": 200}]
		},
	)

	revision: Annotated[str, Field(min_length=1, max_length=100, description="label or id")]
	kind: Kind
	start: Annotated[Place, Field(alias="from")]
	end: Annotated[Place | None, Field(alias="to")] = None
	context_product_id: IdText | None = None


class EffectivityPatch(WireModel):
	"""Where the range ends; null: it goes on."""

	model_config = ConfigDict(
		extra="forbid", populate_by_name=True, json_schema_extra={"examples": [{"to": 180}]}
	)

	end: Annotated[Place | None, Field(alias="to")] = None


class EffectivityOut(WireModel):
	"""`from` and `to` are moments for dates and whole numbers else; `to` is not included."""

	effectivity_id: str
	product_id: str
	revision_id: str
	revision: str
	kind: Kind
	start: Annotated[datetime | int, Field(alias="from")]
	end: Annotated[datetime | int | None, Field(alias="to")]
	context_product_id: str
	context_product_number: str
	every_context: bool
	change_id: str | None
	created_at: datetime
	updated_at: datetime


class ResolvedOut(WireModel):
	"""The revision that is effective, and why."""

	product_id: str
	product_number: str
	revision_id: str
	revision: str
	revision_state: str
	rule: str
	at: Any
	serial: int | None
	lot_number: int | None
	context_product_id: str | None
