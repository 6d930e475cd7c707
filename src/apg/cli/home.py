"""The home of an installation: its root secret, its embedded database, its addresses."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from apg.cli.output import Failure
from apg.kernel.settings import Settings


def prepare_home(settings: Settings) -> Path:
	"""Makes the folder and answers its absolute path."""
	from apg.embedded.state import prepare_home as prepare

	home = settings.home.expanduser().absolute()
	try:
		prepare(home)
	except OSError as error:
		raise Failure(
			f"The folder {home} cannot be made: {error.strerror}.", "Set APG_HOME to another one."
		) from error
	return home


def with_secret(settings: Settings, home: Path) -> Settings:
	"""The settings with a root secret: APG_SECRET_KEY, else the home's own, made once."""
	if settings.secret_key:
		return settings
	from apg.kernel.keys import new_root_secret

	path = home / "secret"
	if not path.exists():
		try:
			descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
			with os.fdopen(descriptor, "w") as file:
				file.write(new_root_secret() + "\n")
		except OSError as error:
			raise Failure(
				f"The root secret cannot be written to {path}: {error.strerror}.",
				"Free some space, or set APG_SECRET_KEY.",
			) from error
	return settings.model_copy(update={"secret_key": path.read_text().strip()})


@contextmanager
def database_of(settings: Settings, home: Path) -> Generator[Settings]:
	"""Settings whose addresses are known; the embedded server is started if there is no URL.

	It is stopped at the end only when this process started it.
	"""
	if settings.database_url:
		admin = settings.database_admin_url or settings.database_url
		yield settings.model_copy(update={"database_admin_url": admin})
		return
	from apg.embedded import launcher

	server = launcher.start(home)
	try:
		yield settings.model_copy(
			update={"database_url": server.admin_url, "database_admin_url": server.admin_url}
		)
	finally:
		if server.started_here:
			launcher.stop(server)


@contextmanager
def installation() -> Generator[Settings]:
	"""Home, secret and database of this installation, for commands that need all three."""
	settings = Settings()
	home = prepare_home(settings)
	settings = with_secret(settings.model_copy(update={"home": home}), home)
	with database_of(settings, home) as complete:
		yield complete


def refuse_taken_port(settings: Settings) -> None:
	"""Raises Failure when another program listens where we want to."""
	family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
	with socket.socket(family, socket.SOCK_STREAM) as probe:
		probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
			probe.bind((settings.host, settings.port))
		except OSError as error:
			raise Failure(
				f"{settings.host}:{settings.port} cannot be used: {error.strerror}.",
				"Stop the program that listens there, or set APG_PORT (or APG_HOST).",
			) from error
