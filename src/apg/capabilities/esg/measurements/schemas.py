"""What a measurement looks like on the wire; names are the guide's."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from apg.capabilities.esg.bulk.schemas import MOST_ROWS
from apg.capabilities.esg.shared.free_fields import bounded
from apg.kernel.bulk import Mode
from apg.kernel.web.wire import Amount, IdText, Line, Moment, WireModel

EXAMPLE: dict[str, Any] = {
	"value": 98250.5,
	"measurement_date": "2026-01-31T00:00:00Z",
	"period_start": "2026-01-01T00:00:00Z",
	"period_end": "2026-02-01T00:00:00Z",
	"data_source": "main meter",
	"collection_method": "automated",
	"metadata": {"meter": "E-1"},
}

Metadata = Annotated[dict[str, Any], AfterValidator(bounded("metadata"))]


class MeasurementIn(WireModel):
	"""A reading; the value is a number or its text, kept exactly. Zero and negative values are
	values like any other unless a rule of the metric forbids them."""

	model_config = ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]}
	)

	value: Amount
	measurement_date: Moment
	period_start: Moment | None = None
	period_end: Moment | None = None
	data_source: Annotated[Line, Field(max_length=128)] | None = None
	collection_method: Annotated[Line, Field(max_length=64)] | None = None
	evidence: Annotated[Line, Field(max_length=500)] | None = None
	metadata: Metadata = Field(default_factory=dict)
	notes: Annotated[Line, Field(max_length=2000)] | None = None
	metric_id: str | None = Field(
		default=None, description="accepted when it is the one in the path"
	)
	tenant_id: str | None = Field(default=None, description="accepted when it is your own")
	created_by: str | None = Field(default=None, description="accepted when it is you")


BULK_EXAMPLE: dict[str, Any] = {
	"mode": "valid",
	"rows": [{"metric_code": "ENERGY", **EXAMPLE}],
}
_ROW = WithJsonSchema(
	{
		"type": "object",
		"description": "the fields of a single measurement; metric_id or metric_code names the metric, "
		"unit is accepted when it is the metric's",
	}
)


class MeasurementsBulk(WireModel):
	"""Many readings; `metric_id` is the metric of rows that name none."""

	model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BULK_EXAMPLE]})

	mode: Mode = Mode.ALL
	metric_id: IdText | None = None
	rows: Annotated[
		list[Annotated[dict[str, Any], _ROW]], Field(min_length=1, max_length=MOST_ROWS)
	]


class MeasurementPut(MeasurementIn):
	"""A correction of the whole reading."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [EXAMPLE | {"reason": "meter was read wrongly"}]},
	)

	reason: Annotated[Line, Field(min_length=3, max_length=500)]


class MeasurementPatch(WireModel):
	"""A correction of what is named; the rest stays."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"value": 98000, "reason": "meter was read wrongly"}]},
	)

	value: Amount | None = None
	measurement_date: Moment | None = None
	period_start: Moment | None = None
	period_end: Moment | None = None
	data_source: Annotated[Line, Field(max_length=128)] | None = None
	collection_method: Annotated[Line, Field(max_length=64)] | None = None
	evidence: Annotated[Line, Field(max_length=500)] | None = None
	metadata: Metadata | None = None
	notes: Annotated[Line, Field(max_length=2000)] | None = None
	reason: Annotated[Line, Field(min_length=3, max_length=500)]


class MeasurementOut(WireModel):
	"""A reading with its scores; `superseded_by` is the correction that stands in its place."""

	id: str
	metric_id: str
	value: Decimal
	measurement_date: datetime
	period_start: datetime | None
	period_end: datetime | None
	data_source: str | None
	collection_method: str | None
	evidence: str | None
	metadata: dict[str, Any]
	validation_score: Decimal | None
	anomaly_score: Decimal | None
	quality_score: Decimal | None
	quality_flags: list[str]
	notes: str | None
	revision: int
	supersedes: str | None
	superseded_by: str | None
	correction_reason: str | None
	withdrawal_reason: str | None
	status: str
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class BucketOut(WireModel):
	"""One month, quarter or year: a value of null is "no data", not 0."""

	period: str
	start: datetime
	end: datetime
	value: Decimal | None
	count: int
	covered: int
	expected: int
	missing: list[str]
	overlapping: list[str]
