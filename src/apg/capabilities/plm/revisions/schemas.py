"""What revisions look like on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ConfigDict

from apg.capabilities.plm.products.schemas import Label
from apg.kernel.web.wire import WireModel


class RevisionIn(WireModel):
	"""A new working revision. Without a label the next one of the series is planned."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"revision": "B"}]},
	)

	revision: Label | None = None


class ReleaseIn(WireModel):
	"""A release; a label given here replaces the planned one and is fixed with it."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"revision": "A"}]},
	)

	revision: Label | None = None


class RevisionOut(WireModel):
	"""`revision` is the label: planned while working, fixed once released. `current`: the one that
	is shown by default."""

	revision_id: str
	product_id: str
	product_number: str
	revision: str
	ordinal: int
	state: str
	current: bool
	product_name: str
	product_description: str | None
	material: str | None
	mass: Decimal | None
	mass_unit: str | None
	custom_attributes: dict[str, Any]
	line_count: int
	content_hash: str | None
	change_id: str | None
	supersedes_id: str | None
	released_at: datetime | None
	released_by: str | None
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None
