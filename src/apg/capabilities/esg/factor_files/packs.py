"""Published packs of factors: loaded by the operator as the owner of the tables, by no one else.

Web and worker may only read them. A pack is known by the hash of its file; the same file again
changes nothing. Every company then approves it for itself, or does not.
"""

import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from apg.capabilities.esg.factor_files.files import Given
from apg.capabilities.esg.factor_files.reading_files import check
from apg.capabilities.esg.factor_files.service import SHIPPED
from apg.capabilities.esg.factor_files.writing import (
	PACKS,
	differences,
	known_of,
	known_sql,
	statements,
	writing_of,
)
from apg.capabilities.esg.shared.factor_words import told_of
from apg.kernel.migrating import admin_engine

DATA = Path(__file__).parent.parent / "data"


def pack_file(name: str) -> Path:
	"""The file of that name, or the shipped set of that name."""
	return DATA / SHIPPED[name] if name in SHIPPED else Path(name)


def load_pack(
	admin_url: str, content: bytes, file_name: str, given: Given, *, dry_run: bool = False
) -> dict[str, Any]:
	"""Loads a file for all companies: `{"accepted", "counts", "findings", "pack_id"}`.

	Raises Unreadable.
	"""
	engine = admin_engine(admin_url)
	try:
		with engine.begin() as connection:
			connection.exec_driver_sql("set local role apg_owner")
			return _load(connection, content, file_name, given, dry_run)
	finally:
		engine.dispose()


def _load(
	connection: Connection, content: bytes, file_name: str, given: Given, dry_run: bool
) -> dict[str, Any]:
	sha256 = hashlib.sha256(content).hexdigest()
	checked = check(content, given)
	connection.execute(text("select pg_advisory_xact_lock(7267, 33)"))
	known = known_of(connection.execute(known_sql(PACKS), {"series": checked.file.series}).all())
	found = differences(checked.file.drafts, known)
	findings = [
		{"row": draft.where, "name": draft.name, "reason": told["reason"], "remedy": told["remedy"]}
		for draft in checked.file.drafts
		for told in map(told_of, draft.findings)
	]
	held = connection.scalar(
		text("select id::text from esg_factor_packs where file_sha256 = :sha"), {"sha": sha256}
	)
	fresh = bool(found.added or found.changed) and held is None
	report: dict[str, Any] = {
		"accepted": fresh and not dry_run,
		"counts": {**checked.counts(), **found.counts},
		"findings": findings,
		"pack_id": held,
		"title": f"{checked.file.title} {checked.file.edition}".strip(),
	}
	if fresh and not dry_run:
		made = writing_of(checked, found, known, file_name, sha256)
		for statement, parameters in statements(PACKS, made):
			connection.execute(statement, dict(parameters))
		report["pack_id"] = made.source_id
	return report
