"""A Core select becomes one statement that returns finished JSON; the hot path of every read.

Amounts keep their digits (`trim_scale`), times are RFC 3339 with `Z`, ids are lower-case text,
null fields are present: the same forms as `apg.kernel.web.wire` gives a single object. A column
labelled `etag` is not part of the object; it becomes the entity tag of the answer.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import DateTime, Numeric, Text, cast, func, literal_column, select

from apg.kernel.database import AnySelect
from apg.kernel.tenancy import bind_script

if TYPE_CHECKING:
	from apg.kernel.work import Work

EXACT_COUNT = 10_000
COUNT_SECONDS = 5.0
_forms: dict[Any, "_Form"] = {}
_counts: dict[Any, tuple[float, int]] = {}

# Executed by the kernel's migration: the wire form of a time, and a literal for ILIKE.
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


def _as_json(statement: AnySelect, shape: str) -> AnySelect:
	if shape == "count":
		one = literal_column("1").label("one")
		inner = statement.order_by(None).with_only_columns(one, maintain_column_froms=True)
		inner = inner.limit(EXACT_COUNT + 1).subquery("c")
		return select(func.count()).select_from(inner)
	rows = statement.subquery("r")
	shaped = select(
		*(wire_form(column).label(column.key) for column in rows.c if column.key != "etag")
	).subquery("w")
	body = func.row_to_json(literal_column("w"))
	if shape == "list":
		return select(
			func.coalesce(cast(func.json_agg(body), Text), literal_column("'[]'"))
		).select_from(shaped)
	if "etag" not in rows.c:
		return select(cast(body, Text), literal_column("null")).select_from(shaped)
	tagged = select(
		cast(rows.c.etag, Text).label("etag"),
		*(wire_form(column).label(column.key) for column in rows.c if column.key != "etag"),
	).subquery("t")
	plain = select(*(column for column in tagged.c if column.key != "etag")).lateral("w")
	return select(cast(body, Text), tagged.c.etag).select_from(
		tagged.join(plain, literal_column("true"))
	)


class _Form:
	"""The compiled text of one form of statement, and where each argument comes from."""

	__slots__ = ("processors", "sql", "whence")

	def __init__(self, statement: AnySelect, shape: str, dialect: Any, binds: list[Any]) -> None:
		compiled = dialect.statement_compiler(dialect, _as_json(statement, shape))
		if compiled.post_compile_params:
			raise TypeError("a hot read takes `= any(array)` in place of `in (…)`")
		places = {id(bind): n for n, bind in enumerate(binds)}
		keys = {bind.key: n for n, bind in enumerate(binds)}
		self.sql: str = compiled.string
		self.whence: list[tuple[int | None, Any]] = []
		self.processors: list[Any] = []
		for name in compiled.positiontup or ():
			bind = compiled.binds[name]
			place = places.get(id(bind), keys.get(bind.key))
			self.whence.append((place, None if place is not None else bind.effective_value))
			self.processors.append(compiled._bind_processors.get(name))

	def arguments(self, binds: list[Any]) -> list[Any]:
		values: list[Any] = []
		for (place, constant), processor in zip(self.whence, self.processors, strict=True):
			value = constant if place is None else binds[place].effective_value
			values.append(processor(value) if processor else value)
		return values


def prepare(statement: AnySelect, shape: str, dialect: Any) -> tuple[str, list[Any]]:
	"""SQL and arguments for the driver; the text is compiled once per form of the statement."""
	key = statement._generate_cache_key()  # pyright: ignore[reportPrivateUsage]
	if key is None:
		raise TypeError("a hot read must be a plain, cacheable select")
	binds = list(key.bindparams)
	form = _forms.get((key.key, shape))
	if form is None:
		form = _forms[(key.key, shape)] = _Form(statement, shape, dialect, binds)
	return form.sql, form.arguments(binds)


async def _run(work: "Work", calls: list[tuple[str, list[Any]]]) -> list[Any]:
	"""First rows of the statements, in the session of the Work or on a borrowed connection.

	Borrowed: begin and BIND in one message, the selects, commit. Nothing stays bound.
	"""
	found: list[Any] = []
	if work.is_open:
		raw = await (await work.connection()).get_raw_connection()
		driver: Any = raw.driver_connection
		for sql, arguments in calls:
			found.append(await driver.fetchrow(sql, *arguments))
		return found
	raw = await work.runtime.engine.raw_connection()
	try:
		driver = raw.driver_connection
		try:
			await driver.execute(bind_script(work.binding))
			for sql, arguments in calls:
				found.append(await driver.fetchrow(sql, *arguments))
			await driver.execute("commit")
		except BaseException:
			if not driver.is_closed():
				await driver.execute("rollback")
			raise
	finally:
		raw.close()
	return found


async def rows(work: "Work", statement: AnySelect) -> bytes:
	"""All rows of the select as a JSON array."""
	call = prepare(statement, "list", work.runtime.engine.dialect)
	return (await _run(work, [call]))[0][0].encode()


async def one(work: "Work", statement: AnySelect) -> One | None:
	"""The only row of the select as a JSON object, or None."""
	call = prepare(statement, "one", work.runtime.engine.dialect)
	found = (await _run(work, [call]))[0]
	return None if found is None else One(found[0].encode(), found[1])


async def page(work: "Work", statement: AnySelect, *, limit: int, offset: int) -> Page:
	"""The rows from `offset`, and the count of all: exact to 10,000, then what the planner says."""
	dialect = work.runtime.engine.dialect
	count = prepare(statement, "count", dialect)
	calls = [prepare(statement.limit(limit).offset(offset), "list", dialect)]
	key = (work.principal.tenant_id, work.principal.reach, count[0], repr(count[1]))
	held = _counts.get(key)
	known = held is not None and not work.is_open and time.monotonic() - held[0] < COUNT_SECONDS
	if not known:
		calls.append(count)
		if held is not None:  # one request counts anew, the others take the old figure meanwhile
			_counts[key] = (time.monotonic(), held[1])
	found = await _run(work, calls)
	if held is not None and known:
		total = held[1]
	else:
		total = int(found[1][0])
		if total > EXACT_COUNT:
			total = max(total, await _estimate(work, statement))
		if len(_counts) > 10_000:
			_counts.clear()
		_counts[key] = (time.monotonic(), total)
	return Page(found[0][0].encode(), total, estimated=total > EXACT_COUNT)


async def _estimate(work: "Work", statement: AnySelect) -> int:
	sql, arguments = prepare(statement, "list", work.runtime.engine.dialect)
	inner = (await _run(work, [("explain (format json) " + sql, arguments)]))[0][0]
	plan = (orjson.loads(inner) if isinstance(inner, (str, bytes)) else inner)[0]["Plan"]
	while plan.get("Node Type") in ("Aggregate", "Subquery Scan", "Limit") and plan.get("Plans"):
		plan = plan["Plans"][0]
	return int(plan["Plan Rows"])


def forget_counts(tenant_id: str) -> None:
	"""Drops what this process remembers of a tenant's counts, after a write of its own."""
	for key in [key for key in _counts if key[0] == tenant_id]:
		_counts.pop(key, None)
