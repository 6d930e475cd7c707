"""From what a library raised to what a person can do about it."""

import errno
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from apg.cli.output import Failure
from apg.kernel.settings import Settings

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
# A server ends, or refuses to write, when it cannot add a segment of 16 MiB to its log.
FULL = 17 * 2**20
# A failed connection carries no code, only the server's words, which lc_messages may translate.
SAID = {
	"password authentication failed": "28P01",
	"no pg_hba.conf entry": "28000",
	'database "': "3D000",
	"too many clients": "53300",
	"remaining connection slots": "53300",
}


def free_bytes(place: Path) -> int:
	"""Bytes that may still be written where the place is, or would be made."""
	while not place.exists() and place != place.parent:
		place = place.parent
	return shutil.disk_usage(place).free


def no_space(place: Path) -> Failure:
	return Failure(
		f"No space left at {place}: {free_bytes(place):,} bytes are free.",
		"Free some space on that file system or set APG_HOME to another one, and start again.",
	)


@contextmanager
def explained(settings: Settings | None = None) -> Generator[None]:
	"""Turns the failures that a person can mend into a Failure; `settings` name home and database."""
	try:
		yield
	except Failure:
		raise
	except Exception as error:
		failure = _failure_of(error, settings)
		if failure is None:
			raise
		raise failure from error


def _failure_of(error: Exception, settings: Settings | None) -> Failure | None:
	sentence, remedy = getattr(error, "sentence", None), getattr(error, "remedy", None)
	if isinstance(sentence, str) and isinstance(remedy, str):
		return Failure(sentence, remedy)
	if problems := getattr(error, "problems", None):
		told = [_problem(each) for each in problems]
		if type(error).__name__ == "CompositionError":
			return Failure("The capabilities do not fit together:\n  " + "\n  ".join(told))
		return Failure(_together(str(error).rstrip("."), told))
	if hasattr(error, "status") and (message := getattr(error, "message", None)):
		return Failure(str(message))
	state = _sqlstate(error)
	if state or _is_of_database(error):
		return _of_database(error, state, settings)
	if isinstance(error, OSError):
		return _of_system(error, settings)
	return None


def _together(whole: str, told: list[str]) -> str:
	"""The sentence of an error and what its problems add to it."""
	added = [one.rstrip(".") for one in told if whole not in one]
	if whole == "Validation error" or len(added) < len(told):
		return "; ".join(one.rstrip(".") for one in told) + "."
	return f"{whole} ({'; '.join(added)})."


def _problem(problem: object) -> str:
	field = getattr(problem, "field", None)
	return f"{field}: {getattr(problem, 'message', problem)}" if field else str(problem)


def _chain(error: BaseException) -> Iterator[BaseException]:
	"""The error and what it was made from, the driver's own error among them."""
	seen: set[int] = set()
	waiting: list[BaseException | None] = [error]
	while waiting:
		one = waiting.pop(0)
		if not isinstance(one, BaseException) or id(one) in seen:
			continue
		seen.add(id(one))
		yield one
		waiting += [getattr(one, "orig", None), one.__cause__, one.__context__]


def _sqlstate(error: BaseException) -> str:
	for one in _chain(error):
		state = getattr(one, "sqlstate", None)
		if isinstance(state, str) and len(state) == 5:
			return state
	said = next((str(one) for one in _chain(error) if "FATAL: " in str(one)), "")
	return next((code for words, code in SAID.items() if words in said), "")


def _is_of_database(error: BaseException) -> bool:
	packages = ("sqlalchemy", "psycopg", "asyncpg", "procrastinate")
	return any(type(one).__module__.partition(".")[0] in packages for one in _chain(error))


def _of_database(error: BaseException, state: str, settings: Settings | None) -> Failure:
	home = settings.home if settings else None
	if home is not None and (state == "53100" or free_bytes(home) < FULL):
		return no_space(home)
	last = list(_chain(error))[-1]
	lines = [line.strip() for line in str(last).splitlines() if line.strip()]
	reason = (lines[0] if lines else type(last).__name__).rpartition("FATAL: ")[2]
	reason = reason.strip().removesuffix(".")
	where = place_of(settings.database_url or settings.database_admin_url) if settings else "there"
	if state == "42501":
		return Failure(
			f"The database at {where} does not allow this: {reason}.",
			"Name an administrator, who may make roles and extensions, in APG_DATABASE_ADMIN_URL "
			"(for apg migrate), and run apg migrate with it.",
		)
	if state in ("28P01", "28000"):
		return Failure(
			f"The database at {where} refuses the login: {reason}.",
			"Run apg migrate with this APG_SECRET_KEY, from which the passwords of the database's "
			"roles are made, or set the one it was migrated with.",
		)
	if state == "3D000":
		return Failure(
			f"The server at {where} has no such database: {reason}.",
			"Make it (createdb), or correct APG_DATABASE_URL.",
		)
	if state in ("42P01", "42883", "3F000"):
		return Failure(
			f"The database at {where} is not of this version: {reason}.", "Run apg migrate."
		)
	if state == "53300":
		return Failure(
			f"The database at {where} has no connection left: {reason}.",
			"End what you do not need, or raise max_connections there.",
		)
	return Failure(
		f"The database at {where} cannot be used: {reason}.",
		"Start it, or correct APG_DATABASE_URL / APG_DATABASE_ADMIN_URL.",
	)


def place_of(url: str) -> str:
	"""Host and port of a database's address, without who logs in."""
	try:
		parts = urlsplit(url)
		return f"{parts.hostname or 'the local socket'}:{parts.port or 5432}"
	except ValueError:
		return "APG_DATABASE_URL"


def _of_system(error: OSError, settings: Settings | None) -> Failure:
	place = Path(str(error.filename)) if error.filename else settings.home if settings else None
	reason = error.strerror or str(error)
	if error.errno in NO_SPACE:
		return no_space(place or Path.cwd())
	if error.errno in CLOSED and place is not None:
		return Failure(
			f"{place} cannot be used: {reason}.",
			"Make it readable and writable for this user, or set APG_HOME to a folder that is.",
		)
	if isinstance(error, ConnectionError) and settings is not None and settings.database_url:
		return Failure(
			f"The database at {place_of(settings.database_url)} cannot be used: {reason}.",
			"Start it, or correct APG_DATABASE_URL.",
		)
	where = f" ({place})" if place is not None else ""
	return Failure(f"The system refuses: {reason}{where}.", "Mend that and start again.")


def unexpected(error: BaseException, home: Path) -> Failure:
	"""For what nobody foresaw: one sentence here, the whole story in a file."""
	import traceback

	story = "".join(traceback.format_exception(error))
	sentence = f"This should not happen: {type(error).__name__}: {_first_line(error)}."
	path = home.expanduser().absolute() / "logs" / "trouble.txt"
	try:
		path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
		path.write_text(story, "utf-8")
	except OSError:
		print(story, file=sys.stderr)
		return Failure(sentence, "Report it with the lines above.")
	return Failure(sentence, f"Report it with {path}.")


def _first_line(error: BaseException) -> str:
	lines = str(error).strip().splitlines()
	return lines[0].removesuffix(".") if lines else "no message"
