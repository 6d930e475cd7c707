"""`apg new-capability`: what it writes keeps the rules; what cannot be is refused and nothing written."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from tools.lint.rules import RULES, template_findings

from apg.cli.output import Failure
from apg.cli.starting import FILES, LONGEST, write_capability
from tests.cli.commands import refused, run


@pytest.mark.parametrize("name", ["x", "tool-crib", "b" * LONGEST])
def test_what_it_writes_is_clean(tmp_path: Path, name: str) -> None:
	written = write_capability(name, tmp_path)
	assert len(written) == len(FILES)
	root = tmp_path / f"apg-{name}"
	for words in (("format", "--check"), ("check",)):
		done = subprocess.run(
			[sys.executable, "-m", "ruff", *words, "--no-cache", str(root)],
			capture_output=True,
			text=True,
		)
		assert done.returncode == 0, done.stdout + done.stderr
	for path in written:
		text = path.read_text("utf-8")
		assert "$" not in text, path
		if path.suffix == ".py":
			tree = ast.parse(text)
			assert [finding for rule in RULES for finding in rule(path, tree)] == []
		elif path.suffix == ".html":
			assert list(template_findings(path)) == []


def test_the_command_says_what_to_do_next(tmp_path: Path) -> None:
	done = run("new-capability", "tool-crib", "--into", str(tmp_path))
	assert done.returncode == 0, done.stderr
	assert f"pip install -e {tmp_path}/apg-tool-crib" in done.stdout
	assert (tmp_path / "apg-tool-crib/src/apg_tool_crib/blueprint.py").is_file()
	again = run("new-capability", "tool-crib", "--into", str(tmp_path))
	refused(again, "exists already", "--into")


@pytest.mark.parametrize(
	"name", ["", "Tool", "tool_crib", "-tool", "tool--crib", "1st", "../tool", "b" * (LONGEST + 1)]
)
def test_a_name_that_cannot_be_writes_nothing(tmp_path: Path, name: str) -> None:
	with pytest.raises(Failure, match="cannot be the name"):
		write_capability(name, tmp_path)
	assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plm", "esg", "webhooks", "plm-tools"])
def test_a_name_that_is_taken_writes_nothing(tmp_path: Path, name: str) -> None:
	with pytest.raises(Failure, match="is taken by"):
		write_capability(name, tmp_path)
	assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told() -> None:
	refused(run("new-capability", "tool-crib", "--into", "/proc/none"), "cannot be written")
