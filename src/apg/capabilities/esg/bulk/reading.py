"""The selects behind every answer about imports of many rows."""

from sqlalchemy import (
	BigInteger,
	Float,
	Integer,
	Text,
	case,
	column,
	func,
	literal,
	select,
	table,
	type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB

from apg.capabilities.esg.bulk.schemas import ROWS_TOLD
from apg.kernel.bulk import BulkImport, State
from apg.kernel.database import AnySelect, id_type

KEY = "esg-bulk-"
_PROGRESS = table(
	"task_progress",
	column("tenant_id", id_type),
	column("task_key", Text),
	column("state", Text),
	column("done", BigInteger),
	column("total", BigInteger),
	column("rate", Float),
)
_BAD = table(
	"bulk_problems",
	column("tenant_id", id_type),
	column("import_id", id_type),
	column("number", Integer),
	column("place", BigInteger),
	column("field", Text),
	column("value", Text),
	column("reason", Text),
	column("remedy", Text),
)
_EMPTY = type_coerce(func.jsonb_build_array(), JSONB)


def select_imports(kind: str) -> AnySelect:
	"""Imports of a kind as the wire shows them; rows count as taken once they are seen."""
	told = [
		pair for name in ("state", "done", "total", "rate") for pair in (name, _PROGRESS.c[name])
	]
	progress = (
		select(func.json_build_object(*told))
		.where(
			_PROGRESS.c.tenant_id == BulkImport.tenant_id,
			_PROGRESS.c.task_key == func.concat(literal(KEY), BulkImport.id),
		)
		.scalar_subquery()
	)
	first = (
		select(_BAD)
		.where(_BAD.c.tenant_id == BulkImport.tenant_id, _BAD.c.import_id == BulkImport.id)
		.order_by(_BAD.c.number)
		.limit(ROWS_TOLD)
		.correlate(BulkImport)
		.subquery()
	)
	bad = [
		pair for name in ("field", "value", "reason", "remedy") for pair in (name, first.c[name])
	]
	problems = select(
		func.jsonb_agg(func.jsonb_build_object("row", first.c.place, *bad)).label("all")
	).scalar_subquery()
	taken = case((BulkImport.state == State.DONE, BulkImport.taken), else_=0)
	return select(
		BulkImport.id.label("id"),
		BulkImport.mode.label("mode"),
		BulkImport.state.label("state"),
		BulkImport.name.label("name"),
		BulkImport.row_count.label("rows"),
		taken.label("taken"),
		BulkImport.bad_count.label("refused"),
		BulkImport.failure.label("failure"),
		progress.label("progress"),
		func.coalesce(type_coerce(problems, JSONB), _EMPTY).label("problems"),
		BulkImport.options.op("-")("summary").label("options"),
		BulkImport.created_at.label("created_at"),
		BulkImport.created_by.label("created_by"),
		BulkImport.finished_at.label("finished_at"),
		BulkImport.version.label("etag"),
	).where(BulkImport.kind == kind)


def select_problems(import_id: str) -> AnySelect:
	"""What is wrong with the rows of an import, in the order of the rows."""
	return (
		select(
			_BAD.c.place.label("row"),
			_BAD.c.field.label("field"),
			_BAD.c.value.label("value"),
			_BAD.c.reason.label("reason"),
			_BAD.c.remedy.label("remedy"),
		)
		.where(_BAD.c.import_id == import_id)
		.order_by(_BAD.c.number)
	)
