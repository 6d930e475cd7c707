"""What goes in and comes out of imports of factors."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from apg.capabilities.esg.factor_files.files import Given
from apg.capabilities.esg.shared.ghg import gwp_sets
from apg.kernel.texts import _
from apg.kernel.web.wire import Day, Line, WireModel

Short = Annotated[Line, Field(max_length=200)]
Address = Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s<>\"]+$")]


class ImportOptions(WireModel):
	"""What the file itself does not say. A figure per gas is kg of the gas (`mass`) or kg CO2e of it
	(`co2e`); without a word the figures themselves are asked."""

	model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

	publisher: Short = ""
	title: Short = ""
	edition: Short = ""
	licence: Short = ""
	url: Address | Literal[""] = ""
	gas_basis: Literal["", "mass", "co2e"] = ""
	gwp_set: str = Field(default="", json_schema_extra={"enum": ["", *gwp_sets()]})
	published_on: Day | None = None

	@field_validator("gwp_set")
	@classmethod
	def _known_set(cls, value: str) -> str:
		if value and value not in gwp_sets():
			raise ValueError(_("Choose one of {names}.", names=", ".join(gwp_sets())))
		return value

	def given(self) -> Given:
		return Given(**self.model_dump())


class Progress(WireModel):
	state: str
	done: int
	total: int | None
	rate: float | None


class FactorImportOut(WireModel):
	"""`report` says how the gas columns were read and how many rows agree; `counts` what is taken:
	factors, quarantined, skipped, and of them added, changed, unchanged, removed."""

	id: str
	file_name: str
	file_size: int
	file_sha256: str
	kind: str | None
	state: Literal["uploaded", "staged", "running", "done", "failed", "cancelled"]
	given: dict[str, Any]
	report: dict[str, Any]
	counts: dict[str, int]
	source_id: str | None
	failure: str | None
	progress: Progress | None
	checked_at: datetime | None
	finished_at: datetime | None
	created_at: datetime
	created_by: str | None
	updated_at: datetime


class FindingOut(WireModel):
	code: str
	values: dict[str, str]
	reason: str
	remedy: str


class ImportRowOut(WireModel):
	"""A row a person should see, with the reason and what mends it; figures as text, kg per unit."""

	verdict: Literal["quarantined", "skipped", "changed", "removed"]
	locator: str
	name: str
	activity_code: str
	unit: str
	printed: dict[str, str]
	findings: list[FindingOut]
	old_co2e: str | None
	new_co2e: str | None
