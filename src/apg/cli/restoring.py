"""`apg restore`: an empty home and database filled from a backup, and looked at afterwards."""

import asyncio
from pathlib import Path

from apg.cli.backing_up import Progress, fingerprints_of
from apg.cli.explaining import explained, free_bytes, no_space
from apg.cli.home import (
	RESTORING,
	ROOM,
	database_of,
	prepare_home,
	read_settings,
	sole_supervisor,
)
from apg.cli.output import Failure
from apg.kernel.backup import DATABASE, FILES, Archive, BackupProblem
from apg.kernel.composition import Composition
from apg.kernel.keys import RootKey
from apg.kernel.private_files import write_private
from apg.kernel.settings import Settings

# What an empty home may hold: the secret, and an empty database, which is looked at as well.
HARMLESS = {
	RESTORING,  # told better by whoever prepares the home
	"secret",
	"logs",
	"postgres",
	"postgres.json",
	"postgres.lock",
	".in-use.lock",
	"run.lock",
}


def bring_back(file: str) -> int:
	"""0 when all is back and nothing is to mend; 1 when the trail or the doctor finds something."""
	from apg.app import composition
	from apg.cli.doctor import examine
	from apg.cli.verifying import verify_audit

	settings = read_settings()
	home = settings.home.expanduser().absolute()
	settings = settings.model_copy(update={"home": home})
	progress = Progress()
	with explained(settings):
		with Archive.opened(Path(file).absolute(), progress) as archive:
			settings = _with_given_secret(settings, archive)
			whole = composition()
			_refuse_newer(archive, whole)
			_refuse_full(settings, archive)
			prepare_home(settings)
			with sole_supervisor(home, "a restore"), database_of(settings, home) as complete:
				_refuse_used(complete, archive)
				_fill(complete, archive, whole, progress)
				progress.end()
				_told(archive)
				print("\nThe trail:\n", flush=True)
				trail = verify_audit(tenant="", witness="", as_json=False)
				print("\nThe doctor:\n", flush=True)
				return max(trail, examine(as_json=False))


def _with_given_secret(settings: Settings, archive: Archive) -> Settings:
	"""The root secret that is there already; none is made, for only the old one opens the data."""
	wanted = archive.manifest.keys
	path = settings.home / "secret"
	text = settings.secret_key or (path.read_text("utf-8").strip() if path.is_file() else "")
	remedy = f"Set APG_SECRET_KEY to that one, or put it into {path}."
	if not text:
		raise Failure(f"The backup needs the root secret {wanted.root}, and none is set.", remedy)
	settings = settings.model_copy(update={"secret_key": text})
	root, encryption = fingerprints_of(settings)
	if root != wanted.root:
		raise Failure(
			f"The backup was made under the root secret {wanted.root}, and this one is {root}.",
			remedy,
		)
	if wanted.encryption and encryption != wanted.encryption:
		raise Failure(
			f"The backup was made with an APG_ENCRYPTION_KEY {wanted.encryption}, and "
			f"{f'this one is {encryption}' if encryption else 'none is set'}.",
			"Set APG_ENCRYPTION_KEY to that one.",
		)
	return settings


def _refuse_newer(archive: Archive, whole: Composition) -> None:
	from apg.kernel.migrating import unknown_steps

	if newer := unknown_steps(whole, archive.manifest.versions):
		raise Failure(
			f"The backup is newer than this program: {', '.join(newer)}, which is unknown here.",
			f"Install version {archive.manifest.product} or a newer one.",
		)


def _refuse_full(settings: Settings, archive: Archive) -> None:
	home = settings.home
	found = {one.name for one in home.iterdir()} if home.is_dir() else set[str]()
	if held := sorted(found - HARMLESS):
		raise Failure(
			f"{home} is not empty: there is {', '.join(held[:4])}.",
			"Set APG_HOME to a folder that holds nothing but the root secret, and start again.",
		)
	members = archive.manifest.members
	needed = members[FILES].bytes
	if not settings.database_url:
		needed += ROOM + 10 * members[DATABASE].bytes  # the dump is compressed, and has no indexes
	if free_bytes(home) < needed:
		raise no_space(home)


def _refuse_used(settings: Settings, archive: Archive) -> None:
	import psycopg

	from apg.kernel.backup import is_empty

	with psycopg.connect(settings.database_admin_url, connect_timeout=5) as connection:
		if not is_empty(connection):
			raise Failure(
				"The database is not empty.",
				"Name an empty one in APG_DATABASE_URL, made by createdb.",
			)
		major = connection.info.server_version // 10_000
	if major < archive.manifest.server:
		raise Failure(
			f"The backup was read from PostgreSQL {archive.manifest.server}, and this is {major}.",
			f"Restore into PostgreSQL {archive.manifest.server} or newer.",
		)


def _fill(settings: Settings, archive: Archive, whole: Composition, progress: Progress) -> None:
	from apg.embedded import binaries
	from apg.kernel import backup
	from apg.kernel.migrating import migrate, prepare_empty

	root = RootKey.parse(settings.secret_key)
	marker = settings.home / RESTORING
	write_private(marker, {"backup": str(archive.path)})
	untouched = True
	try:
		pg_restore = binaries.find_program("pg_restore", archive.manifest.dumped_by)[0]
		prepare_empty(settings.database_admin_url, root)
		backup.put_back_database(archive, settings.database_admin_url, pg_restore, progress)
		untouched = False
		backup.put_back_files(archive, settings.home, progress)
		done = migrate(settings.database_admin_url, whole, root)
		asyncio.run(_settle(settings))
	except BackupProblem:
		if untouched:  # nothing is there that a second attempt would meet
			marker.unlink(missing_ok=True)
		raise
	marker.unlink()
	if done:
		print("Migrated: " + "; ".join(done), flush=True)


async def _settle(settings: Settings) -> None:
	"""Reads to its end what the backup caught between a writer and its readers, seals and witnesses."""
	from apg.cli.tenants import running
	from apg.kernel.relay import Relay
	from apg.kernel.sealing import Sealer

	async with running(settings) as runtime:
		relay = Relay(runtime, runtime.state["authenticator"].principal_of)
		await relay.register()
		while await relay.drain():
			pass
		stopped = asyncio.Event()
		stopped.set()
		await Sealer(runtime).run(stopped)


def _told(archive: Archive) -> None:
	manifest = archive.manifest
	print(
		f"Restored what was written at {manifest.made_at}: {sum(manifest.tables.values()):,} rows of "
		f"{len(manifest.tables)} tables, {manifest.files:,} files."
	)
