"""An installation with an environment of its own, into which wheels are installed and removed."""

import ensurepip
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy

from apg.kernel.testing import TEST_SECRET
from tests.cli.commands import SECONDS, Forking, environment, free_port

ROOT = Path(__file__).resolve().parents[2]
PIP = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"), None)


def build(project: Path, into: Path) -> Path:
	"""The wheel of a project, built without the network; the project itself stays as it is."""
	copied = into / f"source-{project.name}"
	shutil.copytree(project, copied, ignore=shutil.ignore_patterns("__pycache__", "dist"))
	subprocess.run(
		[sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
		cwd=copied,
		check=True,
		capture_output=True,
		timeout=SECONDS,
	)
	return next(into.glob(f"{project.name.replace('-', '_')}-*.whl"))


@dataclass
class Answer:
	code: int
	rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	text: str = ""


class Installation:
	"""A venv that sees this one's packages and the sources of the product, a home, a database."""

	def __init__(self, folder: Path, database_url: str) -> None:
		self.venv, self.home, self.port = folder / "venv", folder / "home", free_port()
		venv.create(self.venv, with_pip=False, symlinks=True)
		(packages,) = self.venv.glob("lib/python*/site-packages")
		# What a plain `pip install apg` would have brought; read like any site folder.
		ours = next(path for path in sys.path if path.endswith("site-packages"))
		(packages / "product.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
		self.python = self.venv / "bin" / "python"
		self.settings = {
			"APG_HOME": str(self.home),
			"APG_PORT": str(self.port),
			"APG_PROCESSES": "1",
			"APG_POOL_SIZE": "4",
			"APG_SECRET_KEY": TEST_SECRET,
			"APG_DATABASE_URL": database_url,
			"APG_RATE_TIER": "wide",
			"PYTHONPATH": str(ROOT / "src"),
		}
		self.log = folder / "log.txt"
		self.forking = Forking(str(self.python), self.venv, PYTHONPATH=str(ROOT / "src"))

	def pip(self, *words: str) -> None:
		"""Python's own pip, from the wheel that it brings along; it may not look anywhere."""
		assert PIP is not None, "this Python comes without ensurepip"
		told = environment(PYTHONPATH=str(PIP), PIP_DISABLE_PIP_VERSION_CHECK="1")
		done = subprocess.run(
			[str(self.python), "-m", "pip", *words],
			env=told, capture_output=True, text=True, timeout=SECONDS,
		)  # fmt: skip
		assert done.returncode == 0, done.stdout + done.stderr

	def install(self, wheel: Path) -> None:
		self.pip("install", "--no-index", "--no-deps", str(wheel))

	def remove(self, name: str) -> None:
		self.pip("uninstall", "--yes", name)

	def run(self, *words: str, as_json: bool = True) -> Answer:
		"""`apg words…` to its end."""
		asked = (*words, *(["--json"] if as_json else []))
		code, out, err = self.forking.run(asked, environment(**self.settings))
		rows = json.loads(out) if as_json and out.strip() else []
		return Answer(code, rows, out + err)

	@contextmanager
	def running(self) -> Iterator[httpx.Client]:
		"""`apg serve` and `apg worker`, and a client of them; both are ended."""
		with self.log.open("ab") as log:
			children = [
				subprocess.Popen(
					[str(self.python), "-P", "-m", "apg", word],
					env=environment(**self.settings), stdout=log, stderr=log,
					stdin=subprocess.DEVNULL, cwd=self.venv,
				)
				for word in ("serve", "worker")
			]  # fmt: skip
		url = f"http://127.0.0.1:{self.port}"
		try:
			with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
				self.wait_ready(client, children)
				yield client
		finally:
			for child in children:
				child.terminate()
			for child in children:
				try:
					child.wait(60)
				except subprocess.TimeoutExpired:
					child.kill()
					child.wait()

	def wait_ready(self, client: httpx.Client, children: list[subprocess.Popen[bytes]]) -> None:
		until = time.monotonic() + SECONDS
		while time.monotonic() < until:
			assert all(child.poll() is None for child in children), self.log.read_text()
			try:
				if client.get("/ready").status_code == 200:
					return
			except httpx.TransportError:
				pass
			time.sleep(0.1)
		raise AssertionError(self.log.read_text())


@contextmanager
def empty_database(server_url: str, name: str) -> Iterator[str]:
	"""A database of its own on the server that the tests share."""
	from apg.kernel.migrating import admin_engine

	engine = admin_engine(server_url)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		connection.execute(sqlalchemy.text(f'create database "{name}"'))
		try:
			yield f"{server_url.rsplit('/', 1)[0]}/{name}"
		finally:
			connection.execute(sqlalchemy.text(f'drop database if exists "{name}" with (force)'))
	engine.dispose()


def eventually(call: Any, seconds: float = 60.0) -> Any:
	"""What `call` answers as soon as that is true; its last answer when it never is."""
	until = time.monotonic() + seconds
	while not (answer := call()) and time.monotonic() < until:
		time.sleep(0.1)
	return answer


def run_name(what: str) -> str:
	return f"apg_run_{os.getpid()}_{what}"
