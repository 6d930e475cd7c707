"""A Core select becomes one statement that returns finished JSON; the hot path of every read.

Amounts keep their digits (`trim_scale`), times are RFC 3339 with `Z`, ids are lower-case text,
null fields are present: the same forms as `apg.kernel.web.wire` gives a single object. A column
labelled `etag` is not part of the object; it becomes the entity tag of the answer.

Where no transaction is open, BIND and the select are one statement on a borrowed connection: the
select stands in a lateral part that needs what BIND answers, so it cannot begin before it, and the
settings end with the statement. Were it ever to begin earlier, it would see no rows at all.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
	DateTime,
	Integer,
	Numeric,
	Text,
	TextClause,
	bindparam,
	cast,
	func,
	literal_column,
	select,
)

from apg.kernel.database import AnySelect
from apg.kernel.tenancy import BOUND

if TYPE_CHECKING:
	from apg.kernel.work import Work

EXACT_COUNT = 10_000
COUNT_SECONDS = 5.0
CHEAP_COUNT = 1_000  # so few are counted anew each time
# First pages of these sizes have their LIMIT in the text: for a parameter it plans anew each time.
WRITTEN_LIMITS = frozenset({10, 20, 25, 50, 100})
_forms: dict[Any, tuple["_Form", list[str]]] = {}
_counts: dict[Any, tuple[float, int]] = {}

# Executed by the kernel's first migration; its sixth has a quicker form of a time.
DDL: tuple[str, ...] = (
	"""
	create function apg_time(t timestamptz) returns text language sql immutable parallel safe
	return rtrim(rtrim(to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'
	""",
	r"""
	create function apg_like(t text) returns text language sql immutable parallel safe
	return '%' || replace(replace(replace(t, '\', '\\'), '%', '\%'), '_', '\_') || '%'
	""",
	"grant execute on function apg_time(timestamptz), apg_like(text) to public",
)


@dataclass(frozen=True, slots=True)
class Page:
	"""One page of a list: the JSON array, how many rows there are, and whether that is a guess."""

	body: bytes
	total: int
	estimated: bool = False


@dataclass(frozen=True, slots=True)
class One:
	"""One object as JSON, with its entity tag when the select names one."""

	body: bytes
	etag: str | None = None


def wire_form(column: Any) -> Any:
	"""The expression whose JSON is the wire form of the column."""
	if isinstance(column.type, Numeric) and column.type.asdecimal:
		return func.trim_scale(column)
	if isinstance(column.type, DateTime):
		return func.apg_time(column)
	return column


class Prepared:
	"""A statement that is built once; its values are given by the names of its bound parameters."""

	__slots__ = ("forms", "statement")

	def __init__(self, statement: AnySelect | TextClause) -> None:
		self.statement: Any = statement
		self.forms: dict[str, _Form] = {}


Sorting = tuple[tuple[str, bool], ...]  # (field, descending)
Values = Mapping[str, Any]
Call = tuple["_Form", list[Any]]


def _as_json(statement: AnySelect, shape: str) -> AnySelect:
	if shape == "count":
		one = literal_column("1").label("one")
		inner = statement.order_by(None).with_only_columns(one, maintain_column_froms=True)
		inner = inner.limit(EXACT_COUNT + 1).subquery("c")
		return select(func.count()).select_from(inner)
	if shape == "rows":
		return statement
	if shape.startswith("first "):
		statement = statement.limit(literal_column(shape.split()[1], Integer))
	elif shape == "page":
		limit, offset = (bindparam(name, type_=Integer) for name in ("row_limit", "row_offset"))
		statement = statement.limit(limit).offset(offset)
	rows = statement.subquery("r")
	shaped = select(
		*(wire_form(column).label(column.key) for column in rows.c if column.key != "etag")
	).subquery("w")
	body = func.row_to_json(literal_column("w"))
	if shape in ("list", "page") or shape.startswith("first "):
		array = func.coalesce(cast(func.json_agg(body), Text), literal_column("'[]'"))
		return select(array, func.count()).select_from(shaped)
	if "etag" not in rows.c:
		return select(cast(body, Text), literal_column("null")).select_from(shaped)
	tagged = select(
		cast(rows.c.etag, Text).label("etag"),
		*(wire_form(column).label(column.key) for column in rows.c if column.key != "etag"),
	).subquery("t")
	columns = (column for column in tagged.c if column.key != "etag")
	plain = select(*columns).correlate(tagged).lateral("w")
	return select(cast(body, Text), tagged.c.etag).select_from(
		tagged.join(plain, literal_column("true"))
	)


class _Form:
	"""The compiled text of one form of statement, and where each argument comes from."""

	__slots__ = ("alone", "arguments_of", "sql")

	def __init__(self, statement: AnySelect, shape: str, dialect: Any) -> None:
		compiled = dialect.statement_compiler(dialect, _as_json(statement, shape))
		if compiled.post_compile_params:
			raise TypeError("a hot read takes `= any(array)` in place of `in (…)`")
		self.sql: str = compiled.string
		places = list(compiled.positiontup or ())
		self.arguments_of = [
			(bind.key, bind, compiled._bind_processors.get(name))
			for name in places
			for bind in (compiled.binds[name],)
		]
		calls = ", ".join(
			f"set_config('{name}', ${place}, true) as b{place}"
			for place, name in enumerate(BOUND, start=len(places) + 1)
		)
		self.alone = (
			f"select h.* from (select {calls} offset 0) b cross join lateral "  # noqa: S608
			"(select q.* from "
			f"({self.sql}) q where b.b{len(places) + 1} is not null offset 0) h"
		)

	def arguments(self, values: Values, binds: Mapping[Any, Any] | None = None) -> list[Any]:
		"""In the order of the text: a named value, else what the select at hand or the form holds."""
		found: list[Any] = []
		for key, bind, processor in self.arguments_of:
			if key in values:
				value = values[key]
			elif binds is None:
				value = bind.effective_value
			else:
				value = binds.get(key, bind).effective_value
			found.append(processor(value) if processor else value)
		return found


def prepare(
	statement: AnySelect | Prepared, shape: str, dialect: Any, values: Values | None = None
) -> Call:
	"""SQL and arguments for the driver; the text is compiled once per form of the statement."""
	if isinstance(statement, Prepared):
		form = statement.forms.get(shape)
		if form is None:
			form = statement.forms[shape] = _Form(statement.statement, shape, dialect)
		return form, form.arguments(values or {})
	key = statement._generate_cache_key()  # pyright: ignore[reportPrivateUsage]
	if key is None:
		raise TypeError("a hot read must be a plain, cacheable select")
	held = _forms.get((key.key, shape))
	if held is None:
		held = _forms[(key.key, shape)] = (
			_Form(statement, shape, dialect),
			[bind.key for bind in key.bindparams],
		)
	form, keys = held
	binds = dict(zip(keys, key.bindparams, strict=True))
	return form, form.arguments(values or {}, binds)


@asynccontextmanager
async def _driver(work: "Work") -> AsyncGenerator[Any]:
	"""The connection of the open transaction, else a borrowed one that is bound to nothing."""
	if work.is_open:
		yield await work.driver()
		return
	raw = await work.runtime.engine.raw_connection()
	try:
		yield raw.driver_connection
	finally:
		raw.close()


async def _run(work: "Work", calls: list[Call]) -> list[Any]:
	"""First rows of the statements."""
	bound = () if work.is_open else tuple(work.binding.values.values())
	async with _driver(work) as driver:
		return [
			await driver.fetchrow(form.alone if bound else form.sql, *arguments, *bound)
			for form, arguments in calls
		]


async def records(work: "Work", statement: Prepared, values: Values) -> list[Any]:
	"""The rows as the driver gives them: what a service reads many of before each write."""
	call = prepare(statement, "rows", work.runtime.engine.dialect, values)
	return await (await work.driver()).fetch(call[0].sql, *call[1])


async def rows(work: "Work", statement: AnySelect | Prepared, values: Values) -> bytes:
	"""All rows of the select as a JSON array."""
	call = prepare(statement, "list", work.runtime.engine.dialect, values)
	return (await _run(work, [call]))[0][0].encode()


async def one(work: "Work", statement: AnySelect | Prepared, values: Values) -> One | None:
	"""The only row of the select as a JSON object, or None."""
	call = prepare(statement, "one", work.runtime.engine.dialect, values)
	found = (await _run(work, [call]))[0]
	return None if found is None else One(found[0].encode(), found[1])


async def page(
	work: "Work", statement: AnySelect | Prepared, values: Values, *, limit: int, offset: int
) -> Page:
	"""The rows from `offset`, and the count of all: exact to 10,000, then what the planner says.

	A page that is not full is the last one and tells the count by itself. A count of over a thousand
	is kept for some seconds.
	"""
	dialect = work.runtime.engine.dialect
	limits = {**values, "row_limit": limit, "row_offset": offset}
	shape = f"first {limit}" if not offset and limit in WRITTEN_LIMITS else "page"
	shown = prepare(statement, shape, dialect, limits)
	count = prepare(statement, "count", dialect, values)
	key = (work.principal.tenant_id, work.principal.reach, id(count[0]), repr(count[1]))
	held = _counts.get(key)
	now = time.monotonic()
	if held is not None and not work.is_open and now - held[0] < COUNT_SECONDS:
		body, number = (await _run(work, [shown]))[0]
		if number == limit or not (number or not offset):
			return Page(body.encode(), held[1], estimated=held[1] > EXACT_COUNT)
		return Page(body.encode(), offset + number)
	if held is not None:  # one request counts anew, the others take the old figure meanwhile
		_counts[key] = (now, held[1])
	(body, number), *counted = await _run(work, [shown, count])
	total = int(counted[0][0])
	if total > EXACT_COUNT:
		total = max(total, await _estimate(work, statement, values))
	if total > CHEAP_COUNT:
		if len(_counts) > 10_000:
			_counts.clear()
		_counts[key] = (now, total)
	else:
		_counts.pop(key, None)
	return Page(body.encode(), total, estimated=total > EXACT_COUNT)


async def _estimate(work: "Work", statement: AnySelect | Prepared, values: Values) -> int:
	form, arguments = prepare(statement, "list", work.runtime.engine.dialect, values)
	async with _driver(work) as driver:  # a plan reads no rows, so nothing needs to be bound
		inner = await driver.fetchval("explain (format json) " + form.sql, *arguments)
	plan = (orjson.loads(inner) if isinstance(inner, (str, bytes)) else inner)[0]["Plan"]
	while plan.get("Node Type") in ("Aggregate", "Subquery Scan", "Limit") and plan.get("Plans"):
		plan = plan["Plans"][0]
	return int(plan["Plan Rows"])


def forget_counts(tenant_id: str) -> None:
	"""Drops what this process remembers of a tenant's counts, after a write of its own."""
	for key in [key for key in _counts if key[0] == tenant_id]:
		_counts.pop(key, None)
