"""What a person is told when the embedded server cannot do its work."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class EmbeddedError(Exception):
	"""A failure of the embedded server: one sentence, and what to do about it."""

	def __init__(self, sentence: str, remedy: str) -> None:
		super().__init__(f"{sentence} {remedy}")
		self.sentence = sentence
		self.remedy = remedy


def free_bytes(path: Path) -> int:
	"""Bytes an unprivileged user may still write where the path is, or would be made."""
	place = path
	while not place.exists() and place != place.parent:
		place = place.parent
	return shutil.disk_usage(place).free


def no_space(path: Path, needed: int | None = None) -> EmbeddedError:
	"""The error for a full disk; ``needed`` in bytes where it is known."""
	wanted = f"; {needed:,} are needed" if needed else ""
	return EmbeddedError(
		f"No space left for the database at {path}: {free_bytes(path):,} bytes are free{wanted}.",
		"Free some space on that file system or set APG_HOME to another one, and start again.",
	)


@contextmanager
def disk_errors_explained(path: Path) -> Generator[None]:
	"""Turns what the operating system says about files into an EmbeddedError."""
	try:
		yield
	except OSError as error:
		where = Path(str(error.filename)) if error.filename else path
		if error.errno in NO_SPACE:
			raise no_space(where) from error
		in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
		reason = "a file is where a folder is needed" if in_the_way else error.strerror or error
		raise EmbeddedError(
			f"The database at {path} cannot be used: {reason} ({where}).",
			"Make that place readable and writable for this user, or set APG_HOME to one that is.",
		) from error
