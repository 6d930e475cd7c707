"""ISO 10303-21 exchange files as statements: one pass over the bytes, nothing kept but what is asked for.

Source: ISO 10303-21:2016, clause 5 (basic alphabet, tokens, control directives of strings) and 9
(the data section).
"""

import mmap
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

INSTANCES = 5_000_000
LONGEST = 4_000_000  # bytes of one statement; geometry may have long lists of references
DEPTH = 32  # brackets within brackets of a statement that is read
_STATEMENT = re.compile(rb"(?:[^';/]++|'[^']*+'|/\*(?:[^*]++|\*(?!/))*+\*/|/(?!\*))*+;")
_GAP = rb"(?:\s|/\*.*?\*/)*+"
_HEAD = re.compile(
	_GAP
	+ rb"#(\d{1,18})"
	+ _GAP
	+ rb"="
	+ _GAP
	+ rb"(?:([A-Za-z_][A-Za-z0-9_]*+)"
	+ _GAP
	+ rb")?+\(",
	re.DOTALL,
)
_TOKEN = re.compile(
	r"\s*+(?:/\*.*?\*/\s*+)*+(?:'((?:[^']|'')*+)'|#(\d{1,18})|([A-Za-z_!][A-Za-z0-9_-]*+)|"
	r"([-+]?\d[\d.]*+(?:[Ee][-+]?\d+)?+)|(\.[A-Za-z0-9_]*+\.)|([(),$*])|\"[0-9A-F]*+\")",
	re.DOTALL,
)
_DIRECTIVE = re.compile(
	r"\\X2\\((?:[0-9A-Fa-f]{4})*)\\X0\\|\\X4\\((?:[0-9A-Fa-f]{8})*)\\X0\\|\\X\\([0-9A-Fa-f]{2})"
	r"|\\S\\(.)|\\P([A-I])\\|\\([NT])\\|(\\\\)|('')",
	re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Reference:
	"""A pointer to another instance."""

	id: int


Value = str | float | Reference | None | list["Value"]


@dataclass(frozen=True, slots=True)
class Instance:
	"""One simple instance, or one part of a complex one; `parameters` as they stand."""

	id: int
	name: str
	parameters: list[Value]
	line: int

	def text(self, index: int) -> str:
		value = self.parameters[index] if index < len(self.parameters) else None
		return value.strip() if isinstance(value, str) else ""

	def reference(self, index: int) -> int | None:
		value = self.parameters[index] if index < len(self.parameters) else None
		return value.id if isinstance(value, Reference) else None

	def references(self, index: int) -> list[int]:
		value = self.parameters[index] if index < len(self.parameters) else None
		return (
			[each.id for each in value if isinstance(each, Reference)]
			if isinstance(value, list)
			else []
		)


def instances(path: Path, names: Collection[str]) -> Iterator[Instance]:
	"""The instances of these entities, in the order of the file. Raises Unreadable.

	The file is mapped, not read; memory is that of one statement.
	"""
	wanted = {name.encode() for name in names}
	with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
		start = text.find(b"DATA")
		if not re.match(rb"\s*ISO-10303-21\s*;", text[:200]) or start < 0:
			raise _damaged(_("It has no data section."))
		position, count, line, counted = 0, 0, 1, 0
		while match := _STATEMENT.match(text, position):
			begin, position = position, match.end()
			if position - begin > LONGEST:
				raise _damaged(_("A statement has more than {n} bytes.", n=LONGEST))
			head = _HEAD.match(text, begin, position)
			if head is None:
				continue
			count += 1
			if count > INSTANCES:
				raise Unreadable(
					_("The file has more than {n} instances.", n=INSTANCES),
					_("Export the assembly structure without geometry, or split the assembly."),
				)
			name = head[2]
			if name is not None and name.upper() not in wanted:
				continue
			if name is None and not any(each in match[0] for each in wanted):
				continue
			line += text[counted : head.start(1)].count(b"\n")
			counted = head.start(1)
			yield from _parsed(head, text[head.end() - 1 : position - 1], wanted, line)
		if text[position:].strip() or not re.search(rb"END-ISO-10303-21\s*;\s*$", text[-200:]):
			raise _damaged(_("It ends in the middle."))


def _parsed(
	head: "re.Match[bytes]", body: bytes, wanted: set[bytes], line: int
) -> Iterator[Instance]:
	number = int(head[1])
	try:
		text = body.decode("utf-8")
	except UnicodeDecodeError:
		text = body.decode("latin-1")
	if head[2] is not None:
		yield Instance(number, head[2].decode().upper(), _parameters(text, number), line)
		return
	# A complex instance: ( A(…) B(…) ), each part with its own parameters.
	values = _parameters(text, number)
	for name, given in zip(values[::2], values[1::2], strict=False):
		if isinstance(name, _Word) and name.upper().encode() in wanted and isinstance(given, list):
			yield Instance(number, name.upper(), given, line)


class _Word(str):
	"""A keyword before brackets, told apart from a text."""

	__slots__ = ()


def _parameters(text: str, number: int) -> list[Value]:
	"""The values within the outer brackets; no recursion, whatever is nested."""
	stack: list[list[Value]] = []
	position, root = 0, list[Value]()
	while position < len(text) and (token := _TOKEN.match(text, position)):
		position = token.end()
		string, reference, word, digits, enumeration, sign = token.groups()
		if sign == "(":
			inner: list[Value] = []
			if stack:
				stack[-1].append(inner)
			else:
				root = inner
			stack.append(inner)
			if len(stack) > DEPTH:
				raise _damaged(
					_("#{n} has brackets nested deeper than {depth}.", n=number, depth=DEPTH)
				)
		elif sign == ")":
			if not stack:
				break
			stack.pop()
			if not stack:
				return root
		elif not stack or sign == ",":
			continue
		elif string is not None:
			stack[-1].append(decoded(string))
		elif reference is not None:
			stack[-1].append(Reference(int(reference)))
		elif digits is not None:
			stack[-1].append(_number(digits))
		elif word is not None:
			stack[-1].append(_Word(word))
		elif enumeration is not None:
			stack[-1].append(enumeration)
		else:
			stack[-1].append(None)
	raise _damaged(_("#{n} cannot be read.", n=number))


def _number(text: str) -> float:
	try:
		return float(text)
	except ValueError:
		return float("nan")


def decoded(text: str) -> str:
	"""A string without its control directives (clause 6.4.3): `\\X2\\00E9\\X0\\` is é."""
	if "\\" not in text and "''" not in text:
		return text
	page = "iso8859_1"

	def replaced(match: "re.Match[str]") -> str:
		nonlocal page
		two, four, one, shifted, chosen, control, slash, _quote = match.groups()
		if two is not None:
			return bytes.fromhex(two).decode("utf-16-be", "replace")
		if four is not None:
			return bytes.fromhex(four).decode("utf-32-be", "replace")
		if one is not None:
			return bytes.fromhex(one).decode("latin-1")
		if shifted is not None:
			return bytes([ord(shifted) % 128 + 128]).decode(page, "replace")
		if chosen is not None:
			page = f"iso8859_{ord(chosen) - 64}"
			return ""
		if control is not None:
			return " "
		return "\\" if slash else "'"

	return _DIRECTIVE.sub(replaced, text)


def _damaged(reason: str) -> Unreadable:
	return Unreadable(
		_("The STEP file cannot be read. {reason}", reason=reason),
		_("Export it again and check it."),
	)
