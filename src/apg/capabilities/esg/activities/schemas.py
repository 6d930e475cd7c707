"""What an activity record looks like on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from apg.capabilities.esg.bulk.schemas import MOST_ROWS as MOST_IN_BODY
from apg.capabilities.esg.shared import activity_words as words
from apg.capabilities.esg.shared import places
from apg.capabilities.esg.shared.activity_words import Kind, Quality, Stage, State
from apg.capabilities.esg.shared.told import told
from apg.kernel.bulk import Mode
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, IdText, Line, Moment, WireModel, refused
from apg.platform.reference import unit_contexts

MOST_ROWS = 5_000
ActivityCode = Annotated[str, AfterValidator(told(words.activity_code))]
Unit = Annotated[Line, AfterValidator(told(words.activity_unit))]
ContextName = Annotated[str, AfterValidator(told(lambda name: unit_contexts.context_of(name).name))]
Region = Annotated[str, AfterValidator(told(places.region))]
Short = Annotated[Line, Field(min_length=1, max_length=128)]
Place = Annotated[Line, Field(min_length=1, max_length=500)]
LongText = Annotated[Line, Field(min_length=1, max_length=2000)]
Reason = Annotated[Line, Field(min_length=3, max_length=500)]

EXAMPLE: dict[str, Any] = {
	"kind": "reported_total",
	"activity_code": "reported.supplier_statement",
	"quantity": 12.5,
	"unit": "tCO2e",
	"period_start": "2024-01-01T00:00:00Z",
	"period_end": "2025-01-01T00:00:00Z",
	"region": "GB",
	"quality": "calculated",
	"data_source": "Statement of the landlord, 2024",
	"note": "Heat of the rented floor",
}
SITE_EXAMPLE: dict[str, Any] = {
	"kind": "site",
	"site_code": "LEEDS-1",
	"activity_code": "fuels.natural_gas",
	"quantity": 18250.4,
	"unit": "kWh (gross CV)",
	"period_start": "2024-01-01T00:00:00Z",
	"period_end": "2024-02-01T00:00:00Z",
	"quality": "measured",
	"is_primary": True,
	"meter": "G-1",
	"locator": "page 2",
}


def _zero_or_more(quantity: Decimal) -> Decimal:
	if quantity < 0:
		raise refused("quantity", _("A quantity is zero or more; correct a record instead."))
	return quantity


class ActivityIn(WireModel):
	"""A quantity for a period `[period_start, period_end)`, of a site, a product or as a total.

	A product's record is for one of its unit of measure. `conversion_context` names how gross and net
	calorific value relate, where the factor may be in the other one. A record that repeats another
	one says in `distinct_because` why it is no duplicate.
	"""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [EXAMPLE, SITE_EXAMPLE]},
	)

	kind: Kind = Kind.SITE
	site_id: IdText | None = None
	site_code: Short | None = Field(default=None, description="in place of site_id")
	product_id: IdText | None = None
	revision_id: IdText | None = None
	activity_code: ActivityCode
	quantity: Annotated[Amount, AfterValidator(_zero_or_more)]
	unit: Unit
	conversion_context: ContextName | None = None
	period_start: Moment
	period_end: Moment
	region: Region | None = Field(default=None, description="default: where the site is")
	stage: Stage | None = None
	quality: Quality = Quality.MEASURED
	estimate_method: LongText | None = None
	is_primary: bool = False
	meter: Short | None = None
	data_source: Short | None = None
	document_id: IdText | None = None
	locator: Place | None = None
	note: LongText | None = None
	distinct_because: LongText | None = None

	def gaps(self) -> list[tuple[str, str]]:
		"""(field, sentence) of what does not fit together; the service refuses it."""
		found: list[tuple[str, str]] = []
		if self.period_end <= self.period_start:
			found.append(("period_end", _("The end of the period must lie after its start.")))
		if self.quality == Quality.ESTIMATED and not self.estimate_method:
			found.append(("estimate_method", _("Say how the estimate was made.")))
		if self.locator and not self.document_id:
			found.append(("document_id", _("A place in a document needs the document.")))
		if self.site_id and self.site_code:
			found.append(("site_code", _("Give site_id or site_code, not both.")))
		site = self.site_id or self.site_code
		if self.kind == Kind.SITE and not site:
			found.append(("site_id", _("Give the site whose activity this is.")))
		if self.kind == Kind.PRODUCT and site:
			found.append(("site_id", _("A product's record names no site.")))
		if self.kind == Kind.PRODUCT and not (self.product_id and self.revision_id):
			found.append(("product_id", _("Give product_id and revision_id.")))
		if self.kind != Kind.PRODUCT and (self.product_id or self.revision_id):
			found.append(("product_id", _("Only records of kind product name a product.")))
		if self.kind == Kind.PRODUCT and self.stage is None:
			found.append(("stage", _("Say in which stage of the product's life it happens.")))
		if self.kind == Kind.REPORTED_TOTAL and not self.unit.endswith("CO2e"):
			found.append(("unit", _("A reported total is in kgCO2e or tCO2e.")))
		return found


class ActivityBatch(WireModel):
	"""Up to 5,000 records: all of them are recorded, or none."""

	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"records": [EXAMPLE]}]}
	)

	records: Annotated[list[ActivityIn], Field(min_length=1, max_length=MOST_ROWS)]


_ROW = WithJsonSchema({"type": "object", "description": "the fields of a single activity record"})


class ActivitiesBulk(WireModel):
	"""Many records; those that cannot be taken are named by their row."""

	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"mode": "valid", "rows": [EXAMPLE]}]}
	)

	mode: Mode = Mode.ALL
	rows: Annotated[
		list[Annotated[dict[str, Any], _ROW]], Field(min_length=1, max_length=MOST_IN_BODY)
	]


class ActivityCorrection(WireModel):
	"""What is named changes, in a new version; the old one stays in the record with the reason."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"quantity": 12.75, "reason": "Statement was reissued"}]},
	)

	activity_code: ActivityCode | None = None
	quantity: Annotated[Amount, AfterValidator(_zero_or_more)] | None = None
	unit: Unit | None = None
	conversion_context: ContextName | None = None
	period_start: Moment | None = None
	period_end: Moment | None = None
	region: Region | None = None
	stage: Stage | None = None
	quality: Quality | None = None
	estimate_method: LongText | None = None
	is_primary: bool | None = None
	meter: Short | None = None
	data_source: Short | None = None
	document_id: IdText | None = None
	locator: Place | None = None
	note: LongText | None = None
	distinct_because: LongText | None = None
	reason: Reason


class Withdrawal(WireModel):
	"""Why the record no longer stands."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"reason": "Entered for the wrong site"}]},
	)

	reason: Reason


class Moved(WireModel):
	"""Which records move; a return says why."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [{"activity_ids": ["01890000-0000-7000-8000-000000000000"]}]
		},
	)

	activity_ids: Annotated[list[IdText], Field(min_length=1, max_length=MOST_ROWS)]
	reason: Reason | None = None


class MovedOut(WireModel):
	state: State
	moved: int


class BatchOut(WireModel):
	"""The ids of the records in the order they were sent."""

	batch_id: str
	count: int
	activity_ids: list[str]


class ActivityOut(WireModel):
	"""One version of a record. `status` is standing, superseded or withdrawn."""

	id: str
	version: int
	status: str
	kind: Kind
	site_id: str | None
	product_id: str | None
	revision_id: str | None
	activity_code: str
	quantity: Decimal
	unit: str
	conversion_context: str | None
	period_start: datetime
	period_end: datetime
	region: str
	stage: Stage | None
	quality: Quality
	estimate_method: str | None
	is_primary: bool
	meter: str | None
	data_source: str | None
	document_id: str | None
	locator: str | None
	note: str | None
	distinct_because: str | None
	state: State
	reason: str | None
	content_hash: str
	batch_id: str | None
	submitted_at: datetime | None
	submitted_by: str | None
	validated_at: datetime | None
	validated_by: str | None
	approved_at: datetime | None
	approved_by: str | None
	locked_at: datetime | None
	locked_by: str | None
	return_reason: str | None
	superseded_at: datetime | None
	withdrawn_at: datetime | None
	withdrawn_by: str | None
	withdrawal_reason: str | None
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class DocumentOut(WireModel):
	"""A file that proves records, kept by the hash of its content; fetched at `/files/{sha256}`."""

	id: str
	file_name: str
	sha256: str
	kind: str
	size: int
	origin: str
	received_at: datetime
	created_at: datetime
	created_by: str | None
