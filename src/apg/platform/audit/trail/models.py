"""Questions to the trail. The table and its trigger are the kernel's; nobody writes it by hand."""

from typing import Any

from sqlalchemy import select

from apg.kernel.audit import AuditEntry
from apg.kernel.database import Base


def select_entries() -> Any:
	"""Entries in their wire form, without the name of the person."""
	e = AuditEntry
	return select(
		e.seq.label("seq"),
		e.occurred_at.label("occurred_at"),
		e.user_id.label("user_id"),
		e.action.label("action"),
		e.operation.label("operation"),
		e.table_name.label("table"),
		e.row_id.label("row_id"),
		e.before.label("before"),
		e.after.label("after"),
		e.origin.label("origin"),
		e.request_id.label("request_id"),
	)


def human_tables() -> dict[str, str]:
	"""Table → what a person calls one row of it."""
	found: dict[str, str] = {}
	for mapper in Base.registry.mappers:
		name = getattr(mapper.local_table, "name", None)
		if name:
			word = getattr(mapper.class_, "__human__", None)
			found[str(name)] = word or str(name).replace("_", " ")
	return found
