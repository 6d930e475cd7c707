"""Whether the database stands where this code wants it, without loading the product.

After a migration the home remembers a hash over all that shapes the database, and what the
database then said of itself. A later start compares both in milliseconds; what differs is settled
by the migration itself.
"""

import hashlib
import json
from importlib.metadata import entry_points, version
from pathlib import Path

from apg.kernel.private_files import write_private
from apg.kernel.settings import Settings

CODE = Path(__file__).resolve().parent.parent
STANDS = """
	select (select json_agg(array[short, version] order by short)::text from schema_versions()),
		(select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'public'),
		(select count(*) > 0 from tenants where slug = 'demo')
"""


def _hash(settings: Settings) -> str:
	digest = hashlib.sha256(settings.secret_key.encode())
	shaping = sorted(CODE.glob("**/migrations/versions/*.py"))
	for file in (*shaping, CODE / "app.py", CODE / "kernel" / "roles.py"):
		digest.update(str(file.relative_to(CODE)).encode() + b"\0" + file.read_bytes() + b"\0")
	digest.update(version("CurrencyConverter").encode())
	for point in sorted(entry_points(group="apg.capabilities"), key=lambda one: one.name):
		digest.update(f"{point.name} {point.value} {point.dist and point.dist.version}".encode())
	return digest.hexdigest()


def _stands(settings: Settings) -> tuple[str, str, bool] | None:
	"""Versions, mark of the root secret, and whether there is a demo company; None: not migrated."""
	import psycopg

	with psycopg.connect(
		settings.database_admin_url, connect_timeout=5, autocommit=True, application_name="apg run"
	) as connection:
		try:
			row = connection.execute(STANDS).fetchone()
		except (psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable):
			return None
	return (str(row[0]), str(row[1]), bool(row[2])) if row else None


def is_current(settings: Settings) -> bool:
	"""True when nothing has to be migrated. Raises psycopg.Error when the database is away."""
	try:
		held = json.loads((settings.home / "schema.json").read_text("utf-8"))
	except (FileNotFoundError, ValueError):
		return False
	stands = _stands(settings)
	return stands is not None and held == _content(settings, stands)


def remember(settings: Settings) -> None:
	"""Notes where the database stands after a migration."""
	if stands := _stands(settings):
		write_private(settings.home / "schema.json", _content(settings, stands))


def has_demo(settings: Settings) -> bool:
	"""True when the demo company is there and its logins are known."""
	stands = _stands(settings)
	return bool(stands and stands[2]) and (settings.home / "demo.json").exists()


def _content(settings: Settings, stands: tuple[str, str, bool]) -> dict[str, object]:
	return {"code": _hash(settings), "versions": stands[0], "mark": stands[1]}
