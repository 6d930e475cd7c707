"""What a home remembers of its server: postgres.json, and the lock of whoever starts or stops it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from apg.embedded.errors import EmbeddedError

LOCK_SECONDS = 120


@dataclass(frozen=True)
class State:
	"""The superuser's password, the last port, and the folder when it is not in the home."""

	password: str
	superuser: str = "postgres"
	port: int = 0
	folder: str = ""


def new_state() -> State:
	return State(password=secrets.token_urlsafe(32))


def prepare_home(home: Path) -> None:
	"""Makes the home. Root's lets others pass through, for the server's user, and nobody list it."""
	if not home.is_dir():
		home.parent.mkdir(parents=True, exist_ok=True)
		home.mkdir(mode=0o700)
		home.chmod(0o711 if os.geteuid() == 0 else 0o700)


def read_state(home: Path) -> State | None:
	file = home / "postgres.json"
	try:
		return State(**json.loads(file.read_text("utf-8")))
	except FileNotFoundError:
		return None
	except (ValueError, TypeError) as error:
		raise EmbeddedError(
			f"{file} is damaged ({error}).",
			"Restore it from a backup; if it is lost, remove it: a new password is then set.",
		) from error


def write_state(home: Path, state: State) -> None:
	"""Replaces the file in one step; mode 0600, owned by whoever owns the home."""
	if read_state(home) == state:
		return
	file = home / "postgres.json"
	new = home / f"postgres.json.{os.getpid()}"
	try:
		descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
		with open(descriptor, "w", encoding="utf-8") as stream:
			json.dump(asdict(state), stream, indent="\t")
			stream.flush()
			os.fsync(descriptor)
			_belongs_to_owner(descriptor, home)
		new.rename(file)
	finally:
		new.unlink(missing_ok=True)


def _belongs_to_owner(descriptor: int, home: Path) -> None:
	if os.geteuid() == 0:
		owner = home.stat()
		os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def locked(home: Path) -> Generator[None]:
	"""One process at a time starts or stops the server of a home."""
	descriptor = os.open(home / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
	try:
		_belongs_to_owner(descriptor, home)
		deadline = time.monotonic() + LOCK_SECONDS
		while not _try_lock(descriptor):
			if time.monotonic() > deadline:
				raise EmbeddedError(
					f"Another process has been starting or stopping the database of {home} "
					f"for {LOCK_SECONDS} seconds.",
					f"End that process (it holds {home / 'postgres.lock'}) and start again.",
				)
			time.sleep(0.02)
		yield
	finally:
		os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
	try:
		fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except BlockingIOError:
		return False
	return True
