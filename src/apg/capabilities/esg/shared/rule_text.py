"""Validation rules as one line of text: read, and written back the same.

rule      = [ "reject:" | "warn:" ] any
any       = all { "or" all }
all       = one { "and" one }
one       = "not" one | "(" any ")" | test
test      = quantity comparison number [ "%" ]
          | quantity "between" number "and" number [ "%" ]
          | ( "integer" | "positive" | "not_negative" ) "(" "value" ")"
          | "has" "(" fact ")"
          | ( "source" | "method" ) "in" "(" text { "," text } ")"
quantity  = "value" | "previous" | "delta(value)" | "change(value)"
"""

from dataclasses import dataclass
from decimal import Decimal

from apg.capabilities.esg.shared.rule_nodes import (
	MOST_DIGITS,
	MOST_LITERAL,
	MOST_NODES,
	MOST_TEXT,
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
from apg.kernel.texts import _

_NAMES = ("value", "previous", "delta(value)", "change(value)")
_PERCENTABLE = frozenset({Quantity.DELTA, Quantity.CHANGE})


@dataclass(frozen=True, slots=True)
class _Token:
	kind: str
	text: str
	at: int


def read_rule(text: str, *, field: str = "validation_rules") -> Rule:
	"""The rule a line means; a RuleError names the character where it stops making sense."""
	return _Reader(text, field).rule()


class _Reader:
	"""Recursive descent over at most 50 nodes; parentheses and `not` count against the same bound."""

	def __init__(self, text: str, field: str) -> None:
		self._field = field
		if len(text) > MOST_TEXT:
			raise RuleError(
				_("The rule has more than {n} characters.", n=MOST_TEXT),
				_("Split it into several rules."),
				field=field,
			)
		self._text = text
		self._tokens = self._scan()
		self._next = 0
		self._depth = 0

	def rule(self) -> Rule:
		severity = Severity.REJECT
		first = self._peek()
		if first.text in set(Severity) and self._tokens[1].text == ":":
			severity = Severity(first.text)
			self._next = 2
		requirement = self._any()
		if self._peek().kind != "end":
			raise self._error(_("Here the rule should end, or go on with “and” or “or”."))
		bound_size(requirement, self._field)
		return Rule(severity, requirement)

	def _any(self) -> Node:
		parts = [self._all()]
		while self._take("or"):
			parts.append(self._all())
		return parts[0] if len(parts) == 1 else Any_(tuple(parts))

	def _all(self) -> Node:
		parts = [self._one()]
		while self._take("and"):
			parts.append(self._one())
		return parts[0] if len(parts) == 1 else All(tuple(parts))

	def _one(self) -> Node:
		self._depth += 1
		if self._depth > MOST_NODES:
			raise self._error(_("The rule is nested deeper than {n}.", n=MOST_NODES))
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
		token = self._peek()
		if token.kind != "word":
			raise self._error(_("Here a test should stand."))
		word = token.text
		if word in set(Text) and self._tokens[self._next + 1].text == "in":
			self._next += 2
			return OneOf(Text(word), self._patterns())
		if word in set(Property):
			self._next += 1
			self._argument({"value": "value"})
			return Is(Property(word))
		if word == "has":
			self._next += 1
			return Has(Fact(self._argument({each.value: each.value for each in Fact})))
		return self._comparison(self._quantity())

	def _quantity(self) -> Quantity:
		word = self._peek().text
		if word in ("value", "previous"):
			self._next += 1
			return Quantity(word)
		if word in ("delta", "change"):
			self._next += 1
			self._argument({"value": "value"})
			return Quantity(f"{word}(value)")
		raise self._error(_("“{name}” is not known here.", name=word[:40]), names=_NAMES)

	def _comparison(self, quantity: Quantity) -> Node:
		token = self._peek()
		if self._take("between"):
			low = self._number()
			self._expect("and")
			high, percent = self._number(), self._percent(quantity)
			if low > high:
				raise self._error(_("The lower end is above the upper end."))
			return Between(quantity, low, high, percent)
		if token.text not in set(Comparison):
			raise self._error(_("Here a comparison should stand."), names=(*Comparison, "between"))
		self._next += 1
		bound = self._number()
		return Compare(quantity, Comparison(token.text), bound, self._percent(quantity))

	def _percent(self, quantity: Quantity) -> bool:
		if self._peek().text != "%":
			return False
		if quantity not in _PERCENTABLE:
			raise self._error(_("A percentage belongs to delta(value) or change(value) only."))
		self._next += 1
		return True

	def _number(self) -> Decimal:
		token = self._peek()
		if token.kind != "number":
			raise self._error(_("Here a number should stand."))
		if sum(each.isdigit() for each in token.text) > MOST_DIGITS:
			raise self._error(_("The number has more than {n} digits.", n=MOST_DIGITS))
		self._next += 1
		return Decimal(token.text)

	def _patterns(self) -> tuple[str, ...]:
		self._expect("(")
		found = [self._literal()]
		while self._take(","):
			found.append(self._literal())
		self._expect(")")
		return tuple(found)

	def _literal(self) -> str:
		token = self._peek()
		if token.kind != "text":
			raise self._error(_('Here a text in "…" should stand.'))
		if not 0 < len(token.text) <= MOST_LITERAL:
			raise self._error(_("A text has 1 to {n} characters.", n=MOST_LITERAL))
		self._next += 1
		return token.text

	def _argument(self, allowed: dict[str, str]) -> str:
		self._expect("(")
		token = self._peek()
		if token.kind != "word" or token.text not in allowed:
			raise self._error(
				_("“{name}” is not known here.", name=token.text[:40]), names=tuple(allowed)
			)
		self._next += 1
		self._expect(")")
		return allowed[token.text]

	def _peek(self) -> _Token:
		return self._tokens[self._next]

	def _take(self, text: str) -> bool:
		token = self._peek()
		if token.text != text or token.kind == "text":
			return False
		self._next += 1
		return True

	def _expect(self, text: str) -> None:
		if not self._take(text):
			raise self._error(_("Here “{text}” should stand.", text=text))

	def _error(self, reason: str, names: tuple[str, ...] = ()) -> RuleError:
		remedy = (
			_("Use one of {names}.", names=", ".join(names))
			if names
			else _("An example: value between 0 and 100 and change(value) <= 20 %.")
		)
		return RuleError(reason, remedy, field=self._field, position=self._peek().at)

	def _scan(self) -> list[_Token]:
		tokens: list[_Token] = []
		at, text = 0, self._text
		while at < len(text):
			start = at
			if text[at].isspace():
				at += 1
				continue
			if text[at] == '"':
				literal, at = self._scan_text(at)
				tokens.append(_Token("text", literal, start))
				continue
			if text[at].isascii() and (text[at].isdigit() or text[at] in "+-."):
				at = self._scan_number(at)
				tokens.append(_Token("number", text[start:at], start))
				continue
			if text[at].isascii() and text[at].isalpha():
				while (
					at < len(text)
					and text[at].isascii()
					and (text[at].isalnum() or text[at] == "_")
				):
					at += 1
				tokens.append(_Token("word", text[start:at].lower(), start))
				continue
			sign = text[at : at + 2] if text[at : at + 2] in ("<=", ">=", "!=") else text[at]
			if sign not in ("<", ">", "=", "<=", ">=", "!=", "(", ")", ",", "%", ":"):
				raise RuleError(
					_("“{sign}” has no meaning in a rule.", sign=sign),
					_("Use words, numbers, comparisons and texts in quotation marks."),
					field=self._field,
					position=at,
				)
			at += len(sign)
			tokens.append(_Token("sign", sign, start))
		tokens.extend([_Token("end", "", len(text))] * 2)
		return tokens

	def _scan_text(self, at: int) -> tuple[str, int]:
		found: list[str] = []
		start, at, text = at, at + 1, self._text
		while at < len(text) and text[at] != '"':
			if text[at] == "\\" and at + 1 < len(text):
				at += 1
			found.append(text[at])
			at += 1
		literal = "".join(found)
		if at >= len(text) or not literal.isprintable():
			raise RuleError(
				_("The text is not closed or holds a control character."),
				_('Write it as "…"; inside, put \\ before " and \\.'),
				field=self._field,
				position=start,
			)
		return literal, at + 1

	def _scan_number(self, at: int) -> int:
		"""The end of `[+-]digits[.digits]`; anything else that begins like a number is refused."""
		start, text = at, self._text
		at += text[at] in "+-"
		digits = at
		while at < len(text) and text[at].isascii() and text[at].isdigit():
			at += 1
		whole = at - digits
		if at < len(text) and text[at] == ".":
			point = at = at + 1
			while at < len(text) and text[at].isascii() and text[at].isdigit():
				at += 1
			whole = whole and at - point
		if not whole or (at < len(text) and (text[at].isalnum() or text[at] in "._")):
			raise RuleError(
				_("This is not a number."),
				_("Write it as 12 or -0.5, with a point and without an exponent."),
				field=self._field,
				position=start,
			)
		return at
