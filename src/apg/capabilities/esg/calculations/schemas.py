"""What a calculation looks like on the wire; all figures in kg."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from apg.capabilities.esg.activities.schemas import ActivityCode
from apg.capabilities.esg.shared.activity_words import Kind
from apg.capabilities.esg.shared.ghg import codes
from apg.kernel.texts import _
from apg.kernel.web.wire import IdText, Line, Moment, WireModel, refused

Mode = Literal["same", "factors", "present"]


def _gwp_code(text: str) -> str:
	if text not in codes():
		raise refused(
			"gwp_set", _("There is no such set; use one of {names}.", names=", ".join(codes()))
		)
	return text


GwpCode = Annotated[str, AfterValidator(_gwp_code)]


class Selection(WireModel):
	"""Which standing records; without `kind` those of sites and reported totals.

	A record counts when its period starts in `[start, end)`, so that no record counts in two years.
	"""

	model_config = ConfigDict(extra="forbid")

	kind: Kind | None = None
	site_id: IdText | None = None
	revision_id: IdText | None = None
	activity_code: ActivityCode | None = None
	batch_id: IdText | None = None
	start: Moment | None = None
	end: Moment | None = None
	approved_only: bool = False


class CalculationIn(WireModel):
	"""A calculation of records under a set of potentials; the default set is the company's."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [
				{
					"title": "Sites, 2024",
					"gwp_set": "AR5",
					"selection": {
						"start": "2024-01-01T00:00:00Z",
						"end": "2025-01-01T00:00:00Z",
					},
				}
			]
		},
	)

	title: Annotated[Line, Field(min_length=1, max_length=255)]
	gwp_set: GwpCode | None = None
	selection: Selection = Field(default_factory=Selection)


class RerunIn(WireModel):
	"""What is taken: `same` the run's own versions of records and factors, which must give the same
	seal; `factors` its records with the factors of today; `present` records and factors of today."""

	model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"mode": "same"}]})

	mode: Mode = "same"


class CalculationOut(WireModel):
	"""A run; `seal` stands for all its lines in whatever order, null until it is done."""

	id: str
	title: str
	mode: Literal["new", "same", "factors", "present"]
	rerun_of: str | None
	selection: dict[str, Any]
	gwp_set: str
	method: str
	engine: str
	as_of: datetime
	state: Literal["running", "done", "failed"]
	failure: str | None
	record_count: int
	line_count: int
	missing_count: int
	estimated_count: int
	as_published_count: int
	unapproved_count: int
	co2e: Decimal | None
	biogenic_co2: Decimal | None
	seal: str | None
	finished_at: datetime | None
	created_at: datetime
	updated_at: datetime
	created_by: str | None


class LineOut(WireModel):
	"""What came of one record; `missing` is the reason of a gap, then no figure is given."""

	id: str
	activity_id: str
	activity_version: int
	activity_code: str
	quantity: Decimal
	unit: str
	normalised: Decimal | None
	normalised_unit: str | None
	conversions: list[dict[str, Any]]
	factor_version_id: str | None
	fallback_level: int | None
	factor_reason: str
	masses: dict[str, Decimal]
	by_gas: dict[str, Decimal]
	co2e: Decimal | None
	biogenic_co2: Decimal | None
	low: Decimal | None
	high: Decimal | None
	gwp_set: str
	as_published: bool
	is_estimated: bool
	missing: str | None
	seal: str


class TraceOut(WireModel):
	"""A line with all it stands on: the record's version, its evidence, the factor and its file."""

	line: LineOut
	formula: list[str]
	record: dict[str, Any]
	document: dict[str, Any] | None
	factor: dict[str, Any] | None
	gwp_source: str


class DifferenceOut(WireModel):
	"""A record whose figure differs. `why`: new, gone, record (another version), factor, gwp_set,
	missing (a figure came or went)."""

	activity_id: str
	activity_code: str
	old_line_id: str | None
	new_line_id: str | None
	old_version: int | None
	new_version: int | None
	old_factor_version_id: str | None
	new_factor_version_id: str | None
	old_co2e: Decimal | None
	new_co2e: Decimal | None
	difference: Decimal | None
	why: list[str]


class ComparisonOut(WireModel):
	"""Two runs beside each other; `equal` when their seals are the same."""

	old_id: str
	new_id: str
	equal: bool
	old_seal: str
	new_seal: str
	old_co2e: Decimal
	new_co2e: Decimal
	difference: Decimal
	hit: int
	lines: list[DifferenceOut]
