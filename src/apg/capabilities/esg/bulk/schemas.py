"""What an import of many rows looks like on the wire."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from apg.kernel.bulk import Mode, State
from apg.kernel.web.wire import WireModel

MOST_ROWS = 100_000
ROWS_TOLD = 100  # problems in the answer itself; the report holds them all


class BulkOptions(WireModel):
	"""What is said beside the file. `metric_id` is the metric of rows that name none."""

	model_config = ConfigDict(extra="forbid")

	mode: Mode = Mode.ALL
	metric_id: str | None = Field(default=None, max_length=36)


class BadRowOut(WireModel):
	"""One row that cannot be taken: `row` counts from 1, in a file it is the line."""

	row: int
	field: str
	value: str
	reason: str
	remedy: str


class ProgressOut(WireModel):
	state: str
	done: int
	total: int | None
	rate: float | None


class BulkOut(WireModel):
	"""One import. In `taken` are rows that everybody sees once `state` is done; with `mode` all a bad
	row lets nothing be taken. `problems` are the first of them."""

	id: str
	mode: Mode
	state: State
	name: str
	rows: int
	taken: int
	refused: int
	failure: str | None
	progress: ProgressOut | None
	problems: list[BadRowOut]
	options: dict[str, Any]
	created_at: datetime
	created_by: str | None
	finished_at: datetime | None
