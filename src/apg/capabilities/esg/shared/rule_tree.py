"""Validation rules as JSON: the form they are stored in and a form edits.

A rule is `{"severity": "reject", "require": node}`; a node is one of `{"all": [...]}`,
`{"any": [...]}`, `{"not": node}`, `{"compare": {"of", "is", "to", "percent"}}`,
`{"between": {"of", "low", "high", "percent"}}`, `{"is": "integer"}`, `{"has": "evidence"}`,
`{"source": ["iot_*"]}`, `{"method": [...]}`. Numbers are texts, so that no digit is lost. The two
rule kinds of earlier papers, `range_check` and `trend_check`, are read as the same trees.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar, cast

from apg.capabilities.esg.shared.rule_nodes import (
	MOST_DIGITS,
	MOST_LITERAL,
	MOST_NODES,
	MOST_RULES,
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
	RuleError,
	Severity,
	Text,
	bound_size,
)
from apg.capabilities.esg.shared.rule_text import read_rule
from apg.kernel.texts import _

Word = TypeVar("Word", bound=StrEnum)


def read_rules(stored: object, *, field: str = "validation_rules") -> tuple[Rule, ...]:
	"""All rules of a metric from JSON; each entry is a tree or a line of text."""
	if not isinstance(stored, list):
		raise RuleError(
			_("The rules are not a list."), _('Write ["value >= 0"] or [].'), field=field
		)
	entries = cast("list[object]", stored)
	if len(entries) > MOST_RULES:
		raise RuleError(
			_("There are more than {n} rules.", n=MOST_RULES),
			_("Join some of them with “and”."),
			field=field,
		)
	return tuple(read_entry(each, field=f"{field}[{n}]") for n, each in enumerate(entries))


def read_entry(entry: object, *, field: str = "validation_rules") -> Rule:
	"""One rule from a tree or a line of text."""
	if isinstance(entry, str):
		return read_rule(entry, field=field)
	if not isinstance(entry, dict):
		raise RuleError(
			_("A rule is neither a text nor an object."),
			_('Write "value >= 0" or {"require": {"is": "positive"}}.'),
			field=field,
		)
	tree = cast("dict[str, Any]", entry)
	if "type" in tree:
		return _from_kind(tree, field)
	_only(tree, {"severity", "require"}, field)
	severity = _word(Severity, tree.get("severity", Severity.REJECT.value), f"{field}.severity")
	requirement = _Tree(field).node(tree.get("require"), f"{field}.require", 1)
	bound_size(requirement, field)
	return Rule(severity, requirement)


def write_rules(rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
	"""The stored form; reading it gives the same rules."""
	return [
		{"severity": each.severity.value, "require": write_tree(each.requirement)} for each in rules
	]


def write_tree(node: Node) -> dict[str, Any]:
	match node:
		case All(parts):
			return {"all": [write_tree(each) for each in parts]}
		case Any_(parts):
			return {"any": [write_tree(each) for each in parts]}
		case Not(part):
			return {"not": write_tree(part)}
		case Compare(quantity, comparison, bound, percent):
			tree = {"of": quantity.value, "is": comparison.value, "to": f"{bound:f}"}
			return {"compare": tree | ({"percent": True} if percent else {})}
		case Between(quantity, low, high, percent):
			tree = {"of": quantity.value, "low": f"{low:f}", "high": f"{high:f}"}
			return {"between": tree | ({"percent": True} if percent else {})}
		case Is(property_):
			return {"is": property_.value}
		case Has(fact):
			return {"has": fact.value}
		case OneOf(text, patterns):
			return {text.value: list(patterns)}


def _from_kind(tree: dict[str, Any], field: str) -> Rule:
	"""`range_check(min_value, max_value)` and `trend_check(max_deviation_percent)`."""
	match tree.get("type"):
		case "range_check":
			_only(tree, {"type", "severity", "min_value", "max_value"}, field)
			low, high = tree.get("min_value"), tree.get("max_value")
			parts = [
				Compare(Quantity.VALUE, comparison, _number(bound, f"{field}.{name}"))
				for name, bound, comparison in (
					("min_value", low, Comparison.AT_LEAST),
					("max_value", high, Comparison.AT_MOST),
				)
				if bound is not None
			]
			if not parts:
				raise RuleError(
					_("The range has no end."), _("Give min_value, max_value or both."), field=field
				)
			if len(parts) == 2 and parts[0].bound > parts[1].bound:
				raise _ends(field)
			requirement: Node = parts[0] if len(parts) == 1 else All(tuple(parts))
		case "trend_check":
			_only(tree, {"type", "severity", "max_deviation_percent"}, field)
			bound = _number(tree.get("max_deviation_percent"), f"{field}.max_deviation_percent")
			requirement = Compare(Quantity.CHANGE, Comparison.AT_MOST, bound, percent=True)
		case other:
			raise RuleError(
				_("“{name}” is not a kind of rule.", name=str(other)[:40]),
				_("Use range_check, trend_check, or a requirement."),
				field=f"{field}.type",
			)
	severity = _word(Severity, tree.get("severity", Severity.REJECT.value), f"{field}.severity")
	return Rule(severity, requirement)


class _Tree:
	"""Reads nodes and counts them, so that a hostile tree ends at the bound."""

	def __init__(self, field: str) -> None:
		self._field = field
		self._count = 0

	def node(self, tree: object, field: str, depth: int) -> Node:
		self._add(1)
		if depth > MOST_NODES:
			raise self._too_large()
		if not isinstance(tree, dict) or len(cast("dict[str, Any]", tree)) != 1:
			raise RuleError(
				_("A requirement is an object with exactly one key."),
				_("Use one of all, any, not, compare, between, is, has, source, method."),
				field=field,
			)
		((kind, inner),) = cast("dict[str, Any]", tree).items()
		field = f"{field}.{kind}"[:200]
		match kind:
			case "all" | "any":
				parts = self._parts(inner, field, depth)
				if len(parts) == 1:
					return parts[0]
				return All(parts) if kind == "all" else Any_(parts)
			case "not":
				return Not(self.node(inner, field, depth + 1))
			case "compare":
				return self._compare(inner, field)
			case "between":
				return self._between(inner, field)
			case "is":
				return Is(_word(Property, inner, field))
			case "has":
				return Has(_word(Fact, inner, field))
			case "source" | "method":
				return OneOf(Text(kind), self._patterns(inner, field))
			case _:
				raise RuleError(
					_("“{name}” is not known.", name=str(kind)[:40]),
					_("Use one of all, any, not, compare, between, is, has, source, method."),
					field=field,
				)

	def _parts(self, inner: object, field: str, depth: int) -> tuple[Node, ...]:
		if not isinstance(inner, list) or not inner:
			raise RuleError(
				_("Here a list of requirements should stand."), _("Give at least one."), field=field
			)
		listed = cast("list[object]", inner)
		return tuple(self.node(each, f"{field}[{n}]", depth + 1) for n, each in enumerate(listed))

	def _compare(self, inner: object, field: str) -> Compare:
		tree = _object(inner, {"of", "is", "to", "percent"}, field)
		quantity = _word(Quantity, tree.get("of"), f"{field}.of")
		return Compare(
			quantity,
			_word(Comparison, tree.get("is"), f"{field}.is"),
			_number(tree.get("to"), f"{field}.to"),
			_percent(tree, quantity, field),
		)

	def _between(self, inner: object, field: str) -> Between:
		tree = _object(inner, {"of", "low", "high", "percent"}, field)
		quantity = _word(Quantity, tree.get("of"), f"{field}.of")
		low, high = (
			_number(tree.get("low"), f"{field}.low"),
			_number(tree.get("high"), f"{field}.high"),
		)
		if low > high:
			raise _ends(field)
		return Between(quantity, low, high, _percent(tree, quantity, field))

	def _patterns(self, inner: object, field: str) -> tuple[str, ...]:
		listed = cast("list[object]", inner) if isinstance(inner, list) else []
		self._add(max(len(listed) - 1, 0))
		found: list[str] = []
		for each in listed:
			if (
				not isinstance(each, str)
				or not each.isprintable()
				or not 0 < len(each) <= MOST_LITERAL
			):
				raise RuleError(
					_("A pattern is a text of 1 to {n} characters.", n=MOST_LITERAL),
					_("Write the name as it is, or with * and ?."),
					field=field,
				)
			found.append(each)
		if not found:
			raise RuleError(
				_("Here a list of texts should stand."), _('Write ["iot_*", "erp"].'), field=field
			)
		return tuple(found)

	def _add(self, count: int) -> None:
		self._count += count
		if self._count > MOST_NODES:
			raise self._too_large()

	def _too_large(self) -> RuleError:
		return RuleError(
			_("The rule has more than {n} parts.", n=MOST_NODES),
			_("Split it into several rules."),
			field=self._field,
		)


def _object(inner: object, allowed: set[str], field: str) -> dict[str, Any]:
	if not isinstance(inner, dict):
		raise RuleError(
			_("Here an object should stand."),
			_("Give {names}.", names=", ".join(sorted(allowed))),
			field=field,
		)
	tree = cast("dict[str, Any]", inner)
	_only(tree, allowed, field)
	return tree


def _only(tree: Mapping[str, Any], allowed: set[str], field: str) -> None:
	for name in tree:
		if name not in allowed:
			raise RuleError(
				_("“{name}” is not known.", name=str(name)[:40]),
				_("Use only {names}.", names=", ".join(sorted(allowed))),
				field=field,
			)


def _percent(tree: Mapping[str, Any], quantity: Quantity, field: str) -> bool:
	percent = tree.get("percent", False)
	if not isinstance(percent, bool):
		raise RuleError(_("percent is neither true nor false."), _("Write true."), field=field)
	if percent and quantity not in (Quantity.DELTA, Quantity.CHANGE):
		raise RuleError(
			_("A percentage belongs to delta(value) or change(value) only."),
			_("Leave percent out."),
			field=field,
		)
	return percent


def _number(value: object, field: str) -> Decimal:
	"""A number or the text of one, exact; a binary float is taken by its shortest text."""
	found: Decimal | None = None
	if not isinstance(value, bool) and isinstance(value, int | float | str | Decimal):
		text = str(value)
		try:
			plain = len(text) <= 2 * MOST_DIGITS and set(text) <= set("0123456789+-.eE")
			found = Decimal(text) if plain else None
		except InvalidOperation:
			found = None
	if found is None or not found.is_finite() or not _fits(found):
		raise RuleError(
			_("This is not a number of at most {n} digits.", n=MOST_DIGITS),
			_('Write it as 12 or "-0.5".'),
			field=field,
		)
	return found if found.as_tuple().exponent <= 0 else found.quantize(Decimal(1))  # type: ignore[operator]


def _fits(value: Decimal) -> bool:
	exponent = value.as_tuple().exponent
	digits = len(value.as_tuple().digits)
	return (
		isinstance(exponent, int)
		and exponent > -MOST_DIGITS
		and digits + max(exponent, 0) <= MOST_DIGITS
	)


def _word(kind: type[Word], value: object, field: str) -> Word:
	if isinstance(value, str) and value in set(kind):
		return kind(value)
	raise RuleError(
		_("“{name}” is not known here.", name=str(value)[:40]),
		_("Use one of {names}.", names=", ".join(kind)),
		field=field,
	)


def _ends(field: str) -> RuleError:
	return RuleError(_("The lower end is above the upper end."), _("Exchange them."), field=field)
