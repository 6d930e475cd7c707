"""What is taken and given of an instrument."""

from datetime import date
from typing import Annotated

from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import IdText, Line, Moment
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

COLUMNS = (
	Column("number", "Number", sortable=True),
	Column("name", "Name", sortable=True),
	Column("calibrated_on", "Calibrated", kind="date"),
	Column("due_on", "Due", sortable=True, kind="date"),
	Column("standing", "State", kind="state"),
)
FILTERS = (Filter("search", "Search instruments"),)
LIST = ListSpec(COLUMNS, FILTERS, default_sort="due_on,number")
LIST_API = ListSpec(COLUMNS, FILTERS, "due_on,number", (50,), 500, "offset")

Number = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Months = Annotated[int, Field(ge=1, le=120)]


class InstrumentIn(BaseModel):
	"""A new instrument, calibrated every `interval_months`."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [{"number": "M-017", "name": "Caliper 150 mm", "interval_months": 12}]
		},
	)

	number: Number
	name: Name
	interval_months: Months
	keeper_id: IdText | None = None


class CalibrationIn(BaseModel):
	"""A calibration that was done."""

	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"calibrated_on": "2026-03-31"}]}
	)

	calibrated_on: date


class InstrumentOut(BaseModel):
	"""An instrument; `standing` is new, ok, due_soon (within 30 days) or overdue."""

	id: IdText
	number: str
	name: str
	keeper_id: IdText | None
	interval_months: int
	calibrated_on: date | None
	due_on: date | None
	standing: str
	created_at: Moment
	updated_at: Moment
	version: int
