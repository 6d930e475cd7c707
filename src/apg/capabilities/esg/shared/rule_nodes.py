"""The parts of a validation rule, their bounds, and the one line they are written as."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _

MOST_NODES = 50
MOST_RULES = 20
MOST_TEXT = 2_000
MOST_LITERAL = 128
MOST_PATTERNS = 512
MOST_DIGITS = 30


class Severity(StrEnum):
	REJECT = "reject"
	WARN = "warn"


class Quantity(StrEnum):
	"""`delta` is new minus previous, `change` its size without sign."""

	VALUE = "value"
	PREVIOUS = "previous"
	DELTA = "delta(value)"
	CHANGE = "change(value)"


class Comparison(StrEnum):
	LESS = "<"
	AT_MOST = "<="
	MORE = ">"
	AT_LEAST = ">="
	EQUAL = "="
	UNEQUAL = "!="


class Fact(StrEnum):
	"""What may be there or not."""

	EVIDENCE = "evidence"
	SOURCE = "source"
	METHOD = "method"
	PERIOD = "period"
	NOTE = "note"
	PREVIOUS = "previous"


class Text(StrEnum):
	"""Texts that may be required to be one of a list."""

	SOURCE = "source"
	METHOD = "method"


class Property(StrEnum):
	INTEGER = "integer"
	POSITIVE = "positive"
	NOT_NEGATIVE = "not_negative"


@dataclass(frozen=True, slots=True)
class All:
	parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any_:
	parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
	part: "Node"


@dataclass(frozen=True, slots=True)
class Compare:
	"""`percent` relates the bound to the size of the previous value; for delta and change only."""

	quantity: Quantity
	comparison: Comparison
	bound: Decimal
	percent: bool = False


@dataclass(frozen=True, slots=True)
class Between:
	"""Both ends are inside."""

	quantity: Quantity
	low: Decimal
	high: Decimal
	percent: bool = False


@dataclass(frozen=True, slots=True)
class Is:
	property: Property


@dataclass(frozen=True, slots=True)
class Has:
	fact: Fact


@dataclass(frozen=True, slots=True)
class OneOf:
	"""Texts are compared as they stand; `*` and `?` in a pattern are a glob, anchored at both ends."""

	text: Text
	patterns: tuple[str, ...]


Node = All | Any_ | Not | Compare | Between | Is | Has | OneOf


@dataclass(frozen=True, slots=True)
class Rule:
	severity: Severity
	requirement: Node


class RuleError(Invalid):
	"""A rule that cannot be taken: `field` names the rule, `position` the character of its text."""

	def __init__(
		self,
		reason: str,
		remedy: str,
		*,
		field: str = "validation_rules",
		position: int | None = None,
	) -> None:
		self.field, self.reason, self.remedy, self.position = field, reason, remedy, position
		where = "" if position is None else _(" (at character {n})", n=position + 1)
		message = f"{reason}{where} {remedy}"
		super().__init__(message, problems=[Problem(field, message, "rule")])


def nodes(node: Node) -> Iterator[Node]:
	"""The node and everything below it; a list of patterns counts one node for each."""
	stack = [node]
	while stack:
		current = stack.pop()
		yield current
		match current:
			case All(parts) | Any_(parts):
				stack.extend(parts)
			case Not(part):
				stack.append(part)
			case OneOf(_text, patterns):
				yield from [current] * (len(patterns) - 1)
			case _:
				pass


def write_rule(rule: Rule) -> str:
	"""The line of a rule; reading it gives the same rule."""
	return f"{rule.severity}: {write_node(rule.requirement)}"


def write_node(node: Node) -> str:
	match node:
		case All(parts):
			return " and ".join(_wrapped(each, All | Any_) for each in parts)
		case Any_(parts):
			return " or ".join(_wrapped(each, Any_) for each in parts)
		case Not(part):
			return f"not {_wrapped(part, All | Any_)}"
		case Compare(quantity, comparison, bound, percent):
			return f"{quantity} {comparison} {bound:f}{' %' if percent else ''}"
		case Between(quantity, low, high, percent):
			return f"{quantity} between {low:f} and {high:f}{' %' if percent else ''}"
		case Is(property_):
			return f"{property_}(value)"
		case Has(fact):
			return f"has({fact})"
		case OneOf(text, patterns):
			listed = ", ".join(_quoted(each) for each in patterns)
			return f"{text} in ({listed})"


def _wrapped(node: Node, kinds: object) -> str:
	text = write_node(node)
	return f"({text})" if isinstance(node, kinds) else text  # type: ignore[arg-type]


def _quoted(text: str) -> str:
	return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bound_size(node: Node, field: str) -> None:
	"""Refuses a rule beyond 50 parts or 512 characters of texts, so that checking it stays quick."""
	if sum(1 for _node in nodes(node)) > MOST_NODES:
		raise RuleError(
			_("The rule has more than {n} parts.", n=MOST_NODES),
			_("Split it into several rules."),
			field=field,
		)
	found = {id(each): each for each in nodes(node) if isinstance(each, OneOf)}
	if sum(len(text) for each in found.values() for text in each.patterns) > MOST_PATTERNS:
		raise RuleError(
			_("The texts of the rule have more than {n} characters.", n=MOST_PATTERNS),
			_("Use * for what the texts have in common, or split the rule."),
			field=field,
		)
