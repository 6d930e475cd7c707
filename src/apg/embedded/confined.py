"""What reads a stranger's file runs in a process of its own: no secrets, bounded memory and time.

A *reader* has imported a module and waits; each job is a child that it forks, with limits, an empty
environment and no open descriptor but two pipes; it may write no file. It answers with plain data:
what comes back is rebuilt from dataclasses and enumerations of the package that the function is in,
and from nothing else. A reader serves one job at a time and does not outlive one that went wrong.
"""

import asyncio
import atexit
import contextlib
import enum
import importlib
import io
import os
import pickle
import resource
import secrets
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import is_dataclass
from functools import partial
from signal import SIGKILL, SIGXCPU
from typing import IO, Any, ParamSpec, TypeVar, cast

_BUILTINS = {
	("decimal", "Decimal"),
	("datetime", "date"),
	("datetime", "datetime"),
	("datetime", "timezone"),
	("builtins", "frozenset"),
	("builtins", "set"),
}
_FILES, _MARK, _CPU_SPENT = 32, 16, 77
_SIZE = struct.Struct(">Q")
P = ParamSpec("P")
T = TypeVar("T")
_waiting = ThreadPoolExecutor(8, "confined")  # a slow file must not hold up other threads' work
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
	answered = False
	try:
		job = partial(reader.ask, function, args, kwargs, memory, seconds)
		kind, value = await asyncio.get_running_loop().run_in_executor(_waiting, job)
		answered = True
	finally:
		await asyncio.shield(asyncio.to_thread(_give_back, reader, usable=answered))
	match kind:
		case "done":
			return value
		case "refused":
			raise Refusal(*value)
		case "memory":
			raise Overrun("memory")
		case _:
			raise Broken(str(value))


async def make_ready(function: Callable[..., Any]) -> None:
	"""Starts a reader for this function's module, if none waits."""
	await asyncio.to_thread(_reserve, function.__module__)


def _reserve(module: str) -> None:
	with _lock:
		if not any(one.module == module for one in _idle):
			_idle.append(_Reader(module))


def _take(module: str) -> "_Reader":
	with _lock:
		for one in [each for each in _idle if each.module == module]:
			_idle.remove(one)
			if one.alive:
				return one
			one.end()
	return _Reader(module)


def _give_back(reader: "_Reader", *, usable: bool) -> None:
	with _lock:
		if usable and reader.alive and all(one.module != reader.module for one in _idle):
			_idle.append(reader)
			return
	reader.end()


@atexit.register
def end_idle() -> None:
	"""Ends the readers that wait."""
	with _lock:
		while _idle:
			_idle.pop().end()


class _Reader:
	"""A process that forks a child for each job; both end with their process group."""

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
			bufsize=0,
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
	) -> tuple[str, Any]:
		"""What became of the job: done, refused, memory or failed, and with what."""
		# Only the child of this job knows the mark: an earlier one cannot have answered for it.
		mark = secrets.token_bytes(_MARK)
		job = pickle.dumps((mark, function.__qualname__, args, kwargs, memory, int(seconds) + 1))
		until = time.monotonic() + seconds
		try:
			_all(self._process.stdin).write(_SIZE.pack(len(job)) + job)
			head = self._read(_MARK + _SIZE.size, until)
			if head[:_MARK] != mark:
				raise Broken("the answer belongs to another job")
			answer = self._read(_SIZE.unpack(head[_MARK:])[0], until)
		except OSError as error:
			raise Broken("the reader ended") from error
		return cast(tuple[str, Any], _Plain(io.BytesIO(answer), self.module).load())

	def _read(self, size: int, until: float) -> bytes:
		pipe, found = _all(self._process.stdout), bytearray()
		while len(found) < size:
			ready, _w, _x = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
			if not ready:
				raise Overrun("time")
			piece = os.read(pipe.fileno(), min(size - len(found), 1024 * 1024))
			if not piece:
				raise Overrun("time") if self._process.wait() == _CPU_SPENT else Broken("no answer")
			found += piece
		return bytes(found)

	def end(self) -> None:
		with contextlib.suppress(ProcessLookupError):
			os.killpg(self._process.pid, SIGKILL)
		self._process.wait()
		for pipe in (self._process.stdin, self._process.stdout):
			if pipe is not None:
				pipe.close()


def _all(pipe: IO[bytes] | None) -> IO[bytes]:
	assert pipe is not None
	return pipe


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
	"""The other side: forks a child for each job; ends when one ends badly or nobody asks."""
	module = importlib.import_module(sys.argv[1])
	asked = sys.stdin.buffer
	while head := asked.read(_SIZE.size):
		job = asked.read(_SIZE.unpack(head)[0])
		child = os.fork()
		if child == 0:
			_answer(module, job)
			os._exit(0)
		_pid, status = os.waitpid(child, 0)
		if status:
			os._exit(_CPU_SPENT if os.WIFSIGNALED(status) and os.WTERMSIG(status) == SIGXCPU else 1)


def _answer(module: Any, job: bytes) -> None:
	mark, name, args, kwargs, memory, seconds = pickle.loads(job)  # noqa: S301 - of our own parent
	resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
	resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
	resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
	resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
	resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
	try:
		told = pickle.dumps(("done", getattr(module, name)(*args, **kwargs)), protocol=5)
	except MemoryError:
		told = pickle.dumps(("memory", None))
	except Exception as error:  # noqa: BLE001 - the outermost edge of this process
		reason, remedy = getattr(error, "reason", None), getattr(error, "remedy", None)
		if isinstance(reason, str) and isinstance(remedy, str):
			told = pickle.dumps(("refused", (reason, remedy)))
		else:
			told = pickle.dumps(("failed", type(error).__name__))
	for piece in (mark, _SIZE.pack(len(told)), told):
		sys.stdout.buffer.write(piece)
	sys.stdout.buffer.flush()
