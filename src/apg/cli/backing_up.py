"""`apg backup`: everything but the root secret, in one file, while everything runs on."""

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from apg.cli.explaining import explained
from apg.cli.home import installation, read_settings
from apg.cli.output import Failure, print_json
from apg.kernel.keys import RootKey
from apg.kernel.settings import Settings

SECONDS = 1.0


class Progress:
	"""Says on standard error what is done: one line that changes, or on no terminal now and then."""

	def __init__(self) -> None:
		self.live = sys.stderr.isatty()
		self.seconds = SECONDS if self.live else 10 * SECONDS
		self._said, self._last = time.monotonic(), ""

	def __call__(self, what: str, done: int) -> None:
		if time.monotonic() - self._said < self.seconds:
			return
		self._said = time.monotonic()
		self._last = f"{what}: {done / 1e6:,.1f} MB"
		print(
			f"\r{self._last:<40}" if self.live else self._last,
			end="" if self.live else "\n",
			file=sys.stderr,
			flush=True,
		)

	def end(self) -> None:
		if self.live and self._last:
			print(f"\r{'':<40}\r", end="", file=sys.stderr, flush=True)


def fingerprints_of(settings: Settings) -> tuple[str, str | None]:
	"""Of the root secret, and of APG_ENCRYPTION_KEY where one is set."""
	given = settings.encryption_key
	return (
		RootKey.parse(settings.secret_key).fingerprint,
		RootKey.parse(given, "APG_ENCRYPTION_KEY").fingerprint if given else None,
	)


def back_up(file: str, *, as_json: bool) -> None:
	"""`apg backup`."""
	settings = read_settings()
	home = settings.home.expanduser().absolute()
	if not settings.database_url and not (home / "postgres.json").exists():
		raise Failure(
			f"There is no installation in {home}.", "Set APG_HOME, or APG_DATABASE_URL, to yours."
		)
	target = Path(file).absolute()
	if not target.parent.is_dir():
		raise Failure(f"There is no folder {target.parent}.", "Make it first.")
	with installation() as complete:
		told = _take(complete, target)
	if as_json:
		print_json(told)
		return
	print(
		f"{target}: {told['bytes'] / 1e6:,.1f} MB, {told['rows']:,} rows of {told['tables']} tables, "
		f"{told['files']:,} files."
	)
	if told["files_missing"]:
		print(f"{told['files_missing']:,} files that rows name were not there.")
	print(f"It needs the root secret {told['root']}, which is not in it: keep that elsewhere.")


def _take(settings: Settings, target: Path) -> dict[str, Any]:
	import psycopg

	from apg.embedded import binaries
	from apg.kernel import backup
	from apg.kernel.database import role_url
	from apg.kernel.roles import role_password

	root = RootKey.parse(settings.secret_key)
	url = role_url(settings, "apg_backup", role_password(root, "apg_backup"), direct=True)
	progress = Progress()
	with explained(settings):
		with psycopg.connect(url, connect_timeout=5, application_name="apg backup") as connection:
			major = connection.info.server_version // 10_000
		pg_dump = binaries.find_program("pg_dump", major)
		try:
			manifest = backup.take(
				target,
				settings.home,
				url,
				pg_dump,
				fingerprints_of(settings),
				version("apg"),
				progress,
			)
		finally:
			progress.end()
	return {
		"file": str(target),
		"bytes": target.stat().st_size,
		"made_at": manifest.made_at,
		"tables": len(manifest.tables),
		"rows": sum(manifest.tables.values()),
		"files": manifest.files,
		"files_missing": manifest.files_missing,
		"root": manifest.keys.root,
		"versions": manifest.versions,
	}
