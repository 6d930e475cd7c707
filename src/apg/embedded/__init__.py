"""The bundled PostgreSQL: a real server for a home, without any set-up by a person."""

from __future__ import annotations

from apg.embedded.errors import EmbeddedError
from apg.embedded.launcher import Server, remove, start, stop

__all__ = ["EmbeddedError", "Server", "remove", "start", "stop"]
