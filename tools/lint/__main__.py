"""Runs every rule over the sources and templates; exit code 1 when one is broken."""

import ast
import sys
from pathlib import Path

from tools.lint.rules import LONG, RULES, Finding, cycle_of_features, kernel_size, template_findings


def check(root: Path) -> list[Finding]:
	"""All findings below a checkout."""
	found: list[Finding] = []
	for folder in ("src", "tools", "benchmarks", "examples"):
		for path in sorted((root / folder).glob("**/*.py")):
			if "node_modules" in path.parts or ".venv" in path.parts:
				continue
			tree = ast.parse(path.read_text("utf-8"))
			for rule in RULES:
				found.extend(rule(path, tree))
	for folder in ("src", "examples"):
		for path in sorted((root / folder).glob("**/templates/**/*.html")):
			found.extend(template_findings(path))
	found.extend(cycle_of_features(root))
	found.extend(kernel_size(root))
	return found


def main() -> int:
	root = Path(__file__).resolve().parent.parent.parent
	found = check(root)
	for finding in found:
		print(finding)
	long = [
		path
		for path in (root / "src").glob("**/*.py")
		if len(path.read_text("utf-8").splitlines()) > LONG and "migrations" not in path.parts
	]
	for path in sorted(long):
		print(f"note: {path.relative_to(root)} is over {LONG} lines")
	return 1 if found else 0


if __name__ == "__main__":
	sys.exit(main())
