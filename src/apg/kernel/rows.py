"""Rows by the hundred: read by lists, written in one statement for all that look alike.

The session's way of one statement per row would take seconds; stamps and versions move all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
	ARRAY,
	ColumnClause,
	Table,
	Text,
	any_,
	cast,
	column,
	func,
	insert,
	literal,
	select,
	update,
)
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


def wanted(values: Iterable[str]) -> Any:
	"""A table of one column `text` to join on: thousands of values by a hash, whatever the planner
	believes of tables that were filled a second ago."""
	return (
		select(func.unnest(literal(list(values), ARRAY(Text))).label("text")).distinct().subquery()
	)


def _stamped(work: Work, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
	actor = work.principal.user_id
	return {
		"id": new_id(),
		"tenant_id": work.principal.tenant_id,
		"version": 1,
		"created_at": now,
		"updated_at": now,
		"created_by": actor,
		"updated_by": actor,
		**row,
	}


async def _run(work: Work, statement: Any) -> None:
	# By the connection itself: what the session still holds goes first, then many rows at once.
	await work.flush()
	try:
		await (await work.connection()).execute(statement)
	except IntegrityError as error:
		raise conflict_of(error) from error


def _given(table: Table, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
	"""The rows as a table of the statement: one array a column. One statement is parsed and planned
	once, and triggers that run once a statement run once."""
	arrays: list[Any] = []
	columns: list[ColumnClause[Any]] = []
	for name in names:
		kind = table.c[name].type
		values = [row[name] for row in rows]
		if isinstance(kind, JSONB):
			values = [None if value is None else dump_json(value) for value in values]
			kind = Text()
		arrays.append(literal(values, ARRAY(kind)))
		columns.append(column(name, kind))
	return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()


def _taken(table: Table, given: Any, name: str) -> Any:
	kind = table.c[name].type
	return cast(given.c[name], kind) if isinstance(kind, JSONB) else given.c[name]


async def insert_rows(work: Work, entity: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
	"""All rows in one statement, stamped like rows of the session. Every row names the same columns.
	Raises Conflict in the words of the constraint."""
	if not rows:
		return
	table, now = entity.__table__, utc_now()
	names = list(_stamped(work, rows[0], now))
	given = _given(table, [_stamped(work, row, now) for row in rows], names)
	select_all = select(*(_taken(table, given, name) for name in names))
	await _run(work, insert(table).from_select(names, select_all, include_defaults=False))


async def update_rows(
	work: Work, entity: type[Any], changes: Mapping[str, Mapping[str, Any]]
) -> None:
	"""Sets columns of rows by id; version and stamps move with them, also where no column is named.
	Rows with the same columns go in one statement."""
	table = entity.__table__
	alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
	for row_id, values in sorted(changes.items()):
		alike.setdefault(tuple(sorted(values)), []).append({"id": row_id, **values})
	for names, rows in alike.items():
		given = _given(table, rows, ("id", *names))
		stamps = {
			"version": table.c.version + 1,
			"updated_at": utc_now(),
			"updated_by": work.principal.user_id,
		}
		values = {name: _taken(table, given, name) for name in names}
		await _run(work, update(table).where(table.c.id == given.c.id).values(values | stamps))


async def delete_rows(work: Work, entity: type[Any], row_ids: Sequence[str]) -> None:
	"""Takes rows away by id; the trail keeps them."""
	if row_ids:
		table = entity.__table__
		await _run(work, table.delete().where(table.c.id == ids(row_ids)))
