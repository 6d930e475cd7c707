"""Writes `docs/glossary.md` from `docs/glossary.yaml`: `python -m tools.glossary`."""

from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent.parent / "docs"
SOURCE, TARGET = DOCS / "glossary.yaml", DOCS / "glossary.md"


def terms() -> list[dict[str, str]]:
	"""Terms with meaning, and label and elsewhere where they have them. Raises ValueError."""
	found: list[dict[str, str]] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
	for entry in found:
		if not {"term", "meaning"} <= set(entry) <= {"term", "meaning", "label", "elsewhere"}:
			raise ValueError(
				f"{entry.get('term', entry)!r} needs term and meaning, and may have more"
			)
	names = [entry["term"].lower() for entry in found]
	if twice := {name for name in names if names.count(name) > 1}:
		raise ValueError(f"given twice: {sorted(twice)}")
	return found


def document() -> str:
	lines = [
		"# Glossary",
		"",
		"One word per thing, in code, on the wire and on pages. Generated from `glossary.yaml` by",
		"`python -m tools.glossary`; edit that file.",
		"",
		"| Term | Meaning | Elsewhere |",
		"| --- | --- | --- |",
	]
	for entry in sorted(terms(), key=lambda one: one["term"].lower()):
		cells: list[Any] = [f"**{entry['term']}**", entry["meaning"], entry.get("elsewhere", "")]
		lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
	return "\n".join(lines) + "\n"


if __name__ == "__main__":
	TARGET.write_text(document(), encoding="utf-8")
