"""What lines of a structure, trees, totals and differences look like on the wire."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from apg.capabilities.plm.products.schemas import Number, Unit
from apg.capabilities.plm.shared.lines import QuantityKind
from apg.capabilities.plm.structures.rules import View
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, IdText, Line, WireModel

BOUND = Decimal(1_000_000_000_000)
Quantity = Annotated[Amount, Field(gt=0, lt=BOUND)]
Share = Annotated[
	Amount, Field(ge=0, lt=10, description="a share: 0.02 stands for 2 % more than is needed")
]
FindNumber = Annotated[int, Field(ge=1, le=2_000_000_000)]
RevisionName = Annotated[Line, Field(min_length=1, max_length=40)]
Note = Annotated[Line, Field(max_length=2000)]
Designators = (
	Annotated[Line, Field(max_length=100_000)]
	| Annotated[
		list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=10_000)
	]
)
EXAMPLE: dict[str, Any] = {
	"product_number": "P-000002",
	"find_number": 10,
	"quantity": 4,
	"quantity_kind": "per",
	"unit": "each",
	"designators": "R1-R4",
	"attrition": 0.02,
	"note": "Torque 8 Nm",
}


class ChildNamed(WireModel):
	"""A product by its id or by its number."""

	product_id: IdText | None = None
	product_number: Number | None = None


class SubstituteIn(ChildNamed):
	"""A product that may stand in on this line; `quantity_ratio` of it replaces one of the child."""

	model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

	rank: Annotated[int, Field(ge=1, le=1000)] | None = None
	quantity_ratio: Quantity = Decimal(1)

	@model_validator(mode="after")
	def _names_one(self) -> "SubstituteIn":
		if (self.product_id is None) == (self.product_number is None):
			raise ValueError(_("Name the substitute by product_id or by product_number."))
		return self


class LineIn(ChildNamed):
	"""A new line. `revision` pins a revision of the child; without it the line floats."""

	model_config = ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]}
	)

	find_number: FindNumber | None = None
	quantity: Quantity | None = None
	quantity_kind: QuantityKind = QuantityKind.PER
	unit: Unit | None = None
	designators: Designators | None = Field(
		default=None, description='a text such as "R1-R4, C3" or a list of names'
	)
	revision: RevisionName | None = None
	attrition: Share = Decimal(0)
	setup_quantity: Annotated[Amount, Field(ge=0, lt=BOUND)] = Decimal(0)
	rounding_multiple: Quantity | None = None
	view: View = View.ENGINEERING
	note: Note | None = None
	is_optional: bool = False
	is_consumable: bool = False
	allow_variants: bool = False
	substitutes: list[SubstituteIn] = Field(default_factory=list, max_length=50)


class LinePatch(ChildNamed):
	"""Only what changes; `revision: null` lets the line float, `substitutes` replaces them all."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"quantity": 6, "designators": ["R1", "R2"]}]},
	)

	find_number: FindNumber | None = None
	quantity: Quantity | None = None
	quantity_kind: QuantityKind | None = None
	unit: Unit | None = None
	designators: Designators | None = None
	revision: RevisionName | None = None
	attrition: Share | None = None
	setup_quantity: Annotated[Amount, Field(ge=0, lt=BOUND)] | None = None
	rounding_multiple: Quantity | None = None
	view: View | None = None
	note: Note | None = None
	is_optional: bool | None = None
	is_consumable: bool | None = None
	allow_variants: bool | None = None
	substitutes: Annotated[list[SubstituteIn], Field(max_length=50)] | None = None


class SubstituteOut(WireModel):
	product_id: str
	product_number: str
	product_name: str
	rank: int
	quantity_ratio: Decimal


class LineOut(WireModel):
	"""A line as it is recorded; `parent_…` is the product it belongs to."""

	line_uid: str
	parent_product_id: str
	parent_revision_id: str
	parent_revision: str
	find_number: int
	product_id: str
	product_number: str
	product_name: str
	lifecycle_phase: str
	revision_id: str | None
	revision: str | None
	pinned: bool
	quantity: Decimal | None
	quantity_kind: QuantityKind
	unit: str
	base_unit: str
	designators: list[str]
	attrition: Decimal
	setup_quantity: Decimal
	rounding_multiple: Decimal | None
	view: View
	note: str | None
	is_optional: bool
	is_consumable: bool
	allow_variants: bool
	source: str
	substitutes: list[SubstituteOut]
	warnings: list[str]
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class Head(WireModel):
	"""The product and the revision that an answer is about."""

	product_id: str
	product_number: str
	product_name: str
	product_type: str
	lifecycle_phase: str
	unit_of_measure: str
	revision: str | None
	revision_id: str
	revision_state: str


class Rolled(WireModel):
	"""Figures of one row, when they were asked for.

	`own_…` is recorded for the item, `rolled_…` is the known total of one, `total_…` of all that are
	needed here. `…_complete` false: something below is missing. `…_lack` says why the item itself
	has no figure.
	"""

	own_cost: Decimal | None = None
	rolled_cost: Decimal | None = None
	total_cost: Decimal | None = None
	cost_complete: bool | None = None
	cost_lack: str | None = None
	own_mass: Decimal | None = None
	rolled_mass: Decimal | None = None
	total_mass: Decimal | None = None
	mass_complete: bool | None = None
	mass_lack: str | None = None
	own_co2e: Decimal | None = None
	rolled_co2e: Decimal | None = None
	total_co2e: Decimal | None = None
	co2e_complete: bool | None = None
	co2e_lack: str | None = None
	co2e_estimated: bool | None = None


class TreeRow(Rolled):
	"""A line where it stands in the tree; parents come before their children."""

	level: int
	path: list[str]
	line_uid: str
	parent_revision_id: str
	find_number: int
	product_id: str
	product_number: str
	product_name: str
	product_type: str
	lifecycle_phase: str
	status: str
	revision_id: str
	revision: str | None
	revision_state: str | None
	pinned: bool
	quantity: Decimal | None
	quantity_kind: QuantityKind
	unit: str
	base_unit: str
	quantity_per_parent: Decimal | None
	total_quantity: Decimal | None
	attrition: Decimal
	setup_quantity: Decimal
	rounding_multiple: Decimal | None
	designators: list[str]
	note: str | None
	is_optional: bool
	is_consumable: bool
	substitute_count: int
	has_children: bool


class FlatRow(Rolled):
	"""A product with all that the structure needs of it; `level` is the deepest place.

	`uncertain`: some line does not say how much, so the total is a lower bound.
	"""

	level: int
	product_id: str
	product_number: str
	product_name: str
	product_type: str
	lifecycle_phase: str
	revision_id: str
	revision: str | None
	revision_state: str | None
	base_unit: str
	total_quantity: Decimal
	uncertain: bool


class Missing(WireModel):
	"""A place without a figure: `quantity` of the product is needed; `reason` is a stable word."""

	product_id: str
	product_number: str
	product_name: str
	revision: str | None
	quantity: Decimal | None
	unit: str
	reason: str
	message: str
	parent_product_id: str | None
	parent_product_number: str | None
	remedy: str | None = None


class Contribution(WireModel):
	product_id: str
	product_number: str
	product_name: str
	quantity: Decimal
	unit: str
	each: Decimal
	value: Decimal
	share: Decimal | None


class Total(WireModel):
	"""One quantity of the roll-up: `unit_total` for one product, `total` for all asked for.

	Null when nothing at all is known. `coverage` counts places in the tree, `item_coverage` products.
	"""

	unit: str
	unit_total: Decimal | None
	total: Decimal | None
	complete: bool
	coverage: Decimal
	item_coverage: Decimal
	needed: int
	missing_count: int
	missing: list[Missing]
	recorded: Decimal | None
	contributions: list[Contribution]


class RateUsed(WireModel):
	currency: str
	units_per_eur: Decimal
	day: date
	source: str
	own: bool


class CostTotal(Total):
	currency: str
	day: date
	rates: list[RateUsed]
	target_cost: Decimal | None


class CarbonTotal(Total):
	"""kg CO2e; `estimated`: something in it was estimated. `page` shows where it comes from."""

	estimated: bool
	day: date
	page: str


class RollUpOut(WireModel):
	product: Head
	view: str
	rule: str
	at: datetime | None
	serial: int | None
	lot_number: int | None
	context_product_id: str | None
	baseline_id: str | None
	quantity: Decimal
	lot: int
	lines: int
	products: int
	structure_hash: str | None
	cost: CostTotal | None
	mass: Total
	co2e: CarbonTotal | None


class TreeOut(WireModel):
	product: Head
	view: str
	rule: str
	at: datetime | None
	serial: int | None
	lot_number: int | None
	context_product_id: str | None
	baseline_id: str | None
	depth: int
	quantity: Decimal
	lot: int
	truncated: bool
	lines: list[TreeRow]
	rollup: RollUpOut | None


class FlatOut(WireModel):
	product: Head
	view: str
	rule: str
	at: datetime | None
	serial: int | None
	lot_number: int | None
	context_product_id: str | None
	baseline_id: str | None
	quantity: Decimal
	lot: int
	truncated: bool
	products: list[FlatRow]
	rollup: RollUpOut | None


class UseLine(WireModel):
	line_uid: str
	find_number: int
	quantity: Decimal | None
	quantity_kind: str
	unit: str
	designators: list[str]
	pinned_revision: str | None


class Use(WireModel):
	"""A product that contains the one asked about: `quantity` of it in one of this product.

	`level` 1 uses it directly; `via` are the revisions one step nearer to it. `is_end`: contained in
	nothing else. `current` false: an open revision beside the one that is in force.
	"""

	level: int
	product_id: str
	product_number: str
	product_name: str
	product_type: str
	lifecycle_phase: str
	unit_of_measure: str
	revision_id: str
	revision: str
	revision_state: str
	current: bool
	is_end: bool
	quantity: Decimal
	uncertain: bool
	via: list[str]
	lines: list[UseLine]


class WhereUsedOut(WireModel):
	product: Head
	view: str
	depth: int | None
	count: int
	end_count: int
	uses: list[Use]


class FieldDifference(WireModel):
	field: str
	old: Any
	new: Any


class LineDifference(WireModel):
	"""`path` are the numbers above the line; `change` is added, removed or changed."""

	change: str
	level: int
	path: list[str]
	line_uid: str
	find_number: int | None
	product_id: str
	product_number: str
	product_name: str
	matched_by: str | None
	fields: list[FieldDifference]


class ComparisonOut(WireModel):
	"""From `before` (the one named by `with`) to `after` (the product's revision)."""

	before: Head
	after: Head
	view: str
	depth: int
	identical: bool
	truncated: bool
	added: int
	removed: int
	changed: int
	attributes: list[FieldDifference]
	lines: list[LineDifference]
