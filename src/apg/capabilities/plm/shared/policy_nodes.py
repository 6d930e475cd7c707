"""What a policy of a company may ask of the impact of a change, and how it is answered.

Three answers: yes, no, and unknown (None). What is unknown is never true: a policy fires on yes alone,
and whoever wants to stop what is not known asks for coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apg.capabilities.plm.shared.errors import DomainError

MOST_NODES = 50
MOST_TEXT = 2_000
MOST_DIGITS = 20


class Metric(StrEnum):
	COST = "cost"
	MASS = "mass"
	CO2E = "co2e"
	LEAD_TIME = "lead_time"


class Function(StrEnum):
	"""delta: after minus before. before, after: the totals. coverage: how much is known afterwards."""

	DELTA = "delta"
	BEFORE = "before"
	AFTER = "after"
	COVERAGE = "coverage"


class Comparison(StrEnum):
	LESS = "<"
	AT_MOST = "<="
	MORE = ">"
	AT_LEAST = ">="


class Word(StrEnum):
	"""Places in the lattice of compliance."""

	COMPLIANT = "compliant"
	EXEMPT = "exempt"
	UNKNOWN = "unknown"
	NON_COMPLIANT = "non_compliant"


@dataclass(frozen=True, slots=True)
class All:
	parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
	parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
	part: Node


@dataclass(frozen=True, slots=True)
class Compare:
	"""`unit`: `%`, a currency code for cost, `kg` for mass, `kgCO2e`, `d`; a percentage of a delta is
	of the total before, of a coverage it is the share itself."""

	function: Function
	metric: Metric
	comparison: Comparison
	bound: Decimal
	unit: str


@dataclass(frozen=True, slots=True)
class New:
	"""A declared substance that was not in the end item before; of one regulation's list if named."""

	regulation: str | None = None


@dataclass(frozen=True, slots=True)
class Compliance:
	"""Whether the end item's status afterwards is this word; under one regulation if named."""

	word: Word
	regulation: str | None = None


Node = All | Either | Not | Compare | New | Compliance


class PolicyError(DomainError):
	"""An expression that cannot be taken; `position` is the character it stops making sense at."""

	def __init__(self, reason: str, remedy: str, position: int | None = None) -> None:
		self.position = position
		where = "" if position is None else f" (at character {position + 1})"
		super().__init__("expression", reason + where, remedy)


@dataclass(frozen=True, slots=True)
class Amounts:
	"""One metric of one end item; None is not known. `certain`: the difference hangs on no gap."""

	unit: str
	before: Decimal | None
	after: Decimal | None
	certain: bool
	coverage: Decimal | None

	@property
	def delta(self) -> Decimal | None:
		if self.before is None or self.after is None or not self.certain:
			return None
		return self.after - self.before


@dataclass(frozen=True, slots=True)
class Facts:
	"""What is known of one end item."""

	amounts: Mapping[Metric, Amounts]
	substances: Mapping[str, frozenset[str]]  # regulation → new ones
	statuses: Mapping[str, Word]  # regulation → afterwards


def nodes(node: Node) -> Iterator[Node]:
	"""The node and all below it."""
	stack = [node]
	while stack:
		current = stack.pop()
		yield current
		match current:
			case All(parts) | Either(parts):
				stack.extend(parts)
			case Not(part):
				stack.append(part)
			case _:
				pass


def check_size(node: Node) -> Node:
	"""Refuses more than 50 parts."""
	if sum(1 for _one in nodes(node)) > MOST_NODES:
		raise PolicyError(
			f"the expression has more than {MOST_NODES} parts", "Make several policies of it."
		)
	return node


def true_of(node: Node, facts: Facts) -> bool | None:
	"""Kleene's logic: what is unknown stays so unless the rest decides."""
	match node:
		case All(parts):
			found = [true_of(each, facts) for each in parts]
			if False in found:
				return False
			return None if None in found else True
		case Either(parts):
			found = [true_of(each, facts) for each in parts]
			if True in found:
				return True
			return None if None in found else False
		case Not(part):
			inner = true_of(part, facts)
			return None if inner is None else not inner
		case Compare():
			return _compared(node, facts)
		case New(regulation):
			if regulation is None:
				return any(facts.substances.values())
			return bool(facts.substances.get(regulation))
		case Compliance(word, regulation):
			if regulation is not None:
				status = facts.statuses.get(regulation)
				return None if status is None else status is word
			if not facts.statuses:
				return None
			order = list(Word)
			return max(facts.statuses.values(), key=order.index) is word


def value_of(node: Compare, facts: Facts) -> Decimal | None:
	"""What is compared, in the unit of the bound; None where it is not known."""
	amounts = facts.amounts.get(node.metric)
	if amounts is None:
		return None
	if node.function is Function.COVERAGE:
		return None if amounts.coverage is None else amounts.coverage * 100
	if node.unit == "%":
		if amounts.delta is None or not amounts.before:
			return None
		return amounts.delta * 100 / abs(amounts.before)
	if node.unit != amounts.unit:
		return None  # another currency: nothing is converted behind anybody's back
	if node.function is Function.DELTA:
		return amounts.delta
	return amounts.before if node.function is Function.BEFORE else amounts.after


def _compared(node: Compare, facts: Facts) -> bool | None:
	value = value_of(node, facts)
	if value is None:
		return None
	match node.comparison:
		case Comparison.LESS:
			return value < node.bound
		case Comparison.AT_MOST:
			return value <= node.bound
		case Comparison.MORE:
			return value > node.bound
		case Comparison.AT_LEAST:
			return value >= node.bound
