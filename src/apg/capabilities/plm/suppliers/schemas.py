"""Manufacturers, their parts, suppliers and offers on the wire."""

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from apg.capabilities.plm.examples import body
from apg.capabilities.plm.products.schemas import LARGEST, Cost, Currency
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, Day, IdText, Line, WireModel, refused

Title = Annotated[Line, Field(min_length=1, max_length=200)]
PartNumber = Annotated[Line, Field(min_length=1, max_length=200)]
Note = Annotated[Line, Field(max_length=1000)]
_ADDRESS = r"^https?://[^\s]+$"


def _website(text: str) -> str:
	if re.match(_ADDRESS, text) is None:
		raise refused("website", _("Begin with https:// or http://, and leave no spaces."))
	return text


Website = Annotated[
	Line,
	Field(max_length=300, json_schema_extra={"pattern": _ADDRESS}),
	AfterValidator(_website),
]
Days = Annotated[int, Field(ge=0, le=3650)]
Positive = Annotated[Amount, Field(gt=0, lt=LARGEST)]
Rank = Annotated[int, Field(ge=1, le=1000)]


class PartLifecycle(StrEnum):
	UNKNOWN = "unknown"
	ACTIVE = "active"
	NOT_RECOMMENDED = "not_recommended"
	LAST_TIME_BUY = "last_time_buy"
	OBSOLETE = "obsolete"


class Approval(StrEnum):
	"""approved: may be bought; potential: looked at; blocked: must not be bought."""

	APPROVED = "approved"
	POTENTIAL = "potential"
	BLOCKED = "blocked"


class ManufacturerIn(WireModel):
	model_config = body({"name": "Vishay", "website": "https://www.vishay.com"})

	name: Title
	website: Website | None = None
	note: Note | None = None


class ManufacturerPatch(WireModel):
	model_config = body({"note": "Second source for chip resistors"})

	name: Title | None = None
	website: Website | None = None
	note: Note | None = None


class ManufacturerOut(WireModel):
	manufacturer_id: str
	name: str
	website: str | None
	note: str | None
	part_count: int
	created_at: datetime
	updated_at: datetime


class ManufacturerPartIn(WireModel):
	model_config = body({"part_number": "CRCW060310K0FKEA", "lifecycle": "active"})

	part_number: PartNumber
	description: Note | None = None
	lifecycle: PartLifecycle = PartLifecycle.UNKNOWN


class ManufacturerPartPatch(WireModel):
	model_config = body({"lifecycle": "not_recommended"})

	part_number: PartNumber | None = None
	description: Note | None = None
	lifecycle: PartLifecycle | None = None


class ManufacturerPartOut(WireModel):
	manufacturer_part_id: str
	manufacturer_id: str
	manufacturer: str
	part_number: str
	description: str | None
	lifecycle: str
	product_count: int
	created_at: datetime
	updated_at: datetime


class ApprovedPartIn(WireModel):
	"""A manufacturer part for a product: by its id, or by maker and number, made where it is new."""

	model_config = body(
		{"manufacturer": "Vishay", "part_number": "CRCW060310K0FKEA", "status": "approved"}
	)

	manufacturer_part_id: IdText | None = None
	manufacturer: Title | None = None
	part_number: PartNumber | None = None
	status: Approval = Approval.POTENTIAL
	rank: Rank = 1
	note: Note | None = None


class ApprovedPartPatch(WireModel):
	model_config = body({"status": "blocked", "note": "Failed the humidity test"})

	status: Approval | None = None
	rank: Rank | None = None
	note: Note | None = None


class ApprovedPartOut(WireModel):
	approved_part_id: str
	product_id: str
	manufacturer_part_id: str
	manufacturer_id: str
	manufacturer: str
	part_number: str
	lifecycle: str
	status: str
	rank: int
	note: str | None
	created_at: datetime
	updated_at: datetime


class SupplierIn(WireModel):
	model_config = body({"name": "Mouser", "currency": "EUR", "lead_time_days": 5})

	name: Title
	currency: Currency | None = None
	lead_time_days: Days | None = None
	website: Website | None = None
	note: Note | None = None


class SupplierPatch(WireModel):
	"""A new name moves the prices and numbers recorded under the old one along."""

	model_config = body({"lead_time_days": 7})

	name: Title | None = None
	currency: Currency | None = None
	lead_time_days: Days | None = None
	website: Website | None = None
	note: Note | None = None


class SupplierOut(WireModel):
	"""`product_count`: products with a price of this supplier."""

	supplier_id: str
	name: str
	currency: str | None
	lead_time_days: int | None
	website: str | None
	note: str | None
	product_count: int
	created_at: datetime
	updated_at: datetime


class PriceBreak(WireModel):
	"""The price of one from a quantity on."""

	model_config = ConfigDict(extra="forbid")

	quantity_break: Positive = Decimal(1)
	amount: Cost
	currency: Currency | None = None
	valid_from: Day | None = None


class OfferIn(WireModel):
	"""A product at a supplier; prices are recorded with the product's costs under his name."""

	model_config = body(
		{
			"supplier": "Mouser",
			"sku": "71-CRCW060310K0FKEA",
			"lead_time_days": 5,
			"minimum_quantity": 1,
			"prices": [
				{"quantity_break": 1, "amount": 0.1, "currency": "EUR"},
				{"quantity_break": 1000, "amount": 0.012, "currency": "EUR"},
			],
		}
	)

	supplier_id: IdText | None = None
	supplier: Title | None = None
	sku: Annotated[Line, Field(max_length=200)] = ""
	manufacturer_part_id: IdText | None = None
	lead_time_days: Days | None = None
	minimum_quantity: Positive | None = None
	order_multiple: Positive | None = None
	prices: Annotated[list[PriceBreak], Field(max_length=100)] = Field(
		default_factory=list[PriceBreak]
	)


class OfferPatch(WireModel):
	"""What changes; `prices` records the given breaks for their day beside those of other days."""

	model_config = body({"lead_time_days": 14})

	manufacturer_part_id: IdText | None = None
	lead_time_days: Days | None = None
	minimum_quantity: Positive | None = None
	order_multiple: Positive | None = None
	prices: Annotated[list[PriceBreak], Field(max_length=100)] | None = None


class PriceOut(WireModel):
	quantity_break: Decimal
	amount: Decimal
	currency: str
	valid_from: date


class OfferOut(WireModel):
	"""`lead_time_days` falls back to the supplier's; `prices`: the latest that have begun."""

	offer_id: str
	product_id: str
	supplier_id: str
	supplier: str
	sku: str
	manufacturer_part_id: str | None
	part_number: str | None
	lead_time_days: int | None
	minimum_quantity: Decimal | None
	order_multiple: Decimal | None
	prices: list[PriceOut]
	created_at: datetime
	updated_at: datetime
