"""`docs/security.md` claims nothing without a test that exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_every_named_test_exists() -> None:
	assert len(NAMED) > 40
	known = {
		path: {
			node.name
			for node in ast.walk(ast.parse((ROOT / path).read_bytes()))
			if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
		}
		for path in {path for path, _name in NAMED}
	}
	assert [f"{path}::{name}" for path, name in NAMED if name not in known[path]] == []


def test_every_line_of_a_table_has_its_proof() -> None:
	lines = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
	unproved = [line for line in lines if "::" not in line and line != "| refused | proof |"]
	assert unproved == []
