"""Answers `apg …` by forking: the modules are loaded once for all commands of a test run.

Each line of its input is one command: words, environment, files for what it prints. Each command
is a process of its own, with that environment alone, and ends as `python -m apg` would; its line
of the answer is its number, then its exit code. `tests/cli/commands.py` is the other end. Called
with `alone`, it composes nothing beforehand: each command looks for itself what is installed.
"""

import atexit
import contextlib
import gc
import json
import os
import sys
from typing import NoReturn

from apg.cli.collector import rest_the_collector


def load() -> None:
	"""All that a command would import, without doing anything."""
	import importlib
	import pkgutil

	from apg import cli
	from apg.app import BUILT_IN, composition

	for module in pkgutil.iter_modules(cli.__path__):
		if module.name != "skeleton":
			importlib.import_module(f"apg.cli.{module.name}")
	for place in BUILT_IN:
		importlib.import_module(place)
	if "alone" not in sys.argv:
		composition()


def become(asked: dict[str, object], out: str, err: str) -> None:
	"""In the child: the words, the environment and the files of the one who asked."""
	given = asked["environment"]
	assert isinstance(given, dict)
	os.environ.clear()
	os.environ.update(given)
	for target, name, flags in (
		(0, os.devnull, os.O_RDONLY),
		(1, out, os.O_WRONLY | os.O_APPEND),
		(2, err, os.O_WRONLY | os.O_APPEND),
	):
		file = os.open(name, flags)
		os.dup2(file, target)
		os.close(file)
	words = asked["words"]
	assert isinstance(words, list)
	sys.argv = ["apg", *words]


def _command() -> int:
	from apg.cli import main as command

	try:
		command()
	except SystemExit as ended:
		return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
	return 0


def _end(code: int) -> NoReturn:
	"""Without taking apart all that was loaded, which costs as much as most commands."""
	atexit._run_exitfuncs()
	sys.stdout.flush()
	sys.stderr.flush()
	os._exit(code)


def main() -> None:
	rest_the_collector()
	load()
	gc.freeze()  # children look at none of it
	answers = os.fdopen(os.dup(1), "w")
	# Read byte by byte: a buffer of the parent's must not be what a child finds.
	requests = os.fdopen(os.dup(0), "rb", buffering=0)
	while line := requests.readline():
		asked = json.loads(line)
		child = os.fork()
		if child == 0:
			answers.close()
			requests.close()
			become(asked, asked["out"], asked["err"])
			_end(_command())
		print(child, file=answers, flush=True)
		_pid, status = os.waitpid(child, 0)
		with contextlib.suppress(BrokenPipeError):
			print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


main()
