"""How commands speak: tables for people, JSON for programs, one sentence for a failure."""

import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson


class Failure(Exception):
	"""A command cannot do its work: one sentence, what to do about it, and the exit code."""

	def __init__(self, sentence: str, remedy: str = "", code: int = 1) -> None:
		super().__init__(f"{sentence} {remedy}".strip())
		self.sentence = sentence
		self.remedy = remedy
		self.code = code


def fail(sentence: str, remedy: str = "", code: int = 1) -> NoReturn:
	"""Prints the sentence and the remedy to standard error and ends with a code that is not 0."""
	print(f"apg: {sentence} {remedy}".rstrip(), file=sys.stderr)
	sys.exit(code)


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str = "nothing") -> None:
	"""A table, or with `as_json` a JSON array."""
	if as_json:
		print_json(list(rows))
		return
	if not rows:
		print(empty)
		return
	names = list(rows[0])
	table = [[name.replace("_", " ") for name in names]]
	table += [[_text(row.get(name)) for name in names] for row in rows]
	widths = [max(_width(line[n]) for line in table) for n in range(len(names))]
	for line in table:
		cells = (
			cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
		)
		print("  ".join(cells).rstrip())


def print_json(value: Any) -> None:
	"""The value as JSON; what JSON does not know is written as text."""
	print(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode())


def _text(value: Any) -> str:
	if value is None or value == "":
		return "–"
	if isinstance(value, (list, tuple, set, frozenset)):
		return ", ".join(str(item) for item in value) or "–"
	return " ".join(str(value).split())


def _width(text: str) -> int:
	"""Columns of a terminal: a wide letter takes two, a combining mark none."""
	return sum(
		0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
		for char in text
	)
