"""The impact of a change on the wire."""

from datetime import date
from typing import Any

from apg.kernel.web.wire import Amount, Moment, WireModel


class FigureOut(WireModel):
	"""One end item in one metric, for one unit of it.

	`delta` is null where before or after is not known. `certain`: it does not hang on what is missing.
	Coverage is 0 to 1. Compliance stands in words, by regulation.
	"""

	unit: str
	before: Amount | None
	after: Amount | None
	delta: Amount | None
	percent: Amount | None
	before_word: str | None
	after_word: str | None
	certain: bool
	estimated: bool
	before_coverage: Amount | None
	after_coverage: Amount | None
	missing_before: int
	missing_after: int
	missing: list[dict[str, Any]]


class EndItemOut(WireModel):
	"""A product that nothing contains and that the change reaches."""

	product_id: str
	product_number: str
	product_name: str
	before_revision: str | None
	after_revision: str | None
	figures: dict[str, FigureOut]


class FiredOut(WireModel):
	"""A policy that is true of the impact, and what follows from it."""

	policy_id: str
	name: str
	expression: str
	effect: str
	role: str | None
	explanation: str
	because: list[str]


class ImpactOut(WireModel):
	"""What a change does to everything above it; `status` says whether there are figures.

	status: not_calculated, calculating, calculated or failed. `stale`: the figures are of an earlier
	package and new ones are on their way. `absent` names metrics that are not shown, and why.
	"""

	change_id: str
	package_hash: str | None
	status: str
	reason: str | None
	stale: bool
	run: int | None
	cause: str | None
	calculated_at: Moment | None
	currency: str | None
	price_day: date | None
	inputs: dict[str, Any]
	headline: dict[str, Any]
	absent: dict[str, str]
	end_items: list[EndItemOut]
	lines: list[dict[str, Any]]
	substances: list[dict[str, Any]]
	moved: list[dict[str, Any]]
	policies: list[FiredOut]
	actual: dict[str, Any] | None
