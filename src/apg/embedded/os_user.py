"""The operating system user that the server runs as.

PostgreSQL refuses to run as root. As root we run it as an unprivileged user, and everything that
is written into that user's folders is written by that user: root follows none of its links.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apg.embedded.errors import EmbeddedError

OWN_NAME = "apg-postgres"
OTHER_NAMES = ("postgres", "nobody")
FIRST_PERSON_UID = 1000
# struct sockaddr_un holds 104 bytes on some systems; ".s.PGSQL.65535.lock" follows the folder.
LONGEST_SOCKET_FOLDER = 80


@dataclass(frozen=True)
class Account:
	"""A user of the operating system; ``switch`` when this process must change to it."""

	name: str
	uid: int
	gid: int
	switch: bool

	@property
	def process_options(self) -> dict[str, Any]:
		"""Arguments of subprocess.Popen that make the new process one of this user."""
		options: dict[str, Any] = {"umask": 0o077, "env": environment(), "cwd": "/"}
		if self.switch:
			options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
		return options

	def run(self, *words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
		return subprocess.run(
			words, input=stdin, capture_output=True, text=True, errors="replace",
			**self.process_options,
		)  # fmt: skip

	def can(self, test: str, path: Path) -> bool:
		"""Asks the system itself, so access lists, mounts and parents all count."""
		return self.run("/bin/sh", "-c", f'test {test} "$1"', "sh", path).returncode == 0

	def write(self, path: Path, text: str) -> None:
		"""Writes a file of mode 0600."""
		self._do(path, "/bin/sh", "-c", 'cat > "$1"', "sh", path, stdin=text)

	def make_folder(self, path: Path) -> None:
		self._do(path, "mkdir", "-p", "--", path)

	def remove(self, *paths: Path) -> None:
		self._do(paths[0], "rm", "-rf", "--", *paths)

	def _do(self, path: Path, *words: str | Path, stdin: str = "") -> None:
		done = self.run(*words, stdin=stdin)
		if done.returncode:
			raise OSError(_number_of(done.stderr), done.stderr.strip(), str(path))


def _number_of(said: str) -> int:
	"""The errno behind a program's message; 0 when it names none we treat differently."""
	for number in (28, 122):  # ENOSPC, EDQUOT
		if os.strerror(number) in said:
			return number
	return 0


def environment() -> dict[str, str]:
	"""A clean environment: no PG… variable of the caller changes what the server does."""
	kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ") if name in os.environ}
	return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", **kept}


def account_for(place: Path) -> Account:
	"""Who runs the server whose data is, or will be, in the place."""
	if os.geteuid() != 0:
		try:
			me = pwd.getpwuid(os.geteuid())
		except KeyError:
			raise EmbeddedError(
				f"The user id {os.geteuid()} has no name on this machine, and PostgreSQL needs one.",
				"Add an entry for it to /etc/passwd, or set APG_DATABASE_URL to a running server.",
			) from None
		return Account(me.pw_name, me.pw_uid, me.pw_gid, switch=False)
	# A person's data stays that person's when root starts it once.
	if place.stat().st_uid >= FIRST_PERSON_UID:
		try:
			owner = pwd.getpwuid(place.stat().st_uid)
		except KeyError:
			pass
		else:
			return Account(owner.pw_name, owner.pw_uid, owner.pw_gid, switch=True)
	return _unprivileged()


def _unprivileged() -> Account:
	for name in (OWN_NAME, *OTHER_NAMES):
		entry = _entry(name)
		if entry is None and name == OWN_NAME:
			entry = _made(name)
		if entry is None:
			continue
		account = Account(name, entry.pw_uid, entry.pw_gid, switch=True)
		try:
			if account.run("true").returncode == 0:
				return account
		except (OSError, subprocess.SubprocessError):
			continue  # e.g. a container that maps one user only
	raise EmbeddedError(
		"PostgreSQL does not run as root, and this process may not change to any other user.",
		"Run as an ordinary user, or set APG_DATABASE_URL to a running server.",
	)


def _entry(name: str) -> pwd.struct_passwd | None:
	try:
		return pwd.getpwnam(name)
	except KeyError:
		return None


def _made(name: str) -> pwd.struct_passwd | None:
	"""The new account's entry, or None where the system refuses to make one."""
	program = shutil.which("useradd", path=environment()["PATH"])
	if program is None:
		return None
	words = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--user-group"]
	subprocess.run(
		[program, *words, "--shell", "/usr/sbin/nologin", name], capture_output=True, check=False
	)
	return _entry(name)


def hash_of(home: Path) -> str:
	return hashlib.sha256(os.fsencode(home)).hexdigest()[:16]


def socket_folder_name(home: Path) -> str:
	return hash_of(home)[:10]


def socket_folder(home: Path, account: Account) -> Path:
	"""A short folder of mode 0700 for the server's socket, below the temporary folder."""
	for base in dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp"]):  # noqa: S108
		mine = Path(os.path.realpath(base)) / f"apg-{account.uid}"
		folder = mine / socket_folder_name(home)
		if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
			continue
		try:
			account.make_folder(folder)
		except OSError:
			continue
		if all(_is_private(each, account) for each in (mine, folder)):
			return folder
	raise EmbeddedError(
		f"The user {account.name} can make no folder of its own for PostgreSQL's socket below "
		f"{tempfile.gettempdir()} or /tmp.",
		f"Remove what others left at {Path('/tmp') / f'apg-{account.uid}'}, or set TMPDIR to a "  # noqa: S108
		"short path that this user can write to.",
	)


def _is_private(folder: Path, account: Account) -> bool:
	"""A real folder of ours that nobody else can enter: /tmp belongs to everybody."""
	status = folder.lstat()
	is_folder = status.st_mode & 0o170000 == 0o040000
	return is_folder and status.st_uid == account.uid and not status.st_mode & 0o077
