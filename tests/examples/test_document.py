"""`docs/writing-a-capability.md` shows the code of the example as it is."""

import re

from tests.examples.installing import ROOT

DOCUMENT = ROOT / "docs" / "writing-a-capability.md"
EXAMPLE = ROOT / "examples" / "apg-calibration"
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)


def test_every_block_of_code_is_taken_from_the_example() -> None:
	blocks = _BLOCK.findall(DOCUMENT.read_text("utf-8"))
	taken = [(title, code) for language, title, code in blocks if language != "sh"]
	assert len(taken) >= 10
	for title, code in taken:
		assert title, code
		assert code in (EXAMPLE / title).read_text("utf-8") + "\n", (title, code)


def test_every_command_it_names_exists() -> None:
	from typer.main import get_command

	from apg.cli import app

	known = set(get_command(app).commands)  # type: ignore[attr-defined]
	named = set(re.findall(r"\bapg ([a-z-]+)\b(?=[` \n])", DOCUMENT.read_text("utf-8")))
	assert {"migrate", "doctor", "new-capability", "serve"} <= named
	assert named <= known | {"run"}


def test_names_in_it_are_names_of_the_product() -> None:
	text = DOCUMENT.read_text("utf-8")
	for path in re.findall(r"\]\(\.\./([^)]+)\)", text) + re.findall(r"`(tests/[^`]+)`", text):
		assert (ROOT / path).exists(), path
