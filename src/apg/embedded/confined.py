"""What reads a stranger's file runs in a process of its own: no secrets, bounded memory and time.

The process gets an empty environment and no open descriptor but two pipes; it may write no file. It
answers with plain data: what comes back is rebuilt from dataclasses and enumerations of the package
that the function is in, and from nothing else. One idle process waits in reserve, because starting
one takes longer than most files.
"""

import asyncio
import atexit
import enum
import importlib
import io
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import is_dataclass
from signal import SIGXCPU
from typing import IO, Any, ParamSpec, TypeVar, cast

_BUILTINS = {
	("decimal", "Decimal"),
	("datetime", "date"),
	("datetime", "datetime"),
	("datetime", "timezone"),
	("builtins", "frozenset"),
	("builtins", "set"),
}
_FILES = 32
P = ParamSpec("P")
T = TypeVar("T")
_idle: list["_Reader"] = []
_lock = threading.Lock()


class Overrun(Exception):
	"""The process needed more than it may have; `what` is `memory` or `time`."""

	def __init__(self, what: str) -> None:
		super().__init__(what)
		self.what = what


class Refusal(Exception):
	"""The function refused the file, with a reason and a remedy for a person."""

	def __init__(self, reason: str, remedy: str) -> None:
		super().__init__(f"{reason} {remedy}")
		self.reason, self.remedy = reason, remedy


class Broken(Exception):
	"""The process ended without an answer, or its answer was not plain data."""


async def confined(
	function: Callable[P, T],
	memory: int,
	seconds: float,
	*args: P.args,
	**kwargs: P.kwargs,
) -> T:
	"""Calls a function of a module in a confined process: `memory` in bytes, `seconds` in all.

	Arguments and answer are plain data. Raises Overrun; Refusal for what the function raised with a
	`reason` and a `remedy`; Broken. A caller that is cancelled ends the process.
	"""
	reader = await asyncio.to_thread(_take, function.__module__)
	try:
		asked = asyncio.to_thread(reader.ask, function, args, kwargs, memory, seconds)
		return await asked
	finally:
		reader.end()


async def make_ready(function: Callable[..., Any]) -> None:
	"""Starts a process in reserve for this function's module, if none waits."""
	await asyncio.to_thread(_reserve, function.__module__)


def _reserve(module: str) -> None:
	with _lock:
		if not any(one.module == module and one.alive for one in _idle):
			_idle.append(_Reader(module))


def _take(module: str) -> "_Reader":
	with _lock:
		reader = next((one for one in _idle if one.module == module and one.alive), None)
		if reader is not None:
			_idle.remove(reader)
		dead = [one for one in _idle if one.module == module or not one.alive]
		for one in dead:
			_idle.remove(one)
			one.end()
		_idle.append(_Reader(module))
	return reader or _Reader(module)


@atexit.register
def end_idle() -> None:
	"""Ends the processes in reserve."""
	with _lock:
		while _idle:
			_idle.pop().end()


class _Reader:
	"""One process that takes one job."""

	def __init__(self, module: str) -> None:
		self.module = module
		code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
		self._process = subprocess.Popen(
			[sys.executable, "-I", "-c", code, module],
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL,
			env={"LANG": "C.UTF-8"},
			close_fds=True,
			start_new_session=True,
			cwd="/",
		)

	@property
	def alive(self) -> bool:
		return self._process.poll() is None

	def ask(
		self,
		function: Callable[..., Any],
		args: tuple[Any, ...],
		kwargs: dict[str, Any],
		memory: int,
		seconds: float,
	) -> Any:
		job = pickle.dumps((function.__qualname__, args, kwargs, memory, int(seconds) + 1))
		try:
			answer, _none = self._process.communicate(job, timeout=seconds)
		except subprocess.TimeoutExpired as error:
			raise Overrun("time") from error
		except (OSError, ValueError) as error:
			raise Broken("the reader ended before it was asked") from error
		if not answer:
			raise Overrun("time") if self._process.returncode == -SIGXCPU else Broken("no answer")
		kind, value = cast(tuple[str, Any], _Plain(io.BytesIO(answer), self.module).load())
		match kind:
			case "done":
				return value
			case "refused":
				raise Refusal(*value)
			case "memory":
				raise Overrun("memory")
			case _:
				raise Broken(str(value))

	def end(self) -> None:
		if self._process.poll() is None:
			self._process.kill()
			self._process.wait()
		for pipe in (self._process.stdin, self._process.stdout):
			if pipe is not None:
				pipe.close()


class _Plain(pickle.Unpickler):
	"""Data only: a process that a file took over must not reach the one that asked."""

	def __init__(self, file: IO[bytes], module: str) -> None:
		super().__init__(file)
		self._package = module.rpartition(".")[0]

	def find_class(self, module_name: str, global_name: str, /) -> Any:
		if (module_name, global_name) in _BUILTINS:
			return super().find_class(module_name, global_name)
		if module_name.rpartition(".")[0] == self._package and "." not in global_name:
			found = super().find_class(module_name, global_name)
			if isinstance(found, type) and (is_dataclass(found) or issubclass(found, enum.Enum)):
				return found
		raise Broken(f"{module_name}.{global_name} is not plain data")


def serve() -> None:
	"""The other side: reads one job from standard input, answers on standard output."""
	module = importlib.import_module(sys.argv[1])
	asked = sys.stdin.buffer.read()
	if not asked:
		return
	name, args, kwargs, memory, seconds = pickle.loads(asked)  # noqa: S301 - of our own parent
	resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
	resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
	resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
	resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
	resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
	answer: tuple[str, Any]
	try:
		answer = ("done", getattr(module, name)(*args, **kwargs))
		told = pickle.dumps(answer, protocol=5)
	except MemoryError:
		told = pickle.dumps(("memory", None))
	except Exception as error:  # noqa: BLE001 - the outermost edge of this process
		reason, remedy = getattr(error, "reason", None), getattr(error, "remedy", None)
		if isinstance(reason, str) and isinstance(remedy, str):
			told = pickle.dumps(("refused", (reason, remedy)))
		else:
			told = pickle.dumps(("failed", type(error).__name__))
	sys.stdout.buffer.write(told)
	sys.stdout.buffer.flush()
