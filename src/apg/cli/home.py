"""The home of an installation: its root secret, its embedded database, its locks, its logs."""

import errno
import fcntl
import os
import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from apg.cli.explaining import CLOSED, NO_SPACE, explained, free_bytes, no_space
from apg.cli.output import Failure
from apg.kernel.settings import Settings

LONGEST_LOG = 16 * 2**20  # bytes; as much again is kept beside it
# A fresh home holds the database's own files, the rates, the demo company and 64 MiB of its log.
ROOM = 200 * 2**20
USED = ".in-use.lock"
RESTORING = "restoring.json"  # there from the first byte that a restore writes to its last


def read_settings() -> Settings:
	"""The settings of the environment. Raises Failure that names each variable that is wrong."""
	try:
		return Settings()
	except ValidationError as error:
		told: list[str] = []
		for problem in error.errors(include_url=False, include_input=False):
			name = str(problem["loc"][0]) if problem["loc"] else ""
			name = name if name.isupper() else f"APG_{name.upper()}"
			told.append(f"{name}: {problem['msg']}")
		raise Failure(
			"The settings are wrong: " + "; ".join(told) + ".",
			"Correct them in the environment; .env.example explains each.",
		) from error


def prepare_home(settings: Settings) -> Path:
	"""Makes the folder, sees that it can be written, and answers its absolute path."""
	from apg.embedded.state import prepare_home as prepare

	home = settings.home.expanduser().absolute()
	if os.path.exists(home / RESTORING):  # False too where the folder is closed to us
		raise Failure(
			f"A restore into {home} was broken off, so it holds half an installation.",
			"Remove all but its file `secret` (and empty the database of APG_DATABASE_URL), then run "
			"apg restore again.",
		)
	try:
		prepare(home)
		(home / "logs").mkdir(mode=0o700, exist_ok=True)
		if not os.access(home, os.W_OK | os.X_OK):
			raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(home))
	except OSError as error:
		if error.errno in NO_SPACE:
			raise no_space(home) from error
		why = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror
		what = "written" if error.errno in CLOSED and os.path.isdir(home) else "made"
		raise Failure(
			f"The folder {home} cannot be {what}: {why}.",
			"Set APG_HOME to a folder that this user can write to.",
		) from error
	return home


def with_secret(settings: Settings, home: Path) -> Settings:
	"""The settings with a root secret: APG_SECRET_KEY, else the home's own, made once.

	Raises Failure for a secret that is short, published or not random.
	"""
	from apg.kernel.keys import RootKey, new_root_secret

	path = home / "secret"
	text = settings.secret_key
	if not text:
		if not path.exists():
			_write_whole(path, new_root_secret() + "\n")
		text = path.read_text("utf-8").strip()
	with explained(settings):
		RootKey.parse(text, "APG_SECRET_KEY" if settings.secret_key else str(path))
	return settings.model_copy(update={"secret_key": text})


def _write_whole(path: Path, text: str) -> None:
	"""A file of mode 0600 that is there whole or not at all, also when the disk is full."""
	half = path.with_name(f"{path.name}.{os.getpid()}")
	try:
		descriptor = os.open(half, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
		with os.fdopen(descriptor, "w") as file:
			file.write(text)
			file.flush()
			os.fsync(file.fileno())
		os.link(half, path)  # whoever was first has made the secret
	except FileExistsError:
		pass
	except OSError as error:
		if error.errno in NO_SPACE:
			raise no_space(path) from error
		raise Failure(
			f"The root secret cannot be written to {path}: {error.strerror}.",
			"Make that place writable, or set APG_SECRET_KEY.",
		) from error
	finally:
		half.unlink(missing_ok=True)


@contextmanager
def database_of(settings: Settings, home: Path) -> Generator[Settings]:
	"""Settings whose addresses are known; the embedded server is started if there is no URL.

	Everybody who uses a home's server holds a shared lock, and the last one out stops it, also a
	server that a killed process left behind.
	"""
	if settings.database_url:
		admin = settings.database_admin_url or settings.database_url
		yield settings.model_copy(update={"database_admin_url": admin})
		return
	from apg.embedded import launcher

	if not (home / "postgres.json").exists() and free_bytes(home) < ROOM:
		raise Failure(
			f"No space left for the database at {home}: {free_bytes(home):,} bytes are free; "
			f"{ROOM:,} are needed.",
			"Free some space on that file system or set APG_HOME to another one, and start again.",
		)
	used = os.open(home / USED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
	try:
		fcntl.flock(used, fcntl.LOCK_SH)
		try:
			server = launcher.start(home)
			yield settings.model_copy(
				update={"database_url": server.admin_url, "database_admin_url": server.admin_url}
			)
		finally:
			if _alone(used):
				launcher.stop(home)
	finally:
		os.close(used)


def _alone(used: int) -> bool:
	try:
		fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except BlockingIOError:
		return False
	return True


@contextmanager
def installation() -> Generator[Settings]:
	"""Home, secret and database of this installation, for commands that need all three."""
	settings = read_settings()
	home = prepare_home(settings)
	settings = with_secret(settings.model_copy(update={"home": home}), home)
	with explained(settings), database_of(settings, home) as complete, explained(complete):
		yield complete


@contextmanager
def sole_supervisor(home: Path, address: str) -> Generator[None]:
	"""One `apg run` per home. Raises Failure that names the one that runs already."""
	descriptor = os.open(home / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
	try:
		try:
			fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
		except BlockingIOError:
			held = os.pread(descriptor, 500, 0).decode("utf-8", "replace").strip()
			raise Failure(
				f"APG already runs in {home}{f' ({held})' if held else ''}.",
				"Use that one, or stop it first; a second one needs its own APG_HOME and APG_PORT.",
			) from None
		os.ftruncate(descriptor, 0)
		os.pwrite(descriptor, f"process {os.getpid()}, {address}\n".encode(), 0)
		yield
		os.ftruncate(descriptor, 0)
	finally:
		os.close(descriptor)


def refuse_taken_port(settings: Settings) -> None:
	"""Raises Failure when another program listens where we want to."""
	listen(settings).close()


def listen(settings: Settings) -> socket.socket:
	"""The socket that web processes share. Raises Failure with the reason."""
	host, port = settings.host.strip("[]"), settings.port
	where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
	try:
		found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
		made = socket.socket(found[0], socket.SOCK_STREAM)
		try:
			made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
			made.bind(found[4])
			made.listen(2048)
		except BaseException:
			made.close()
			raise
	except (OSError, OverflowError) as error:
		number = error.errno if isinstance(error, OSError) else None
		reason = getattr(error, "strerror", None) or str(error)
		remedies = {
			errno.EADDRINUSE: "Stop the program that listens there, or set APG_PORT to another port.",
			errno.EACCES: "Set APG_PORT to 1024 or more: lower ones belong to root.",
			errno.EADDRNOTAVAIL: "Set APG_HOST to an address of this machine, such as 127.0.0.1.",
		}
		remedy = remedies.get(number or 0, "Correct APG_HOST and APG_PORT.")
		raise Failure(f"{where} cannot be used: {reason}.", remedy) from error
	return made


def bound_log(path: Path) -> None:
	"""Keeps a log that is open for appending below LONGEST_LOG, the part before beside it."""
	try:
		if path.stat().st_size > LONGEST_LOG:
			shutil.copyfile(path, path.with_name(f"{path.name}.1"))
			os.truncate(path, 0)
	except FileNotFoundError:
		return
	except OSError as error:
		if error.errno not in NO_SPACE:
			raise
		os.truncate(path, 0)
