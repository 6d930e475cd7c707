"""Search in the trail, and the history of rows for other capabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.contracts.audit import TrailEntry
from apg.contracts.identity import Identity
from apg.kernel.audit import AuditEntry
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid, NotFound
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web.lists import ListSpec, ListState
from apg.kernel.work import Work
from apg.platform.audit.trail.models import human_tables, select_entries

# Columns that change with every change and tell nothing in a history.
NOISE = frozenset(
	{"id", "tenant_id", "version", "created_at", "created_by", "updated_at", "updated_by"}
)
LARGEST_SEQ = 2**63 - 1


class Trail:
	"""The provider of the port AuditTrail."""

	async def history_of(
		self, work: Work, table: str, *row_ids: str, limit: int = 50
	) -> Sequence[TrailEntry]:
		return await history_of(work, table, *row_ids, limit=limit)

	async def removed(
		self, work: Work, table: str, column: str, value: str, *, limit: int = 50
	) -> Sequence[str]:
		e = AuditEntry
		return await work.scalars(
			select(e.row_id)
			.where(
				e.table_name == table,
				e.operation == "delete",
				e.row_id.is_not(None),
				e.before[column].as_string() == value,
			)
			.order_by(e.seq.desc())
			.limit(limit)
		)


@dataclass(frozen=True, slots=True)
class Found:
	"""One page of entries as plain values, and how many there are."""

	rows: list[dict[str, Any]]
	total: int
	estimated: bool


def narrowed(query: Any, state: ListState) -> Any:
	"""The select with the conditions of the filters."""
	e = AuditEntry
	for name, column in (
		("table", e.table_name),
		("row_id", e.row_id),
		("action", e.action),
		("request_id", e.request_id),
	):
		if state[name] is not None:
			query = query.where(column == state[name])
	if operations := state.values("operation"):
		query = query.where(e.operation == any_(_texts(operations)))
	if (user := state["user"]) is not None:
		query = query.where(_by(str(user)))
	query = _between(query, state)
	if (before := state["before"]) is not None:
		query = query.where(e.seq < _whole(before))
	return query


async def listed(work: Work, state: ListState) -> Found:
	"""One page of the trail, newest first unless asked otherwise."""
	e = AuditEntry
	columns: dict[str, Any] = {"seq": e.seq}
	query = narrowed(select_entries(), state)
	query = state.window(query, columns, e.seq.desc()).limit(None).offset(None)
	page = await work.read_list(query, limit=state.page_size, offset=state.offset)
	rows: list[dict[str, Any]] = load_json(page.body)
	return Found(await named(work, rows), page.total, page.estimated)


def _by(user: str) -> Any:
	if user == "system":
		return AuditEntry.user_id.is_(None)
	if not is_id(user):
		raise Invalid.one("user", _("must be the id of a person, or “system”"))
	return AuditEntry.user_id == user


def _between(query: Any, state: ListState) -> Any:
	e = AuditEntry
	first, last = state["from"], state["to"]
	if isinstance(first, date):
		query = query.where(e.occurred_at >= day_start(first))
	if isinstance(last, date):
		query = query.where(e.occurred_at < day_start(last, after=1))
	return query


def day_start(day: date, *, after: int = 0) -> datetime:
	"""The first moment, in UTC, of the day or of so many days later."""
	return datetime.combine(day + timedelta(days=after), time(), UTC)


def _texts(values: Sequence[str]) -> Any:
	return bindparam(None, list(values), ARRAY(Text()))


def _whole(number: Any) -> int:
	if (
		isinstance(number, Decimal)
		and number == number.to_integral_value()
		and number <= LARGEST_SEQ
	):
		return int(number)
	raise Invalid.one("before", _("must be the number of an entry"))


async def read(work: Work, seq: str) -> dict[str, Any]:
	"""One entry. Raises NotFound."""
	if not (seq.isascii() and seq.isdigit() and int(seq) <= LARGEST_SEQ):
		raise NotFound(_("{what} not found", what=_("entry")))
	one = await work.read_one(select_entries().where(AuditEntry.seq == int(seq)), AuditEntry)
	return (await named(work, [load_json(one.body)]))[0]


async def named(work: Work, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""The rows with the name of the person beside his id, asked for once."""
	ids = {row["user_id"] for row in rows if row["user_id"]}
	people = await work.port(Identity).people(work, ids) if ids else {}
	full: list[dict[str, Any]] = []
	for row in rows:
		with_name: dict[str, Any] = {}
		for name, value in row.items():
			with_name[name] = value
			if name == "user_id":
				person = people.get(value) if value else None
				with_name["user_name"] = (
					(person.display_name or person.username) if person else None
				)
		full.append(with_name)
	return full


async def history_of(work: Work, table: str, *row_ids: str, limit: int = 50) -> list[TrailEntry]:
	"""The latest changes of rows of one table, newest first."""
	if not row_ids:
		return []
	e = AuditEntry
	query = (
		select_entries()
		.where(e.table_name == table, e.row_id == any_(_texts(row_ids)))
		.order_by(e.seq.desc())
		.limit(limit)
	)
	rows = await named(work, load_json(await work.read_json(query)))
	return [entry_of(row) for row in rows]


def entry_of(row: dict[str, Any]) -> TrailEntry:
	"""A row of the wire as the entry that pages show."""
	changes = changes_of(row)
	return TrailEntry(
		seq=row["seq"],
		table=row["table"],
		row_id=row["row_id"] or "",
		operation=row["operation"],
		action=row["action"],
		at=datetime.fromisoformat(row["occurred_at"]),
		user_id=row["user_id"],
		who=who(row),
		what=what(row["operation"], [name for name, _old, _new in changes]),
		changes=tuple(changes),
		request_id=row["request_id"],
	)


def who(row: dict[str, Any]) -> str:
	"""The name, or what stands for it."""
	if row["user_name"]:
		return row["user_name"]
	return _("A former member") if row["user_id"] else _("The system")


def what(operation: str, columns: Sequence[str]) -> str:
	"""What was done, as a sentence without its subject."""
	if operation == "insert":
		return _("created it")
	if operation == "delete":
		return _("deleted it")
	if operation == "bulk":
		return _("changed many rows at once")
	shown = ", ".join(name.removesuffix("_id").replace("_", " ") for name in columns[:4])
	more = len(columns) - 4
	if not columns:
		return _("saved it")
	return (
		_("changed {names} and {n} more", names=shown, n=more)
		if more > 0
		else _("changed {names}", names=shown)
	)


def changes_of(row: dict[str, Any], *, noise: bool = False) -> list[tuple[str, Any, Any]]:
	"""(column, old, new) of what differs, by name of the column."""
	old, new = row["before"] or {}, row["after"] or {}
	return [
		(name, old.get(name), new.get(name))
		for name in sorted(old.keys() | new.keys())
		if (noise or name not in NOISE) and (old.get(name), new.get(name)) != (None, None)
	]


def rows_of(row: dict[str, Any]) -> int | None:
	"""How many rows a bulk change touched; None for a change of one."""
	count = (row["after"] or row["before"] or {}).get("rows")
	return count if row["operation"] == "bulk" and isinstance(count, int) else None


def spec(given: ListSpec) -> ListSpec:
	"""The list with the kinds of row to choose from, in words."""
	words = sorted((_(word).capitalize(), table) for table, word in human_tables().items())
	kinds = [(table, word) for word, table in words]
	filters = tuple(
		replace(one, kind="choice", choices=kinds) if one.name == "table" else one
		for one in given.filters
	)
	return replace(given, filters=filters)


def human(table: str) -> str:
	"""What a person calls a row of the table."""
	return _(human_tables().get(table, table.replace("_", " ")))
