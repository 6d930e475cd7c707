"""What a product looks like on the wire, in and out."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from apg.capabilities.plm.shared.lifecycle import LifecyclePhase, ProductType
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, Day, Line, WireModel, refused

LARGEST = Decimal(9_000_000_000_000)  # in millionths it fits the 64 bits of the roll-up
Name = Annotated[Line, Field(min_length=3, max_length=200)]
Number = Annotated[Line, Field(min_length=3, max_length=50)]
Description = Annotated[Line, Field(max_length=2000)]
Label = Annotated[Line, Field(min_length=1, max_length=10)]
Unit = Annotated[Line, Field(min_length=1, max_length=20)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Tag = Annotated[Line, Field(min_length=1, max_length=64)]
Cost = Annotated[Amount, Field(ge=0, lt=LARGEST)]
Mass = Annotated[Amount, Field(ge=0, lt=LARGEST)]

EXAMPLE: dict[str, Any] = {
	"product_name": "Hydraulic pump, size 2",
	"product_description": "Axial piston pump for mobile machines",
	"product_type": "manufactured",
	"lifecycle_phase": "design",
	"target_cost": 1250.75,
	"current_cost": 1310,
	"unit_of_measure": "each",
	"custom_attributes": {"pressure_bar": 280},
	"tags": ["hydraulics"],
}


class ProductIn(WireModel):
	"""A new product. Without a number the series of its class gives one."""

	model_config = ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]}
	)

	product_name: Name
	product_number: Number | None = None
	product_description: Description | None = None
	product_type: ProductType
	lifecycle_phase: LifecyclePhase = LifecyclePhase.CONCEPT
	revision: Label | None = None
	target_cost: Cost | None = None
	current_cost: Cost | None = None
	currency: Currency | None = None
	unit_of_measure: Unit = "each"
	manufacturing_status: Annotated[Line, Field(max_length=50)] | None = None
	class_path: Annotated[Line, Field(max_length=200)] | None = None
	material: Annotated[Line, Field(max_length=200)] | None = None
	mass: Mass | None = None
	mass_unit: Unit | None = None
	custom_attributes: dict[str, Any] = Field(default_factory=dict)
	tags: list[Tag] = Field(default_factory=list, max_length=50)
	auto_create_digital_twin: bool = True
	tenant_id: str | None = Field(default=None, description="accepted when it is your own")
	created_by: str | None = Field(default=None, description="accepted when it is you")


class ProductPut(ProductIn):
	"""The whole product anew; what is left out returns to its default."""

	model_config = ConfigDict(
		json_schema_extra={"examples": [EXAMPLE | {"product_number": "P-000001"}]}
	)

	product_number: Number  # pyright: ignore
	is_active: bool = True


class ProductPatch(WireModel):
	"""Only what changes; a field given as null is emptied where that is possible."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"product_name": "Hydraulic pump, size 3"}]},
	)

	product_name: Name | None = None
	product_number: Number | None = None
	product_description: Description | None = None
	product_type: ProductType | None = None
	lifecycle_phase: LifecyclePhase | None = None
	revision: Label | None = None
	target_cost: Cost | None = None
	current_cost: Cost | None = None
	currency: Currency | None = None
	unit_of_measure: Unit | None = None
	manufacturing_status: Annotated[Line, Field(max_length=50)] | None = None
	class_path: Annotated[Line, Field(max_length=200)] | None = None
	material: Annotated[Line, Field(max_length=200)] | None = None
	mass: Mass | None = None
	mass_unit: Unit | None = None
	custom_attributes: dict[str, Any] | None = None
	tags: Annotated[list[Tag], Field(max_length=50)] | None = None
	is_active: bool | None = None


class DigitalTwinState(WireModel):
	status: str
	reason: str | None = None


class ProductOut(WireModel):
	"""Item and the revision a view rule picked; amounts are exact numbers."""

	product_id: str
	product_number: str
	product_name: str
	product_description: str | None
	product_type: ProductType
	lifecycle_phase: LifecyclePhase
	revision: str
	revision_id: str
	revision_state: str
	status: str
	target_cost: Decimal | None
	current_cost: Decimal | None
	currency: str | None
	unit_of_measure: str
	manufacturing_status: str | None
	class_path: str | None
	material: str | None
	mass: Decimal | None
	mass_unit: str | None
	digital_twin_id: str | None
	digital_twin: DigitalTwinState
	compliance_records: list[Any]
	document_references: list[Any]
	custom_attributes: dict[str, Any]
	tags: list[str]
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None


class CostIn(WireModel):
	"""A cost of a product for one unit of its own, from a date and a quantity on."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [{"amount": 0.12, "currency": "EUR", "quantity_break": 100}]
		},
	)

	kind: Annotated[str, Field(pattern="^(manual|internal|purchase)$")] = "manual"
	amount: Cost
	currency: Currency
	quantity_break: Annotated[Amount, Field(gt=0, lt=LARGEST)] = Decimal(1)
	valid_from: Day | None = None
	supplier: Annotated[Line, Field(max_length=200)] = ""
	source: Annotated[Line, Field(max_length=200)] = ""


class CostOut(WireModel):
	cost_id: str
	product_id: str
	kind: str
	amount: Decimal
	currency: str
	quantity_break: Decimal
	valid_from: date
	supplier: str
	source: str
	created_at: datetime


_SCHEME = r"^[a-z][a-z0-9_.-]{1,39}$"


def _scheme_word(text: str) -> str:
	if re.fullmatch(_SCHEME, text) is None:
		raise refused(
			"scheme",
			_("Give a word of 2 to 40 small letters and digits that begins with a letter, as erp."),
		)
	return text


class IdentifierIn(WireModel):
	"""Another name of a product: scheme `gtin`, `customer`, `erp`, `mpn`, `sku` or one's own."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={"examples": [{"scheme": "erp", "value": "400-1234"}]},
	)

	scheme: Annotated[
		str, Field(json_schema_extra={"pattern": _SCHEME}), AfterValidator(_scheme_word)
	]
	value: Annotated[Line, Field(min_length=1, max_length=200)]
	issuer: Annotated[
		Line, Field(max_length=200, description="whose number it is: the customer, maker or seller")
	] = ""


class IdentifierOut(WireModel):
	identifier_id: str
	product_id: str
	scheme: str
	value: str
	issuer: str
