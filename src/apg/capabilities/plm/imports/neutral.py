"""The neutral form of parts and bills of materials: what every reader produces and matching compares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from apg.kernel.texts import _


class Severity(StrEnum):
	ERROR = "error"
	WARNING = "warning"


class PriceKind(StrEnum):
	INTERNAL = "internal"
	SUPPLIER = "supplier"


@dataclass(frozen=True, slots=True)
class Problem:
	"""One thing wrong in the file: where (row and column as a person sees them), why, what to do."""

	row: int | None
	column: str | None
	value: str | None
	reason: str
	remedy: str
	severity: Severity = Severity.ERROR


class Problems:
	"""Collects every problem up to `limit`; what comes after is counted, errors are never hidden."""

	def __init__(self, limit: int = 10_000) -> None:
		self.limit = limit
		self._kept: list[Problem] = []
		self._omitted: dict[Severity, int] = {}

	def add(
		self,
		reason: str,
		remedy: str,
		*,
		row: int | None = None,
		column: str | None = None,
		value: str | None = None,
		severity: Severity = Severity.ERROR,
	) -> None:
		if len(self._kept) >= self.limit:
			self._omitted[severity] = self._omitted.get(severity, 0) + 1
			return
		short = value if value is None or len(value) <= 200 else value[:199] + "…"
		self._kept.append(Problem(row, column, short, reason, remedy, severity))

	def warn(
		self,
		reason: str,
		remedy: str,
		*,
		row: int | None = None,
		column: str | None = None,
		value: str | None = None,
	) -> None:
		self.add(reason, remedy, row=row, column=column, value=value, severity=Severity.WARNING)

	def listed(self) -> tuple[Problem, ...]:
		"""In the order of rows; problems of the whole file first."""
		found = sorted(self._kept, key=lambda each: each.row or 0)
		for severity, count in self._omitted.items():
			reason = _("{n} more problems of this kind are not listed.", n=count)
			remedy = _("Mend the listed ones and read the file again.")
			found.append(Problem(None, None, None, reason, remedy, severity))
		return tuple(found)


@dataclass(frozen=True, slots=True)
class ImportedValue:
	"""An attribute as the source wrote it; `number` in `unit` where both could be read exactly."""

	text: str
	number: Decimal | None = None
	unit: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedPrice:
	"""`amount` of `currency` buys `per` of the part's unit, from `quantity` of such lots on."""

	kind: PriceKind
	amount: Decimal
	currency: str
	quantity: Decimal = Decimal(1)
	per: Decimal = Decimal(1)
	supplier: str | None = None
	sku: str | None = None

	@property
	def from_quantity(self) -> Decimal:
		"""The break in the part's own unit."""
		return self.quantity * self.per


@dataclass(frozen=True, slots=True)
class ImportedIdentifier:
	"""A number somebody else gave: scheme `mpn`, `sku` or the name of a system; who issued it."""

	scheme: str
	value: str
	issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedPart:
	"""One part. `source_key` is unique in the file; what the file does not say is None or empty.
	One that is only `mentioned`, as a substitute, must be recorded already."""

	source_key: str
	number: str | None = None
	name: str | None = None
	description: str | None = None
	unit: str | None = None
	type: str | None = None
	revision: str | None = None
	class_path: tuple[str, ...] = ()
	attributes: Mapping[str, ImportedValue] = field(default_factory=dict[str, ImportedValue])
	tags: tuple[str, ...] = ()
	mass: Decimal | None = None
	mass_unit: str | None = None
	prices: tuple[ImportedPrice, ...] = ()
	identifiers: tuple[ImportedIdentifier, ...] = ()
	active: bool = True
	mentioned: bool = False
	row: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedLine:
	"""One line of a bill of materials: `quantity` of `unit` of the child in one of the parent.

	`attrition` is the share lost in making (0.05 = 5 %), `setup` a fixed extra per order.
	`inherited_from` names the template a variant's line was taken over from.
	"""

	parent_key: str
	child_key: str
	quantity: Decimal
	unit: str | None = None
	designators: tuple[str, ...] = ()
	find_number: str | None = None
	optional: bool = False
	consumable: bool = False
	note: str | None = None
	substitutes: tuple[str, ...] = ()
	attrition: Decimal = Decimal(0)
	setup: Decimal = Decimal(0)
	allow_variants: bool = False
	inherited_from: str | None = None
	row: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedBom:
	"""Everything one file says. `stated` names the fields the file has an opinion on: a field that
	is not stated is left as it is. `complete` says that a part without lines has none, rather than
	that its lines are not in the file. `notes` are decisions of the reader a person should know."""

	source: str
	parts: tuple[ImportedPart, ...]
	lines: tuple[ImportedLine, ...]
	problems: tuple[Problem, ...] = ()
	notes: tuple[str, ...] = ()
	stated: frozenset[str] = frozenset()
	scheme: str | None = None
	complete: bool = False

	@property
	def errors(self) -> tuple[Problem, ...]:
		return tuple(each for each in self.problems if each.severity is Severity.ERROR)


def preferred_prices(part: ImportedPart) -> tuple[ImportedPrice, ...]:
	"""The prices to reckon with: the internal ones, else those of the first supplier part listed.

	Prices of several suppliers are never mixed: their currencies and breaks differ.
	"""
	internal = tuple(each for each in part.prices if each.kind is PriceKind.INTERNAL)
	if internal or not part.prices:
		return internal
	first = part.prices[0]
	return tuple(
		each for each in part.prices if (each.supplier, each.sku) == (first.supplier, first.sku)
	)
