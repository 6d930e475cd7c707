"""Rows by the thousand in one statement of arrays, and lists as one parameter."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnClause, Text, any_, cast, column, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from apg.kernel.database import dump_json, id_type
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.work import Work, conflict_of


def texts(values: Iterable[str]) -> Any:
	"""`column == texts(…)`: any of them, as one parameter."""
	return any_(literal(list(values), ARRAY(Text)))


def ids(values: Iterable[str]) -> Any:
	"""`column == ids(…)`: any of them, as one parameter."""
	return any_(literal(list(values), ARRAY(id_type)))


async def insert_rows(work: Work, entity: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
	"""All rows in one statement, stamped like rows of the session; every row names the same columns.

	Triggers that run once a statement run once. Raises Conflict in the words of the constraint.
	"""
	if not rows:
		return
	now, actor = utc_now(), work.principal.user_id
	stamps: dict[str, Any] = {
		"tenant_id": work.principal.tenant_id,
		"version": 1,
		"created_at": now,
		"updated_at": now,
		"created_by": actor,
		"updated_by": actor,
	}
	table = entity.__table__
	names = list({"id": None} | stamps | dict(rows[0]))
	arrays: list[Any] = []
	columns: list[ColumnClause[Any]] = []
	for name in names:
		kind = table.c[name].type
		if name == "id":
			values = [row.get("id") or new_id() for row in rows]
		else:
			values = [row.get(name, stamps.get(name)) for row in rows]
		if isinstance(kind, JSONB):
			values = [None if value is None else dump_json(value) for value in values]
			kind = Text()
		arrays.append(literal(values, ARRAY(kind)))
		columns.append(column(name, kind))
	given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
	taken = [
		cast(given.c[name], table.c[name].type)
		if isinstance(table.c[name].type, JSONB)
		else given.c[name]
		for name in names
	]
	statement = insert(table).from_select(names, select(*taken), include_defaults=False)
	await work.flush()
	try:
		await (await work.connection()).execute(statement)
	except IntegrityError as error:
		raise conflict_of(error) from error
