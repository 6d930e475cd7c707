"""Policies as one line of text, read and written back the same; and as JSON, as they are stored.

any     = all { "or" all }
all     = one { "and" one }
one     = "not" one | "(" any ")" | test
test    = ( "delta" | "before" | "after" ) "(" metric ")" comparison number unit
        | "coverage" "(" metric ")" comparison number "%"
        | "new" "(" "substance" [ "," code ] ")"
        | "compliance" [ "(" code ")" ] "=" word
metric  = "cost" | "mass" | "co2e" | "lead_time"
unit    = "%" | "kg" | "kgCO2e" | "d" | three capital letters
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar, cast

from apg.capabilities.plm.shared.policy_nodes import (
	MOST_DIGITS,
	MOST_NODES,
	MOST_TEXT,
	All,
	Compare,
	Comparison,
	Compliance,
	Either,
	Function,
	Metric,
	New,
	Node,
	Not,
	PolicyError,
	Word,
	check_size,
)

UNITS = {Metric.MASS: "kg", Metric.CO2E: "kgCO2e", Metric.LEAD_TIME: "d"}
EXAMPLE = "An example: delta(co2e) > 2 % or new(substance)."
_TOKEN = re.compile(
	r"\s*(?:(?P<number>[+-]?\d{1,20}(?:\.\d{1,20})?)(?![\w.])|(?P<word>[A-Za-z][A-Za-z0-9_]{0,39})"
	r"|(?P<sign><=|>=|[<>=(),%]))",
	re.ASCII,
)
_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
Enum = TypeVar("Enum", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class _Token:
	kind: str
	text: str
	at: int


def read_policy(text: str) -> Node:
	"""The tree a line means. Raises PolicyError, which names the character."""
	if len(text) > MOST_TEXT:
		raise PolicyError(f"more than {MOST_TEXT} characters", "Make several policies of it.")
	return check_size(_Reader(_scan(text)).whole())


def write_policy(node: Node) -> str:
	"""The line of a tree; reading it gives the same tree."""
	match node:
		case All(parts):
			return " and ".join(_wrapped(each, (All, Either)) for each in parts)
		case Either(parts):
			return " or ".join(_wrapped(each, (Either,)) for each in parts)
		case Not(part):
			return f"not {_wrapped(part, (All, Either))}"
		case Compare(function, metric, comparison, bound, unit):
			return f"{function}({metric}) {comparison} {bound:f} {unit}"
		case New(regulation):
			return "new(substance)" if regulation is None else f"new(substance, {regulation})"
		case Compliance(word, regulation):
			where = "" if regulation is None else f"({regulation})"
			return f"compliance{where} = {word}"


def _wrapped(node: Node, kinds: tuple[type, ...]) -> str:
	text = write_policy(node)
	return f"({text})" if isinstance(node, kinds) else text


def _scan(text: str) -> list[_Token]:
	found: list[_Token] = []
	at = 0
	while text[at:].strip():
		held = _TOKEN.match(text, at)
		if held is None or held.end() == at:
			while text[at].isspace():
				at += 1
			raise PolicyError(
				f"“{text[at]}” has no meaning here", "Use words, numbers and comparisons.", at
			)
		kind = str(held.lastgroup)
		found.append(_Token(kind, held[kind], held.start(kind)))
		at = held.end()
	found.append(_Token("end", "", len(text)))
	return found


class _Reader:
	"""Recursive descent; `not` and parentheses count against the bound of the tree."""

	def __init__(self, tokens: list[_Token]) -> None:
		self._tokens, self._next, self._depth = tokens, 0, 0

	def whole(self) -> Node:
		node = self._any()
		if self._now.kind != "end":
			raise self._error("here it should end, or go on with “and” or “or”")
		return node

	@property
	def _now(self) -> _Token:
		return self._tokens[self._next]

	def _error(self, reason: str, names: Iterable[str] = ()) -> PolicyError:
		known = ", ".join(names)
		return PolicyError(reason, f"Use one of {known}." if known else EXAMPLE, self._now.at)

	def _take(self, text: str) -> bool:
		if self._now.text.lower() != text or self._now.kind == "end":
			return False
		self._next += 1
		return True

	def _expect(self, text: str) -> None:
		if not self._take(text):
			raise self._error(f"here “{text}” should stand")

	def _any(self) -> Node:
		parts = [self._all()]
		while self._take("or"):
			parts.append(self._all())
		return parts[0] if len(parts) == 1 else Either(tuple(parts))

	def _all(self) -> Node:
		parts = [self._one()]
		while self._take("and"):
			parts.append(self._one())
		return parts[0] if len(parts) == 1 else All(tuple(parts))

	def _one(self) -> Node:
		self._depth += 1
		if self._depth > MOST_NODES:
			raise self._error(f"nested deeper than {MOST_NODES}")
		if self._take("not"):
			node: Node = Not(self._one())
		elif self._take("("):
			node = self._any()
			self._expect(")")
		else:
			node = self._test()
		self._depth -= 1
		return node

	def _test(self) -> Node:
		if self._take("new"):
			self._expect("(")
			self._expect("substance")
			code = self._code() if self._take(",") else None
			self._expect(")")
			return New(code)
		if self._take("compliance"):
			code = None
			if self._take("("):
				code = self._code()
				self._expect(")")
			self._expect("=")
			return Compliance(self._word(Word), code)
		function = self._word(Function, (*Function, "new", "compliance"))
		self._expect("(")
		metric = self._word(Metric)
		self._expect(")")
		comparison = Comparison(self._sign())
		bound = self._number()
		return Compare(function, metric, comparison, bound, self._unit(function, metric))

	def _word(self, kind: type[Enum], names: Iterable[str] = ()) -> Enum:
		text = self._now.text.lower()
		if self._now.kind != "word" or text not in set(kind):
			raise self._error(f"“{self._now.text}” is not known here", tuple(names) or tuple(kind))
		self._next += 1
		return kind(text)

	def _sign(self) -> str:
		if self._now.text not in set(Comparison):
			raise self._error("here a comparison should stand", tuple(Comparison))
		self._next += 1
		return self._tokens[self._next - 1].text

	def _number(self) -> Decimal:
		if self._now.kind != "number":
			raise self._error("here a number should stand")
		self._next += 1
		return _bounded(self._tokens[self._next - 1].text)

	def _code(self) -> str:
		text = self._now.text.lower()
		if self._now.kind != "word" or not _CODE.match(text):
			raise self._error("here the code of a regulation should stand", ("rohs", "reach"))
		self._next += 1
		return text

	def _unit(self, function: Function, metric: Metric) -> str:
		text = self._now.text
		allowed = units_of(function, metric)
		if text in allowed or (allowed[-1] == "EUR" and _CURRENCY.match(text)):
			self._next += 1
			return text
		raise self._error(f"“{text}” is no unit of {function}({metric})", allowed)


def units_of(function: Function, metric: Metric) -> tuple[str, ...]:
	"""The units a bound may have; EUR stands for any currency."""
	if function is Function.COVERAGE:
		return ("%",)
	own = UNITS.get(metric, "EUR")
	return ("%", own) if function is Function.DELTA else (own,)


def _bounded(text: str) -> Decimal:
	bound = Decimal(text)
	if len(bound.as_tuple().digits) > MOST_DIGITS:
		raise PolicyError(f"a number of more than {MOST_DIGITS} digits", "Round it.")
	return bound


# -- as JSON ------------------------------------------------------------------------------------


def write_tree(node: Node) -> dict[str, Any]:
	"""The stored form; numbers are texts, so that no digit is lost."""
	match node:
		case All(parts):
			return {"all": [write_tree(each) for each in parts]}
		case Either(parts):
			return {"any": [write_tree(each) for each in parts]}
		case Not(part):
			return {"not": write_tree(part)}
		case Compare(function, metric, comparison, bound, unit):
			held = [str(function), str(metric), str(comparison), f"{bound:f}", unit]
			return {"compare": held}
		case New(regulation):
			return {"new": regulation}
		case Compliance(word, regulation):
			return {"compliance": [str(word), regulation]}


def read_tree(tree: object, depth: int = 0) -> Node:
	"""A tree out of its stored form; the same checks as of a text. Raises PolicyError."""
	if depth > MOST_NODES:
		raise PolicyError(f"nested deeper than {MOST_NODES}", "Make several policies of it.")
	if not isinstance(tree, dict) or len(cast("dict[str, Any]", tree)) != 1:
		raise PolicyError("a part is an object with exactly one key", EXAMPLE)
	((kind, inner),) = cast("dict[str, Any]", tree).items()
	if kind in ("all", "any"):
		if not isinstance(inner, list) or not 2 <= len(cast("list[Any]", inner)) <= MOST_NODES:
			raise PolicyError(f"“{kind}” joins at least two parts", EXAMPLE)
		parts = tuple(read_tree(each, depth + 1) for each in cast("list[Any]", inner))
		return check_size(All(parts) if kind == "all" else Either(parts))
	if kind == "not":
		return check_size(Not(read_tree(inner, depth + 1)))
	# What is left is one test: it is read as the text it stands for.
	return read_policy(_test_text(kind, inner))


def _test_text(kind: str, inner: Any) -> str:
	match kind, inner:
		case "compare", [str(function), str(metric), str(sign), str(bound), str(unit)]:
			return f"{function}({metric}) {sign} {bound} {unit}"
		case "new", None:
			return "new(substance)"
		case "new", str(code):
			return f"new(substance, {code})"
		case "compliance", [str(word), None]:
			return f"compliance = {word}"
		case "compliance", [str(word), str(code)]:
			return f"compliance({code}) = {word}"
		case _:
			raise PolicyError(f"“{str(kind)[:40]}” is not known", EXAMPLE)
