"""What materials, statements of suppliers and footprints look like on the wire."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from apg.capabilities.esg.shared.factor import WORLD
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, Day, IdText, Line, WireModel, formed

BOUND = Decimal(1_000_000_000_000)
Name = Annotated[Line, Field(min_length=1, max_length=200)]
Code = Annotated[
	str,
	Field(max_length=200),
	formed(
		r"[A-Za-z0-9](?:[A-Za-z0-9_.:\-]*[A-Za-z0-9])?",
		lambda: _("Give an activity code: letters, digits, dots, dashes and underscores."),
	),
]
Region = Annotated[
	str,
	formed(
		r"[A-Z]{2}(-[A-Z0-9]{1,3})?|\d{3}",
		lambda: _("Give a region of ISO 3166 such as GB or DE-BY, or 001 for the world."),
	),
]
Note = Annotated[Line, Field(max_length=2000)]
GwpCode = Annotated[Line, Field(min_length=1, max_length=40)]
Kilograms = Annotated[Amount, Field(ge=0, lt=BOUND)]
Positive = Annotated[Amount, Field(gt=0, lt=BOUND)]
Fraction01 = Annotated[Amount, Field(ge=0, le=1)]


class MaterialIn(WireModel):
	"""A material: what stands for one kg of it. `aliases` are other spellings."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [
				{
					"name": "Aluminium 6061",
					"aliases": ["AlMg1SiCu", "EN AW-6061"],
					"activity_code": "material.metal.aluminium",
					"region": "GB",
					"note": "Primary production, average of the trade",
				}
			]
		},
	)

	name: Name
	aliases: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
	activity_code: Code
	region: Region = WORLD
	note: Note | None = None
	is_estimate: bool = False


class MaterialPatch(WireModel):
	"""Only what changes; `aliases` replaces them all."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"activity_code": "material.metal.steel"}]},
	)

	name: Name | None = None
	aliases: Annotated[list[Name], Field(max_length=100)] | None = None
	activity_code: Code | None = None
	region: Region | None = None
	note: Note | None = None
	is_estimate: bool | None = None


class MaterialOut(WireModel):
	id: str
	name: str
	aliases: list[str]
	activity_code: str
	region: str
	note: str | None
	is_estimate: bool
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class UnmatchedOut(WireModel):
	"""A material that parts name and nobody mapped: `products` name it, `without_mass` have no mass."""

	material: str
	products: int
	without_mass: int


class Boundary(StrEnum):
	CRADLE_TO_GATE = "cradle_to_gate"
	CRADLE_TO_GRAVE = "cradle_to_grave"
	GATE_TO_GATE = "gate_to_gate"


class Verification(StrEnum):
	NONE = "none"
	SUPPLIER = "supplier"
	THIRD_PARTY = "third_party"


class SupplierFootprintIn(WireModel):
	"""What a supplier states: `carbon` kg CO2e for `amount` `unit` of the product."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [
				{
					"product_number": "P-000002",
					"supplier": "Bolt & Co",
					"carbon": 0.034,
					"amount": 1,
					"unit": "each",
					"gwp_set": "AR5",
					"valid_from": "2026-01-01",
					"valid_to": "2027-12-31",
					"primary_share": 0.6,
					"verification": "third_party",
					"verified_by": "TUV Nord",
					"evidence": "EPD 2026-113, page 4",
				}
			]
		},
	)

	product_id: IdText | None = None
	product_number: Annotated[Line, Field(max_length=200)] | None = None
	supplier: Name
	carbon: Kilograms
	biogenic: Kilograms | None = None
	amount: Positive = Decimal(1)
	unit: Annotated[Line, Field(min_length=1, max_length=40)]
	boundary: Boundary = Boundary.CRADLE_TO_GATE
	gwp_set: GwpCode
	valid_from: Day
	valid_to: Day | None = None
	primary_share: Fraction01 = Decimal(1)
	low: Kilograms | None = None
	high: Kilograms | None = None
	verification: Verification = Verification.NONE
	verified_by: Name | None = None
	evidence: Note | None = None

	@model_validator(mode="after")
	def _consistent(self) -> "SupplierFootprintIn":
		if (self.product_id is None) == (self.product_number is None):
			raise ValueError(_("Name the product by product_id or by product_number."))
		if self.valid_to is not None and self.valid_to < self.valid_from:
			raise ValueError(_("valid_to lies before valid_from."))
		if (self.low is None) != (self.high is None):
			raise ValueError(_("Give both bounds, low and high, or none."))
		if (
			self.low is not None
			and self.high is not None
			and not self.low <= self.carbon <= self.high
		):
			raise ValueError(_("The figure does not lie between its bounds."))
		return self


class SupplierFootprintOut(WireModel):
	id: str
	product_id: str
	product_number: str
	supplier: str
	carbon: Decimal
	biogenic: Decimal | None
	amount: Decimal
	unit: str
	boundary: Boundary
	gwp_set: str
	valid_from: date
	valid_to: date | None
	primary_share: Decimal
	low: Decimal | None
	high: Decimal | None
	verification: Verification
	verified_by: str | None
	evidence: str | None
	withdrawn_at: datetime | None
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class View(StrEnum):
	ENGINEERING = "engineering"
	MANUFACTURING = "manufacturing"
	SERVICE = "service"


class FootprintIn(WireModel):
	"""A footprint to be computed, recorded and sealed: of a revision, or of a product's current one.

	`day` chooses the editions of factors and the statements in force; default: today.
	"""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={
			"examples": [
				{
					"product_id": "019a2f31-7c55-7d3e-9b1a-000000000001",
					"view": "engineering",
					"day": "2025-06-30",
					"gwp_set": "AR5",
				}
			]
		},
	)

	product_id: IdText | None = None
	revision_id: IdText | None = None
	view: View = View.ENGINEERING
	day: Day | None = None
	gwp_set: GwpCode | None = None

	@model_validator(mode="after")
	def _names_one(self) -> "FootprintIn":
		if self.product_id is None and self.revision_id is None:
			raise ValueError(_("Give product_id, or revision_id."))
		return self


class GapOut(WireModel):
	"""A place without a figure: `quantity` of the product is needed in one root; `mass` of one, kg."""

	product_id: str
	revision_id: str
	product_number: str
	product_name: str
	quantity: Decimal | None
	unit: str
	mass: Decimal | None
	reason: str
	subject: str


class FootprintOut(WireModel):
	"""A recorded footprint, kg CO2e for one `declared_unit` of the product.

	`total` is null when nothing at all is known. `least` and `most`: over what may stand in on lines.
	`low` and `high`: 95 % bounds, on the `uncertainty_share` of the total whose factors publish any.
	`coverage` counts places in the tree, `mass_coverage` kilograms. `outdated_at`: since then the
	product is another one than the one recorded.
	"""

	id: str
	product_id: str
	product_number: str
	product_name: str
	revision_id: str
	revision: str
	view: View
	declared_unit: str
	day: date
	gwp_set: str
	method: str
	engine: str
	snapshot_hash: str
	choices_hash: str | None
	total: Decimal | None
	biogenic: Decimal
	least: Decimal | None
	most: Decimal | None
	choice_count: int
	choices_without_figures: int
	low: Decimal | None
	high: Decimal | None
	uncertainty_share: Decimal
	primary_share: Decimal
	coverage: Decimal
	mass_coverage: Decimal | None
	is_complete: bool
	is_estimated: bool
	has_as_published: bool
	missing_count: int
	line_count: int
	stages: dict[str, dict[str, Decimal]]
	gaps: list[GapOut]
	seal: str
	outdated_at: datetime | None
	outdated_reason: str | None
	created_at: datetime
	created_by: str | None


class FootprintLineOut(WireModel):
	"""One input: `quantity` of the product, `each` kg CO2e for one of it, `co2e` together."""

	position: int
	product_id: str
	product_number: str
	product_name: str
	revision_id: str
	revision: str
	quantity: Decimal
	unit: str
	source: Literal["material", "records", "supplier"]
	stage: str
	activity_code: str | None
	activity_name: str | None
	activity_quantity: Decimal | None
	activity_unit: str | None
	record_id: str | None
	record_version: int | None
	factor_version_id: str | None
	factor_level: int | None
	factor_reason: str | None
	supplier_footprint_id: str | None
	gwp_set: str
	by_gas: dict[str, Decimal]
	each: Decimal
	co2e: Decimal
	biogenic: Decimal
	low: Decimal | None
	high: Decimal | None
	share: Decimal | None
	primary_share: Decimal
	is_estimated: bool
	as_published: bool
	seal: str


class ChangeOut(WireModel):
	"""What became of one input: `reasons` are added, removed, quantity, amount, activity, factor,
	statement or set."""

	product_id: str
	product_number: str
	product_name: str
	stage: str
	subject: str
	old: Decimal | None
	new: Decimal | None
	delta: Decimal
	reasons: list[str]
	old_factor_version_id: str | None
	new_factor_version_id: str | None


class ComparisonOut(WireModel):
	"""The recorded footprint beside the one that the same question gives now."""

	footprint_id: str
	day: date
	old_total: Decimal | None
	new_total: Decimal | None
	delta: Decimal | None
	old_coverage: Decimal
	new_coverage: Decimal
	structure_changed: bool
	identical: bool
	changes: list[ChangeOut]


class VerificationOut(WireModel):
	"""Whether the record gives the same figures and seal again; `problems` names what does not."""

	footprint_id: str
	intact: bool
	seal: str
	seal_now: str
	total: Decimal | None
	total_now: Decimal | None
	lines: int
	problems: list[str]


class PendingOut(WireModel):
	"""A large footprint that a worker computes; ask again at `Location`."""

	id: str
	state: str
	progress: dict[str, Any]
