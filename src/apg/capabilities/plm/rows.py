"""Rows by the hundred: read by lists, written in one statement for all that look alike.

The session's way of one statement per row would take seconds; stamps and versions move all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, func, insert, literal, select, update

from apg.kernel.database import id_type
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.work import Work


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


async def _run(work: Work, statement: Any, rows: Any = None) -> None:
	# By the connection itself: what the session still holds goes first, then many rows at once.
	await work.flush()
	await (await work.connection()).execute(statement, rows)


async def insert_rows(work: Work, entity: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
	"""All rows in one statement, stamped like rows of the session. Every row names the same columns."""
	if rows:
		now = utc_now()
		await _run(work, insert(entity.__table__), [_stamped(work, row, now) for row in rows])


async def update_rows(
	work: Work, entity: type[Any], changes: Mapping[str, Mapping[str, Any]]
) -> None:
	"""Sets columns of rows by id; version and stamps move with them, also where no column is named.
	Rows with the same columns go in one statement."""
	table = entity.__table__
	alike: dict[tuple[str, ...], list[str]] = {}
	for row_id, values in changes.items():
		alike.setdefault(tuple(sorted(values)), []).append(row_id)
	for columns, row_ids in alike.items():
		statement = (
			update(table)
			.where(table.c.id == bindparam("row_id"))
			.values(
				{name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns}
				| {
					"version": table.c.version + 1,
					"updated_at": utc_now(),
					"updated_by": work.principal.user_id,
				}
			)
		)
		await _run(
			work,
			statement,
			[
				{"row_id": row_id} | {f"new_{name}": changes[row_id][name] for name in columns}
				for row_id in row_ids
			],
		)


async def delete_rows(work: Work, entity: type[Any], row_ids: Sequence[str]) -> None:
	"""Takes rows away by id; the trail keeps them."""
	if row_ids:
		table = entity.__table__
		await _run(work, table.delete().where(table.c.id == ids(row_ids)))
