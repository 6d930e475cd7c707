"""A factor as a file gave it: figures as printed, and what was found about them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

MASS, CO2E, TOTAL = "mass", "co2e", "total"
"""What gas columns hold: kg of the gas, kg CO2e of that gas, or there are none but the total."""


@dataclass(frozen=True, slots=True)
class Finding:
	"""Why a factor may not be used; `values` fill the sentence that `factor_files.words` has."""

	code: str
	values: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Draft:
	"""One factor of a file.

	`printed` maps what the publisher calls a figure to its text; `given` and `total` are those that
	are numbers (kg per unit; `given` in the basis of the file). `gases` (kg of each species) is set
	by the lint. `rows` are the lines of the file it was read from.
	"""

	activity_code: str
	name: str
	labels: tuple[str, ...]
	region: str
	stage: str
	unit: str
	valid_from: date
	valid_to: date | None
	rows: tuple[int, ...]
	scope: str = ""
	published_on: date | None = None
	given: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
	total: Decimal | None = None
	biogenic_co2: Decimal | None = None
	low: Decimal | None = None
	high: Decimal | None = None
	spend_currency: str | None = None
	price_year: int | None = None
	printed: dict[str, str] = field(default_factory=dict[str, str])
	gases: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
	native_gwp_set: str = ""
	findings: list[Finding] = field(default_factory=list[Finding])
	locator: str = ""

	@property
	def identity(self) -> tuple[str, ...]:
		"""What makes two figures the same factor, whatever the edition."""
		return (self.activity_code, self.region, self.stage, self.unit)

	@property
	def key(self) -> tuple[str, ...]:
		return (*self.identity, self.valid_from.isoformat())

	@property
	def quarantined(self) -> bool:
		return bool(self.findings)

	@property
	def where(self) -> str:
		return self.locator or located(self.rows)

	def sha256(self) -> str:
		"""Of the content alone: neither the file nor the place in it."""
		content = {
			"identity": self.identity,
			"valid": [self.valid_from.isoformat(), self.valid_to and self.valid_to.isoformat()],
			"published_on": self.published_on and self.published_on.isoformat(),
			"gases": {name: plain(value) for name, value in sorted(self.gases.items())},
			"co2e": self.total is not None and plain(self.total),
			"native_gwp_set": self.native_gwp_set,
			"biogenic_co2": self.biogenic_co2 is not None and plain(self.biogenic_co2),
			"bounds": [self.low and plain(self.low), self.high and plain(self.high)],
			"price": [self.spend_currency, self.price_year],
			"findings": sorted(one.code for one in self.findings),
			"printed": self.printed if self.findings else {},
		}
		text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
		return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Decimal) -> str:
	"""Digits without exponent and without closing zeros: 0.10 and 0.1 are one content."""
	text = format(value, "f")
	return text.rstrip("0").rstrip(".") if "." in text else text


def located(rows: tuple[int, ...]) -> str:
	"""`row 7`, `rows 7-10`, `rows 7, 9-10`."""
	spans: list[list[int]] = []
	for row in sorted(set(rows)):
		if spans and row == spans[-1][1] + 1:
			spans[-1][1] = row
		else:
			spans.append([row, row])
	told = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
	return f"row{'s' if len(set(rows)) > 1 else ''} {told}"
