"""How commands speak: tables for people, JSON for programs, one sentence for a failure."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import orjson


class Failure(Exception):
	"""A command cannot do its work: one sentence, and what to do about it."""

	def __init__(self, sentence: str, remedy: str = "") -> None:
		super().__init__(f"{sentence} {remedy}".strip())
		self.sentence = sentence
		self.remedy = remedy


def fail(sentence: str, remedy: str = "", code: int = 1) -> NoReturn:
	"""Prints the sentence and the remedy to standard error and ends with a code that is not 0."""
	print(f"apg: {sentence} {remedy}".rstrip(), file=sys.stderr)
	sys.exit(code)


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str = "nothing") -> None:
	"""A table, or with `as_json` a JSON array."""
	if as_json:
		print(orjson.dumps(list(rows), default=str, option=orjson.OPT_INDENT_2).decode())
		return
	if not rows:
		print(empty)
		return
	names = list(rows[0])
	table = [[_text(row.get(name)) for name in names] for row in rows]
	widths = [max(len(name), *(len(line[n]) for line in table)) for n, name in enumerate(names)]
	print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
	for line in table:
		print(
			"  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
		)


def _text(value: Any) -> str:
	if value is None:
		return "–"
	if isinstance(value, (list, tuple, set, frozenset)):
		return ", ".join(str(item) for item in value)
	return str(value)


@contextmanager
def explained() -> Generator[None]:
	"""Turns the failures that a person can mend into a Failure."""
	from apg.embedded.errors import EmbeddedError
	from apg.kernel.composition import CompositionError
	from apg.kernel.errors import AppError
	from apg.kernel.keys import SecretProblem
	from apg.kernel.migrating import MigrationProblem

	told: tuple[type[Exception], ...] = (EmbeddedError, MigrationProblem, SecretProblem)
	try:
		yield
	except told as error:
		raise Failure(getattr(error, "sentence"), getattr(error, "remedy")) from error  # noqa: B009
	except CompositionError as error:
		raise Failure(
			"The capabilities do not fit together:\n  " + "\n  ".join(error.problems)
		) from error
	except AppError as error:
		more = "; ".join(f"{p.field}: {p.message}" for p in error.problems)
		raise Failure(f"{error.message}{' – ' + more if more else ''}") from error


def attempt(call: Callable[[], Any]) -> Any:
	"""Runs a call with its failures explained."""
	with explained():
		return call()
