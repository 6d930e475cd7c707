"""Validation rules of a metric: a small grammar, stored as trees, with three-valued evaluation.

A rule is a requirement on a new measurement with a severity: `reject` refuses the measurement when
the requirement is broken, `warn` takes it and flags it. The language is described in
`docs/validation-rules.md`; text and tree are two forms of the same rule. Unknown (no previous value,
a division by zero, no source) is never true and never false: such a rule neither passes nor rejects,
it is reported as not checkable. Logic: Kleene's strong three-valued logic (1952).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from apg.capabilities.esg.shared.rule_nodes import (
	All,
	Any_,
	Between,
	Compare,
	Comparison,
	Fact,
	Has,
	Is,
	Node,
	Not,
	OneOf,
	Property,
	Quantity,
	Rule,
	Severity,
	Text,
	nodes,
	write_node,
)
from apg.kernel.errors import Invalid
from apg.kernel.texts import _

MOST_EXPONENT = 100


@dataclass(frozen=True, slots=True)
class Observed:
	"""What a new measurement brings, and the value before it (None: there is none)."""

	value: Decimal
	previous: Decimal | None = None
	source: str | None = None
	method: str | None = None
	has_evidence: bool = False
	has_period: bool = False
	has_note: bool = False

	def __post_init__(self) -> None:
		for value in (self.value, self.previous):
			if value is not None and (
				not value.is_finite() or abs(value.adjusted()) > MOST_EXPONENT
			):
				raise Invalid.one("value", _("This is not a finite number of usual size."))


class Outcome(StrEnum):
	HOLDS = "holds"
	BROKEN = "broken"
	UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
	"""What one rule says of one measurement. `field` is where the person should look."""

	index: int
	rule: Rule
	outcome: Outcome
	field: str
	observed: Observed

	@property
	def rejects(self) -> bool:
		return self.outcome is Outcome.BROKEN and self.rule.severity is Severity.REJECT

	@property
	def reason(self) -> str:
		"""The sentence for a person, with the rule and both values."""
		text = write_node(self.rule.requirement)
		if self.outcome is Outcome.HOLDS:
			return _("The rule “{rule}” holds.", rule=text)
		if self.outcome is Outcome.UNKNOWN:
			return _(
				"The rule “{rule}” cannot be checked: something it needs is missing.", rule=text
			)
		previous = self.observed.previous
		return _(
			"{value} (previous: {previous}) breaks the rule “{rule}”.",
			value=self.observed.value,
			previous=_("none") if previous is None else previous,
			rule=text,
		)


class _Figures:
	"""The exact figures of one measurement, each worked out once."""

	def __init__(self, observed: Observed) -> None:
		self.observed = observed
		self._known: dict[tuple[Quantity, bool], Fraction | None] = {}

	def get(self, quantity: Quantity, percent: bool) -> Fraction | None:
		key = (quantity, percent)
		if key not in self._known:
			self._known[key] = _measured(quantity, percent, self.observed)
		return self._known[key]


def check(rules: Sequence[Rule], observed: Observed) -> tuple[Finding, ...]:
	"""Evaluates every rule; linear in the size of the rules and texts."""
	figures = _Figures(observed)
	return tuple(_finding(index, rule, figures) for index, rule in enumerate(rules))


def _finding(index: int, rule: Rule, figures: _Figures) -> Finding:
	found = _truth(rule.requirement, figures)
	outcome = {True: Outcome.HOLDS, False: Outcome.BROKEN, None: Outcome.UNKNOWN}[found]
	return Finding(index, rule, outcome, _field(rule.requirement), figures.observed)


def _field(node: Node) -> str:
	"""The input that the first test of the rule is about."""
	for each in nodes(node):
		match each:
			case OneOf(Text.SOURCE) | Has(Fact.SOURCE):
				return "data_source"
			case OneOf(Text.METHOD) | Has(Fact.METHOD):
				return "collection_method"
			case Has(Fact.EVIDENCE):
				return "evidence"
			case Has(Fact.PERIOD):
				return "period_start"
			case Has(Fact.NOTE):
				return "notes"
			case Compare() | Between() | Is() | Has(Fact.PREVIOUS):
				return "value"
			case _:
				continue
	return "value"


def _truth(node: Node, figures: _Figures) -> bool | None:
	observed = figures.observed
	match node:
		case All(parts):
			found = [_truth(each, figures) for each in parts]
			return False if False in found else None if None in found else True
		case Any_(parts):
			found = [_truth(each, figures) for each in parts]
			return True if True in found else None if None in found else False
		case Not(part):
			inner = _truth(part, figures)
			return None if inner is None else not inner
		case Compare(quantity, comparison, bound, percent):
			measured = figures.get(quantity, percent)
			return None if measured is None else _compare(measured, comparison, Fraction(bound))
		case Between(quantity, low, high, percent):
			measured = figures.get(quantity, percent)
			return None if measured is None else Fraction(low) <= measured <= Fraction(high)
		case Is(property_):
			return _has_property(property_, observed.value)
		case Has(fact):
			return _is_there(fact, observed)
		case OneOf(text, patterns):
			found = observed.source if text is Text.SOURCE else observed.method
			return None if not found else any(glob(pattern, found) for pattern in patterns)


def _measured(quantity: Quantity, percent: bool, observed: Observed) -> Fraction | None:
	"""The exact figure; None without a previous value or where a percentage would divide by zero."""
	value = Fraction(observed.value)
	if quantity is Quantity.VALUE:
		return value
	if observed.previous is None:
		return None
	previous = Fraction(observed.previous)
	if quantity is Quantity.PREVIOUS:
		return previous
	delta = value - previous if quantity is Quantity.DELTA else abs(value - previous)
	if not percent:
		return delta
	return None if previous == 0 else 100 * delta / abs(previous)


def _compare(left: Fraction, comparison: Comparison, right: Fraction) -> bool:
	match comparison:
		case Comparison.LESS:
			return left < right
		case Comparison.AT_MOST:
			return left <= right
		case Comparison.MORE:
			return left > right
		case Comparison.AT_LEAST:
			return left >= right
		case Comparison.EQUAL:
			return left == right
		case Comparison.UNEQUAL:
			return left != right


def _has_property(property_: Property, value: Decimal) -> bool:
	match property_:
		case Property.INTEGER:
			return value == value.to_integral_value()
		case Property.POSITIVE:
			return value > 0
		case Property.NOT_NEGATIVE:
			return value >= 0


def _is_there(fact: Fact, observed: Observed) -> bool:
	match fact:
		case Fact.EVIDENCE:
			return observed.has_evidence
		case Fact.SOURCE:
			return bool(observed.source)
		case Fact.METHOD:
			return bool(observed.method)
		case Fact.PERIOD:
			return observed.has_period
		case Fact.NOTE:
			return observed.has_note
		case Fact.PREVIOUS:
			return observed.previous is not None


def glob(pattern: str, text: str) -> bool:
	"""Whether the whole text fits: `*` any run of characters, `?` one.

	All ways to read the pattern go through the text together, as bits of one number (bit n: n
	characters of the pattern are read), so that no pattern costs more than its text is long.
	"""
	reads: dict[str, int] = {}
	stays = wildcards = length = 0
	for each in pattern:
		if each == "*":
			stays |= 1 << length
			continue
		if each == "?":
			wildcards |= 1 << length
		else:
			reads[each] = reads.get(each, 0) | 1 << length
		length += 1
	states = 1
	for each in text:
		states = (states & (reads.get(each, 0) | wildcards)) << 1 | states & stays
		if not states:
			return False
	return bool(states >> length & 1)
