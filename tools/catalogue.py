"""Collects every visible text into `src/apg/ui/locales/apg.pot`: `python -m tools.catalogue`.

Translators start from it: `pybabel init -i src/apg/ui/locales/apg.pot -d src/apg/ui/locales -D apg
-l de`, translate, `pybabel compile -d src/apg/ui/locales -D apg`. `--check` fails when it is not
current. Texts are English sentences; a text that changes is a new text.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "apg"
POT = SOURCE / "ui" / "locales" / "apg.pot"
# Calls whose texts people read, with the place of the text among the arguments.
KEYWORDS: dict[str, Any] = {
	"_": None,
	"N_": None,
	"Column": (2,),
	"Filter": (2,),
	"MenuEntry": (1,),
	"HomeCard": (1,),
	"Role": (2,),
	"SearchProvider": (1,),
	"Permission": (4,),
	"human": (2,),
}
# Names of classes and manifests, which are translated where they are shown.
ATTRIBUTES = ("__human__", "title")


def texts(source: Path = SOURCE) -> Iterator[tuple[str, str]]:
	"""(file below the root, text), in the order of files."""
	for path in sorted((*source.rglob("*.py"), *source.rglob("*.html"))):
		if {"migrations", "node_modules", "dist"} & set(path.parts):
			continue
		place = path.relative_to(ROOT).as_posix()
		if path.suffix == ".html":
			options = {"trimmed": "true", "extensions": "jinja2.ext.do,jinja2.ext.loopcontrols"}
			found = extract_from_file("jinja2.ext:babel_extract", path, KEYWORDS, (), options)
		else:
			found = extract_from_file("python", path, KEYWORDS)
		for _line, message, _comments, _context in found:
			text = message if isinstance(message, str) else next(filter(None, message), "")
			if text and any(letter.isalpha() for letter in text):
				yield place, text
		if path.suffix == ".py":
			for text in _named(ast.parse(path.read_bytes())):
				yield place, text


def _named(tree: ast.Module) -> Iterator[str]:
	"""Texts of `__human__ = …`, of error titles, and of headings of the menu."""
	for node in ast.walk(tree):
		if isinstance(node, ast.ClassDef):
			for statement in node.body:
				yield from _assigned(statement, ATTRIBUTES)
		elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "MenuEntry":
			yield from (
				_text(k.value) for k in node.keywords if k.arg == "group" and _text(k.value)
			)
			yield from (_text(argument) for argument in node.args[4:5] if _text(argument))
		elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Capability":
			wanted = ("title", "description")
			yield from (_text(k.value) for k in node.keywords if k.arg in wanted and _text(k.value))
	for statement in tree.body:
		yield from _assigned(statement, ("GROUP",))


def _assigned(statement: ast.stmt, names: tuple[str, ...]) -> Iterator[str]:
	pairs: list[tuple[ast.expr, ast.expr]] = []
	if isinstance(statement, ast.Assign):
		target, value = statement.targets[0], statement.value
		if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
			pairs = list(zip(target.elts, value.elts, strict=False))
		else:
			pairs = [(target, value)]
	elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
		pairs = [(statement.target, statement.value)]
	for target, value in pairs:
		if isinstance(target, ast.Name) and target.id in names and _text(value):
			yield _text(value)


def _text(node: ast.expr) -> str:
	return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def catalogue() -> bytes:
	"""The template as a file; the same sources give the same bytes."""
	made = Catalog(
		project="APG",
		version="1.0",
		copyright_holder="The APG founders",
		msgid_bugs_address="",
		creation_date=datetime(2026, 1, 1, tzinfo=UTC),
		charset="utf-8",
	)
	for place, text in texts():
		made.add(text, locations=[(place, 0)])
	out = BytesIO()
	write_po(out, made, sort_output=True, include_lineno=False, width=100)
	lines = out.getvalue().splitlines(keepends=True)
	return b"".join(line for line in lines if not line.startswith(b'"Generated-By'))


def main() -> int:
	arguments = argparse.ArgumentParser(description=__doc__)
	arguments.add_argument("--check", action="store_true", help="fail when it is not current")
	made = catalogue()
	if arguments.parse_args().check:
		if POT.exists() and POT.read_bytes() == made:
			return 0
		print("The catalogue is not current. Run: python -m tools.catalogue", file=sys.stderr)
		return 1
	POT.parent.mkdir(exist_ok=True)
	POT.write_bytes(made)
	return 0


if __name__ == "__main__":
	raise SystemExit(main())
