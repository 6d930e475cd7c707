"""A backup: one file with the database, the files, the witness, and which keys they need.

The file is a ZIP whose members are stored as they are: `witness.tar`, `files.tar`, `database.dump`
(the custom format of pg_dump) and, written last, `manifest.json` with length and SHA-256 of the
others, where every history of migrations stands, the rows of every table and the fingerprints of
keys. The root secret is never in it. A file that was cut has no directory and so is none.

The witness is copied before the database is read, so that it never names a head which the database
of the backup lacks; rows, files and versions are those of one snapshot, read as `apg_backup`.
"""

import hashlib
import os
import re
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import BaseModel, ConfigDict, ValidationError

from apg.kernel.sealing import Witness
from apg.kernel.stamps import utc_now
from apg.kernel.uploads import folder_of

FORMAT = 1
WITNESS, FILES, DATABASE, MANIFEST = "witness.tar", "files.tar", "database.dump", "manifest.json"
CHUNK = 2**20
LONGEST_MANIFEST = 16 * 2**20
LOCK_MILLISECONDS = 60_000  # a migration under way is waited for no longer
_FILE = re.compile(r"([0-9a-f-]{36})/([0-9a-f]{2})/(\2[0-9a-f]{62})")
_WITNESS = re.compile(r"heads(-\d{6,})?\.jsonl")
# A number of a transaction without an epoch tells running processes of the old server something.
_OF_A_SERVER = """select c.relname from pg_class c
	where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
	and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'xid')
	and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'epoch')"""
# What the preparation of a database has made already, as the administrator.
_MADE = re.compile(r"^\d+; \d+ \d+ (EXTENSION -|COMMENT - EXTENSION|\S+ - SCHEMA public|SCHEMA -) ")

Progress = Callable[[str, int], None]
"""Told what is under way and how many bytes of it are done."""


class BackupProblem(Exception):
	"""A backup cannot be made or put back: what, and what to do about it."""

	def __init__(self, sentence: str, remedy: str) -> None:
		super().__init__(f"{sentence} {remedy}")
		self.sentence, self.remedy = sentence, remedy


class Member(BaseModel):
	"""One member of the archive: its length in bytes and its SHA-256 in hexadecimal."""

	model_config = ConfigDict(extra="forbid", frozen=True)

	bytes: int
	sha256: str


class Keys(BaseModel):
	"""Which keys the data need: fingerprints, ids of signing keys by purpose, never a key."""

	model_config = ConfigDict(extra="forbid", frozen=True)

	root: str
	encryption: str | None
	signing: dict[str, list[str]]


class Manifest(BaseModel):
	"""What a backup says of itself; `files_missing` counts rows whose bytes were not there."""

	model_config = ConfigDict(extra="forbid", frozen=True)

	format: Literal[1]
	made_at: str
	product: str
	server: int
	dumped_by: int
	keys: Keys
	versions: dict[str, str]
	epoch: int
	tables: dict[str, int]
	files: int
	files_missing: int
	members: dict[str, Member]


# -- making one -----------------------------------------------------------------------------------


class _Member:
	"""Counts and hashes what is written to a member of the archive."""

	def __init__(self, sink: IO[bytes], what: str, progress: Progress) -> None:
		self.sink, self.what, self.progress = sink, what, progress
		self.digest, self.bytes = hashlib.sha256(), 0

	def write(self, data: bytes) -> int:
		self.digest.update(data)
		self.bytes += len(data)
		self.sink.write(data)
		self.progress(self.what, self.bytes)
		return len(data)


class _Writer:
	"""The archive while it is written."""

	def __init__(self, archive: zipfile.ZipFile, progress: Progress) -> None:
		self.archive, self.progress = archive, progress
		self.members: dict[str, Member] = {}

	@contextmanager
	def member(self, name: str, what: str) -> Generator[_Member]:
		with self.archive.open(name, "w", force_zip64=True) as sink:
			made = _Member(sink, what, self.progress)
			yield made
		self.members[name] = Member(bytes=made.bytes, sha256=made.digest.hexdigest())


def take(
	target: Path,
	home: Path,
	url: str,
	pg_dump: tuple[str, int],
	fingerprints: tuple[str, str | None],
	product: str,
	progress: Progress,
) -> Manifest:
	"""Writes the backup to `target`, whole or not at all (mode 0600).

	`url` is the database as `apg_backup`, `pg_dump` the program and its major version,
	`fingerprints` those of the root and of APG_ENCRYPTION_KEY. Raises BackupProblem, psycopg.Error,
	OSError.
	"""
	if target.exists():
		raise BackupProblem(f"{target} is there already.", "Name a file that is not.")
	half = target.with_name(f".{target.name}.{os.getpid()}.part")
	try:
		with open(half, "xb", opener=_private) as file:
			with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
				writer = _Writer(archive, progress)
				_copy_witness(writer, home)
				with psycopg.connect(url, connect_timeout=5, application_name="apg backup") as held:
					facts = _read(writer, held, home, url, pg_dump)
				manifest = Manifest(
					format=FORMAT,
					made_at=utc_now().isoformat(timespec="seconds"),
					product=product,
					dumped_by=pg_dump[1],
					keys=Keys(
						root=fingerprints[0],
						encryption=fingerprints[1],
						signing=facts.pop("signing"),
					),
					members=writer.members,
					**facts,
				)
				archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
			file.flush()
			os.fsync(file.fileno())
		half.rename(target)
	finally:
		half.unlink(missing_ok=True)
	_sync(target.parent)
	return manifest


def _private(path: str, flags: int) -> int:
	return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _sync(folder: Path) -> None:
	descriptor = os.open(folder, os.O_RDONLY)
	try:
		os.fsync(descriptor)
	finally:
		os.close(descriptor)


def _copy_witness(writer: _Writer, home: Path) -> None:
	with writer.member(WITNESS, "witness") as sink:
		_write_tar(sink, Witness(home / "witness").held())


def _write_tar(sink: _Member, entries: Iterable[tuple[str, BinaryIO, int]]) -> int:
	"""Name, open file and length of each; the file is closed. Returns how many there were."""
	count = 0
	with tarfile.open(fileobj=cast(Any, sink), mode="w|", bufsize=CHUNK) as tar:
		for name, file, size in entries:
			with file:
				info = tarfile.TarInfo(name)
				info.size, info.mode = size, 0o600
				tar.addfile(info, file)
			cast(Any, tar).members.clear()  # else it remembers every file to the end
			count += 1
	return count


def _read(
	writer: _Writer,
	held: psycopg.Connection[Any],
	home: Path,
	url: str,
	pg_dump: tuple[str, int],
) -> dict[str, Any]:
	"""Files and database as of one moment, which `held` keeps until all is read."""
	held.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
	held.read_only = True
	held.execute("set local idle_in_transaction_session_timeout = 0")
	held.execute("set local statement_timeout = 0")
	snapshot = _one(held, "select pg_export_snapshot()")
	missing = 0

	def entries() -> Iterator[tuple[str, BinaryIO, int]]:
		nonlocal missing
		with held.cursor("files") as cursor:
			cursor.execute(
				"select tenant_id::text, sha256 from stored_files where state = 'kept' order by 1, 2"
			)
			for tenant, sha256 in cursor:
				try:
					file = open(folder_of(home, tenant) / sha256[:2] / sha256, "rb")  # noqa: SIM115
				except FileNotFoundError:  # released since, or lost before
					missing += 1
					continue
				yield f"{tenant}/{sha256[:2]}/{sha256}", file, os.fstat(file.fileno()).st_size

	with writer.member(FILES, "files") as sink:
		files = _write_tar(sink, entries())
	with writer.member(DATABASE, "database") as sink:
		_dump(sink, url, pg_dump[0], snapshot)
	signing: dict[str, list[str]] = {}
	for purpose, kid in held.execute("select purpose, kid from signing_keys order by 1, 2"):
		signing.setdefault(purpose, []).append(kid)
	return {
		"server": int(_one(held, "show server_version_num")) // 10_000,
		"versions": versions_of(held),
		"epoch": _one(held, "select epoch from log_epoch"),
		"tables": count_rows(held),
		"files": files,
		"files_missing": missing,
		"signing": signing,
	}


def _one(connection: psycopg.Connection[Any], statement: str) -> Any:
	row = connection.execute(cast(Any, statement)).fetchone()
	return row[0] if row else None


def versions_of(connection: psycopg.Connection[Any]) -> dict[str, str]:
	"""Where each history of migrations stands, those of capabilities that are gone among them."""
	tables = connection.execute(
		"select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' "
		"and starts_with(relname, 'alembic_version_') order by 1"
	).fetchall()
	found: dict[str, str] = {}
	for (table,) in tables:
		named = sql.SQL("select version_num from {}").format(sql.Identifier(table))
		if row := connection.execute(named).fetchone():
			found[table.removeprefix("alembic_version_")] = row[0]
	return found


def count_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
	"""The rows of every table that outlives a crash; partitions count in their parent."""
	tables = connection.execute(
		"select relname from pg_class where relnamespace = 'public'::regnamespace "
		"and relkind in ('r', 'p') and not relispartition and relpersistence = 'p' order by 1"
	).fetchall()
	found: dict[str, int] = {}
	for (table,) in tables:
		row = connection.execute(
			sql.SQL("select count(*) from {}").format(sql.Identifier(table))
		).fetchone()
		found[table] = row[0] if row else 0
	return found


def _address(url: str) -> tuple[str, dict[str, str]]:
	"""The database for a program's arguments, and its password, which no argument may show."""
	parts = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
	password = str(parts.pop("password", ""))
	return make_conninfo("", **cast(Any, parts)), os.environ | {"PGPASSWORD": password}


def _dump(sink: _Member, url: str, program: str, snapshot: str) -> None:
	address, environment = _address(url)
	words = [program, "--format=custom", "--compress=1", "--no-password", f"--snapshot={snapshot}"]
	words += ["--no-unlogged-table-data", "--no-subscriptions", "--no-publications"]
	words += ["--no-tablespaces", f"--lock-wait-timeout={LOCK_MILLISECONDS}", f"--dbname={address}"]
	with tempfile.TemporaryFile() as said:
		with subprocess.Popen(
			words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment
		) as process:
			output = cast(IO[bytes], process.stdout)
			try:
				while piece := output.read(CHUNK):
					sink.write(piece)
			except BaseException:
				process.kill()
				raise
		if process.returncode:
			raise BackupProblem(
				f"The database cannot be read: {_last_words(said)}.", "Mend that and start again."
			)


def _last_words(said: IO[bytes]) -> str:
	said.seek(0)
	lines = [line.strip() for line in said.read(100_000).decode("utf-8", "replace").splitlines()]
	telling = [line for line in lines if "error:" in line] or lines or ["it ended without a word"]
	return telling[0].removesuffix(".")


# -- reading one ----------------------------------------------------------------------------------


class Archive:
	"""A backup that is there whole; every byte was compared before the first is used."""

	def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
		self.path, self.archive, self.manifest = path, archive, manifest

	@classmethod
	@contextmanager
	def opened(cls, path: Path, progress: Progress) -> "Generator[Archive]":
		"""Raises BackupProblem for what is no backup, is cut, or is not as it was written."""
		try:
			with path.open("rb") as file:
				try:
					found = cls(path, archive := zipfile.ZipFile(file), _manifest(archive))
					found._compare(progress)
				except (zipfile.BadZipFile, ValueError, KeyError, EOFError, RuntimeError) as error:
					told = "is not there whole, or is no backup"
					if isinstance(error, _Differs):
						told = f"is damaged: {error}"
					raise BackupProblem(
						f"{path} {told}.", "Nothing was written. Take another copy of it."
					) from error
				yield found
		except (FileNotFoundError, IsADirectoryError) as error:
			if error.filename != str(path):
				raise
			raise BackupProblem(f"There is no file {path}.", "Name a backup.") from error

	def _compare(self, progress: Progress) -> None:
		done = 0
		if set(self.manifest.members) != {WITNESS, FILES, DATABASE}:
			raise _Differs("the list of its members")
		for name, wanted in self.manifest.members.items():
			digest, size = hashlib.sha256(), 0
			with self.stream(name) as source:
				while piece := source.read(CHUNK):
					digest.update(piece)
					size += len(piece)
					progress("comparing", done := done + len(piece))
			if (size, digest.hexdigest()) != (wanted.bytes, wanted.sha256):
				raise _Differs(name)

	def stream(self, name: str) -> IO[bytes]:
		if self.archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
			raise _Differs(name)
		return self.archive.open(name)


class _Differs(ValueError):
	"""A member is not what the manifest says."""


def _manifest(archive: zipfile.ZipFile) -> Manifest:
	info = archive.getinfo(MANIFEST)
	if info.file_size > LONGEST_MANIFEST:
		raise _Differs(MANIFEST)
	text = archive.read(info)
	try:
		return Manifest.model_validate_json(text)
	except ValidationError as error:
		told = error.errors()[0]
		where = ".".join(str(part) for part in told["loc"])
		if where == "format":
			raise BackupProblem(
				"This backup is of a format that this program does not know.",
				"Install the version that made it, or a newer one.",
			) from error
		raise _Differs(f"{MANIFEST}, {where}") from error


# -- putting it back ------------------------------------------------------------------------------


def is_empty(connection: psycopg.Connection[Any]) -> bool:
	"""Whether nobody has made anything in the database, extensions apart."""
	return _one(
		connection,
		"select not exists (select from pg_class c where c.relnamespace = 'public'::regnamespace "
		"and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e'))",
	)


def put_back_database(archive: Archive, url: str, pg_restore: str, progress: Progress) -> None:
	"""Fills the prepared database in one transaction, compares the rows and raises the epoch.

	`url` is the administrator's. Raises BackupProblem; then the database is as it was.
	"""
	address, environment = _address(url)
	with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
		plain = not _one(connection, "select rolsuper from pg_roles where rolname = current_user")
		if plain:  # owners of functions; an administrator who made the roles may join them
			connection.execute("grant apg_system, apg_search to current_user")
		try:
			with archive.stream(DATABASE) as source:
				listed = _fed([pg_restore, "--list"], source, environment, cut=True)
			with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
				wanted.writelines(
					f"{line}\n" for line in listed.splitlines() if not _MADE.match(line)
				)
				wanted.flush()
				words = [pg_restore, "--single-transaction", "--no-password"]
				words += [f"--use-list={wanted.name}", f"--dbname={address}"]
				with archive.stream(DATABASE) as source:
					_fed(words, source, environment, progress=progress)
		finally:
			if plain:
				connection.execute("revoke apg_system, apg_search from current_user")
		found, wanted_rows = count_rows(connection), archive.manifest.tables
		if found != wanted_rows:
			differing = sorted(
				name
				for name in found.keys() | wanted_rows.keys()
				if found.get(name) != wanted_rows.get(name)
			)
			raise BackupProblem(
				f"Other rows than the backup names: {', '.join(differing)}.", "Report this."
			)
		# Transaction numbers of this server say nothing about those of the other.
		connection.execute(
			"update log_epoch set epoch = greatest(epoch, %s) + 1", (archive.manifest.epoch,)
		)
		for (table,) in connection.execute(_OF_A_SERVER).fetchall():
			connection.execute(sql.SQL("truncate {}").format(sql.Identifier(table)))
		connection.execute("analyze")


def _fed(
	words: Sequence[str],
	source: IO[bytes],
	environment: Mapping[str, str],
	*,
	cut: bool = False,
	progress: Progress | None = None,
) -> str:
	"""Runs a program on the bytes; its output. `cut`: it may end before it has read them all."""
	done = 0
	with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
		with subprocess.Popen(
			words, stdin=subprocess.PIPE, stdout=told, stderr=said, env=environment
		) as process:
			sink = cast(IO[bytes], process.stdin)
			try:
				while piece := source.read(CHUNK):
					sink.write(piece)
					if progress:
						progress("database", done := done + len(piece))
				sink.close()
			except BrokenPipeError:  # it has read enough, or says itself why not
				pass
			except BaseException:
				process.kill()
				raise
		if process.returncode and not cut:
			raise BackupProblem(
				f"The database cannot be filled: {_last_words(said)}.",
				"It is empty as before; mend that and start again.",
			)
		told.seek(0)
		return told.read().decode()


def put_back_files(archive: Archive, home: Path, progress: Progress) -> None:
	"""Files and witness, each where it was. Raises BackupProblem for what does not belong there."""
	for member, pattern, folder in ((FILES, _FILE, "files"), (WITNESS, _WITNESS, "witness")):
		done = 0
		(home / folder).mkdir(mode=0o700, exist_ok=True)
		with (
			archive.stream(member) as source,
			tarfile.open(fileobj=source, mode="r|", bufsize=CHUNK) as tar,
		):
			while info := tar.next():
				cast(Any, tar).members.clear()
				named = pattern.fullmatch(info.name)
				content = tar.extractfile(info) if info.isreg() and named else None
				if named is None or content is None:
					raise BackupProblem(
						f"{member} holds {info.name!r}.", "That is no backup of ours."
					)
				target = home / folder / info.name
				target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
				digest = hashlib.sha256()
				with open(target, "xb", opener=_private) as file:
					while piece := content.read(CHUNK):
						digest.update(piece)
						file.write(piece)
						progress(folder, done := done + len(piece))
				if member == FILES and digest.hexdigest() != named[3]:
					target.unlink()  # it was damaged before it was copied: the row says `missing`
	os.sync()
