"""What stands on a printed sheet, as plain data: drawn elsewhere, in a process without secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["", "muted", "strong", "added", "removed", "small"]


@dataclass(frozen=True, slots=True)
class Said:
	"""A piece of text; `added` is underlined and `removed` struck, beside their colours."""

	text: str
	tone: Tone = ""


# One cell or paragraph: pieces in a row; a newline in a piece begins a new line.
Words = tuple[Said, ...]


def words(text: object, tone: Tone = "") -> Words:
	"""One piece; an em dash for nothing."""
	return (Said("—" if text is None or text == "" else str(text), tone),)


@dataclass(frozen=True, slots=True)
class Heading:
	text: str
	level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
	words: Words
	boxed: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
	"""Names and what is said under each."""

	rows: tuple[tuple[str, Words], ...]


@dataclass(frozen=True, slots=True)
class Table:
	"""`widths` are shares of the width of the page; `numbers` the places of right-aligned columns."""

	headings: tuple[str, ...]
	rows: Sequence[tuple[Words, ...]]
	widths: tuple[float, ...]
	numbers: frozenset[int] = frozenset()


Block = Heading | Paragraph | Facts | Table


@dataclass(frozen=True, slots=True)
class Sheet:
	"""A whole paper. `name` is that of the file; `foot` stands on every page beside `page`, a sentence
	with {n} and {m}."""

	name: str
	title: str
	author: str
	foot: str
	page: str
	language: str
	blocks: list[Block] = field(default_factory=list[Block])
