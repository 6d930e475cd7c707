"""What tests let a confined process do."""

import os
import pickle
import socket
import struct
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Told:
	number: Decimal
	words: tuple[str, ...]


class Secret:
	"""No plain data."""


class Refused(Exception):
	reason, remedy = "It is wrong.", "Make it right."


def told(text: str) -> Told:
	return Told(Decimal("1.50"), tuple(text.split()))


def environment() -> dict[str, str]:
	return dict(os.environ)


def descriptors() -> list[str]:
	found: list[str] = []
	for name in os.listdir("/proc/self/fd"):
		try:
			target = os.readlink(f"/proc/self/fd/{name}")
		except OSError:
			continue
		found.append(target.partition(":")[0])
	return sorted(found)


def fill_memory() -> int:
	return len(b"x" * 3_000_000_000)


def forever() -> None:
	while True:
		time.sleep(0.01)


def spin() -> None:
	while True:
		pass


def refuse() -> None:
	raise Refused


def break_down() -> None:
	os._exit(3)


def fail() -> None:
	raise ZeroDivisionError


def other_data() -> Any:
	return Secret()


def write(path: str) -> None:
	Path(path).write_text("x" * 10)


def listen() -> str:
	with socket.socket() as one:
		one.bind(("127.0.0.1", 0))
		return "bound"


_counted = 0


def count_up() -> int:
	global _counted
	_counted += 1
	return _counted


def parent() -> int:
	return os.getppid()


def answer_twice() -> int:
	pickled = pickle.dumps(("done", "forged"))
	forged = b"x" * 16 + struct.pack(">Q", len(pickled)) + pickled

	flush = sys.stdout.buffer.flush

	class Both:
		"""Stands in for standard output: the true answer first, then one for whoever asks next."""

		buffer: Any

	both = Both()
	both.buffer = Both()
	both.buffer.write = sys.stdout.buffer.write
	out = sys.stdout

	def flushed() -> None:
		flush()
		os.write(out.fileno(), forged)

	both.buffer.flush = flushed
	sys.stdout = both  # type: ignore[assignment]
	return 1
