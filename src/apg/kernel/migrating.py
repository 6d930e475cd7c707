"""Migrations: the roles first, then one linear history per capability, each with its own table."""

import re
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.pool import NullPool

from apg.kernel.composition import Composition
from apg.kernel.keys import RootKey
from apg.kernel.roles import EXTENSIONS, ensure_roles, ensure_schema

if TYPE_CHECKING:  # a web process asks for heads only, and alembic takes long to load
	from alembic.config import Config
	from alembic.runtime.migration import MigrationContext
	from alembic.script import ScriptDirectory

PREPARE_TRIES = 20
KERNEL = Path(__file__).resolve().parent / "migrations"
_STEP = re.compile(r"^(revision|down_revision)(?:: [^=]+)? = (?:None|[\"']([^\"']+)[\"'])", re.M)


class MigrationProblem(Exception):
	"""The database cannot be brought to this version: what, and how to mend it."""

	def __init__(self, sentence: str, remedy: str) -> None:
		super().__init__(f"{sentence} {remedy}")
		self.sentence = sentence
		self.remedy = remedy


@dataclass(frozen=True, slots=True)
class History:
	"""One linear history: the kernel's or a capability's."""

	short: str
	folder: Path

	@property
	def table(self) -> str:
		return f"alembic_version_{self.short}"

	def config(self) -> "Config":
		from alembic.config import Config

		config = Config()
		config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
		config.set_main_option("path_separator", "os")
		return config

	def script(self) -> "ScriptDirectory":
		from alembic.script import ScriptDirectory

		return ScriptDirectory.from_config(self.config())

	def head(self) -> str | None:
		"""The last step, read from the text of the steps."""
		steps: dict[str, str] = {}
		for file in sorted((self.folder / "versions").glob("*.py")):
			step = dict(_STEP.findall(file.read_text("utf-8")))
			steps[step["revision"]] = step.get("down_revision", "")
		return next((one for one in steps if one not in steps.values()), None)


def histories(composition: Composition) -> list[History]:
	"""Kernel first, then the capabilities in start order."""
	found = [History("kernel", KERNEL)]
	for capability in composition.capabilities:
		if capability.migrations:
			found.append(History(capability.short, capability.folder / capability.migrations))
	return found


def admin_engine(url: str) -> Engine:
	"""A synchronous engine for migrations and the doctor; nothing else may use it."""
	parts = urlsplit(url)
	return create_engine(
		urlunsplit(parts._replace(scheme="postgresql+psycopg")),
		poolclass=NullPool,
		connect_args={"connect_timeout": 5, "application_name": "apg migrate"},
	)


@contextmanager
def _reaching(url: str) -> Generator[None]:
	try:
		yield
	except OperationalError as error:
		host = urlsplit(url).hostname or "the local socket"
		port = urlsplit(url).port or 5432
		reason = re.sub(r"\s+", " ", str(error.orig)).strip()[:200]
		raise MigrationProblem(
			f"The database at {host}:{port} cannot be used: {reason}.",
			"Start it, or correct APG_DATABASE_URL / APG_DATABASE_ADMIN_URL.",
		) from error


def migrate(url: str, composition: Composition, root: RootKey) -> list[str]:
	"""Brings roles, extensions and every history to this version; returns what was done.

	Raises MigrationProblem when the database is unreachable, too old, newer than the code, or
	lacks an extension.
	"""
	done: list[str] = []
	engine = admin_engine(url)
	with _reaching(url), engine.connect() as connection:
		check_server(connection)
		for history in histories(composition):
			_refuse_newer(connection, history)
		connection.rollback()
		if not _is_current(connection, composition, root):
			_prepare(connection, root)
		for history in histories(composition):
			done.extend(_upgrade(connection, history))
	engine.dispose()
	return done


def prepare_empty(url: str, root: RootKey) -> None:
	"""Roles, extensions and rights in a database that is to be filled from a backup."""
	engine = admin_engine(url)
	with _reaching(url), engine.connect() as connection:
		check_server(connection)
		_prepare(connection, root)
	engine.dispose()


def unknown_steps(composition: Composition, versions: Mapping[str, str]) -> list[str]:
	"""Where histories stand at steps that this code does not have; those it lacks are passed by."""
	return [
		f"{history.short} at {stands}"
		for history in histories(composition)
		if (stands := versions.get(history.short))
		and stands not in {step.revision for step in history.script().walk_revisions()}
	]


def _is_current(connection: Connection, composition: Composition, root: RootKey) -> bool:
	"""Whether roles and all histories stand where this code wants them."""
	from apg.kernel.roles import ROLES

	known = {row[0] for row in connection.execute(text("select rolname from pg_roles"))}
	fingerprint = connection.scalar(
		text(
			"select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'public'"
		)
	)
	current = known.issuperset(ROLES) and all(
		version(connection, h) == h.head() for h in histories(composition)
	)
	connection.rollback()
	return bool(current) and fingerprint == f"apg {root.fingerprint}"


def _prepare(connection: Connection, root: RootKey) -> None:
	"""Roles and schema; again when another database of the server touched the roles meanwhile."""
	for attempt in range(PREPARE_TRIES):
		try:
			with connection.begin():
				ensure_roles(connection, root)
				ensure_schema(connection)
				mark(connection, root)
			return
		except (InternalError, OperationalError) as error:
			if "concurrently" not in str(error.orig) or attempt == PREPARE_TRIES - 1:
				raise
			time.sleep(0.1 * (attempt + 1))


def mark(connection: Connection, root: RootKey) -> None:
	"""Notes which root secret the passwords of the roles were derived from."""
	connection.execute(text(f"comment on schema public is 'apg {root.fingerprint}'"))


def check_server(connection: Connection) -> None:
	"""Raises MigrationProblem when the server is too old or lacks an extension."""
	number = int(connection.scalar(text("show server_version_num")) or 0)
	if number < 160000:
		raise MigrationProblem(
			f"PostgreSQL {number // 10000} is too old.", "Use PostgreSQL 16 or newer."
		)
	there = {row[0] for row in connection.execute(text("select name from pg_available_extensions"))}
	if missing := [name for name in EXTENSIONS if name not in there]:
		raise MigrationProblem(
			f"The server lacks the extensions {', '.join(missing)}.",
			"Install PostgreSQL's contrib package (for example postgresql-contrib) and run again.",
		)
	connection.rollback()


def version(connection: Connection, history: History) -> str | None:
	"""Where the database stands in a history; None before its first step."""
	if connection.scalar(text("select to_regclass(:name)"), {"name": history.table}) is None:
		return None
	return connection.scalar(text(f"select version_num from {history.table}"))  # noqa: S608


def _refuse_newer(connection: Connection, history: History) -> None:
	stands = version(connection, history)
	if stands is None:
		return
	if stands not in {step.revision for step in history.script().walk_revisions()}:
		raise MigrationProblem(
			f"The database is newer than this program: {history.short} stands at {stands}, "
			f"which is unknown here (newest: {history.head()}).",
			"Install the version that made it, or restore a backup made by this version.",
		)


def _upgrade(connection: Connection, history: History) -> list[str]:
	from alembic.runtime.environment import EnvironmentContext

	script = history.script()
	stands, head = version(connection, history), script.get_current_head()
	connection.rollback()
	if stands == head:
		return []

	def steps(revision: Any, context: "MigrationContext") -> Any:
		return script._upgrade_revs("head", revision)  # pyright: ignore[reportPrivateUsage]

	with EnvironmentContext(history.config(), script, fn=steps) as environment:
		environment.configure(
			connection=connection,
			version_table=history.table,
			transaction_per_migration=True,
		)
		# Each step is a transaction of its own, and the role ends with it.
		event.listen(connection, "begin", _as_owner)
		with environment.begin_transaction():
			environment.run_migrations()
		event.remove(connection, "begin", _as_owner)
	return [f"{history.short}: {stands or 'nothing'} → {head}"]


def _as_owner(connection: Connection) -> None:
	connection.connection.cursor().execute("set local role apg_owner")


def pending(url: str, composition: Composition) -> list[str]:
	"""Histories that are behind; for `/ready` and the doctor."""
	engine = admin_engine(url)
	with _reaching(url), engine.connect() as connection:
		return [h.short for h in histories(composition) if version(connection, h) != h.head()]
