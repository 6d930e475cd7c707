"""What goes in and comes out of factors and their sources."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
	BeforeValidator,
	ConfigDict,
	Field,
	PlainSerializer,
	StringConstraints,
	field_validator,
)

from apg.capabilities.esg.shared.factor_cells import number_of
from apg.capabilities.esg.shared.gas_names import species_named
from apg.capabilities.esg.shared.ghg import MIXED_CO2E, gwp_sets
from apg.kernel.texts import _
from apg.kernel.web.wire import Day, Line, Told, WireModel, amount_text, refused


def _figure(value: Any) -> Decimal:
	"""A figure of a factor: more digits than an amount has, since tiny masses of gases matter."""
	text = format(value, "f") if isinstance(value, Decimal) else str(value).strip()
	found = None if isinstance(value, bool) or len(text) > 80 else number_of(text)
	if found is None:
		raise refused("figure", _("Give a number, with at most 30 digits before the point."))
	return found


Figure = Annotated[
	Decimal,
	BeforeValidator(_figure),
	PlainSerializer(lambda value: json.loads(amount_text(value)), when_used="json"),
	Told(
		{"type": "number", "description": "exact; at most 30 digits before the point"},
		exclusiveMinimum=-1e30,
		exclusiveMaximum=1e30,
	),
]
Code = Annotated[
	str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=300, min_length=1)
]
Region = Annotated[str, StringConstraints(max_length=10, min_length=2)]
Stage = Literal[
	"direct", "upstream", "generation", "cradle_to_gate", "use", "end_of_life", "removal"
]
EXAMPLE: dict[str, Any] = {
	"activity_code": "material.steel.hot_rolled_coil",
	"name": "Hot rolled coil, supplier's declaration",
	"region": "DE",
	"stage": "cradle_to_gate",
	"scope": "3",
	"unit": "kg",
	"citation": "Declaration EPD-2024-017, page 6",
	"valid_from": "2024-01-01",
	"valid_to": "2028-12-31",
	"published_on": "2024-02-15",
	"gases": {"CO2": 2.11, "CH4_fossil": 0.0052},
	"co2e": None,
	"native_gwp_set": "AR5",
	"biogenic_co2": None,
	"low": 0.9,
	"high": 1.15,
	"spend_currency": None,
	"price_year": None,
}


class FiguresIn(WireModel):
	"""Figures of one version, kg per unit of the factor. A missing figure is not zero.

	`gases` are masses by species (CO2, CH4_fossil, CH4_biogenic, N2O, HFC134a …); `co2e` is the total
	under `native_gwp_set`, and needs no gases. `low` and `high` are relative 95 % bounds.
	"""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [
				{
					"citation": "Declaration EPD-2025-004, page 6",
					"valid_from": "2025-01-01",
					"co2e": 2.18,
					"native_gwp_set": "AR5",
				}
			]
		},
	)

	citation: Annotated[Line, Field(min_length=3, max_length=500)]
	valid_from: Day
	valid_to: Day | None = None
	published_on: Day | None = None
	gases: dict[str, Figure] = Field(default_factory=dict, max_length=40)
	co2e: Figure | None = None
	native_gwp_set: str = Field(default="AR5", json_schema_extra={"enum": list(gwp_sets())})
	biogenic_co2: Figure | None = None
	low: Figure | None = None
	high: Figure | None = None
	price_year: Annotated[int, Field(ge=1900, le=2200)] | None = None

	@field_validator("native_gwp_set")
	@classmethod
	def _known_set(cls, value: str) -> str:
		if value not in gwp_sets():
			raise ValueError(_("Choose one of {names}.", names=", ".join(gwp_sets())))
		return value

	@field_validator("gases")
	@classmethod
	def _known_gases(cls, value: dict[str, Decimal]) -> dict[str, Decimal]:
		found: dict[str, Decimal] = {}
		for name, mass in value.items():
			species = species_named(name)
			if species is None or species == MIXED_CO2E:
				raise ValueError(
					_("“{name}” is no species, as CO2, CH4_fossil, N2O.", name=name[:60])
				)
			found[species] = mass
		return found


class FactorIn(FiguresIn):
	"""A factor of one's own with its first version. `citation` says where the figures stand."""

	model_config = ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]}
	)

	activity_code: Code
	name: Annotated[Line, Field(min_length=1, max_length=300)]
	region: Region = "001"
	stage: Stage = "direct"
	scope: Literal["", "1", "2", "3"] = ""
	unit: Annotated[Line, Field(max_length=64)] = ""
	spend_currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None


class ReasonIn(WireModel):
	"""Why something is approved or withdrawn."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"reason": "Reviewed against the publication"}]},
	)

	reason: Annotated[Line, Field(max_length=500)] = ""


class WithdrawIn(WireModel):
	"""A withdrawal needs its reason: somebody will ask."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"reason": "Replaced by the edition of 2021"}]},
	)

	reason: Annotated[Line, Field(min_length=3, max_length=500)]


class FindingOut(WireModel):
	code: str
	values: dict[str, str]
	reason: str
	remedy: str


class _Figures(WireModel):
	"""One version as a company sees it: `approved` may be used, `superseded` gave way to a newer one
	for the same time, `quarantined` is never used."""

	layer: Literal["platform", "tenant"]
	source_id: str
	source: str
	publisher: str
	edition: str
	licence: str
	activity_code: str
	name: str
	labels: list[str]
	region: str
	stage: str
	scope: str
	unit: str
	state: Literal["staged", "linted", "quarantined", "approved", "superseded", "withdrawn"]
	valid_from: date
	valid_to: date | None
	published_on: date | None
	gases: dict[str, float]
	co2e: Figure | None
	native_gwp_set: str
	gas_basis: Literal["mass", "co2e", "total"]
	biogenic_co2: Figure | None
	low: Figure | None
	high: Figure | None
	spend_currency: str | None
	price_year: int | None
	printed: dict[str, str]
	findings: list[FindingOut]
	locator: str
	file_name: str
	file_sha256: str
	sha256: str
	supersedes_id: str | None
	approval_id: str | None
	decided_by: str | None
	decided_at: datetime | None
	created_at: datetime


class FactorOut(_Figures):
	"""A factor with its leading version: a sound one, the latest valid, the newest."""

	id: str
	version_id: str


class FactorVersionOut(_Figures):
	id: str
	factor_id: str


class DifferenceOut(WireModel):
	"""A field that differs between two versions; `ratio` is new over old where both are numbers."""

	field: str
	old: Any
	new: Any
	ratio: float | None


class SourceOut(WireModel):
	"""A publication of factors as one file gave it; `state` is what the company decided."""

	id: str
	layer: Literal["platform", "tenant"]
	series: str
	title: str
	publisher: str
	edition: str
	licence: str
	redistributable: bool
	url: str
	kind: str
	file_name: str
	file_sha256: str
	gas_basis: Literal["mass", "co2e", "total"]
	native_gwp_set: str
	counts: dict[str, int]
	retrieved_at: datetime
	created_at: datetime
	approval_id: str | None
	decided_by: str | None
	decided_at: datetime | None
	reason: str
	state: Literal["linted", "approved", "withdrawn"]


class GwpSetOut(WireModel):
	"""Warming potentials of one report and horizon in years, kg CO2e per kg of a species."""

	code: str
	metric: str
	horizon: int
	source: str
	values: dict[str, Figure]
