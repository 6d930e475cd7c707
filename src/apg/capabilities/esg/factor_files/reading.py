"""The selects behind every answer about imports of factors."""

from sqlalchemy import BigInteger, Float, Text, column, func, literal, select, table

from apg.capabilities.esg.factor_files.models import FactorImport, ImportRow
from apg.kernel.database import AnySelect, id_type

_PROGRESS = table(
	"task_progress",
	column("tenant_id", id_type),
	column("task_key", Text),
	column("state", Text),
	column("done", BigInteger),
	column("total", BigInteger),
	column("rate", Float),
)
KEY = "esg-factor-import-"


def select_imports() -> AnySelect:
	"""Imports as the wire shows them, with how far a running task is."""
	told = func.json_build_object(
		"state",
		_PROGRESS.c.state,
		"done",
		_PROGRESS.c.done,
		"total",
		_PROGRESS.c.total,
		"rate",
		_PROGRESS.c.rate,
	)
	progress = (
		select(told)
		.where(
			_PROGRESS.c.tenant_id == FactorImport.tenant_id,
			_PROGRESS.c.task_key == func.concat(literal(KEY), FactorImport.id),
		)
		.scalar_subquery()
	)
	return select(
		FactorImport.id.label("id"),
		FactorImport.file_name.label("file_name"),
		FactorImport.file_size.label("file_size"),
		FactorImport.file_sha256.label("file_sha256"),
		FactorImport.kind.label("kind"),
		FactorImport.state.label("state"),
		FactorImport.given.label("given"),
		FactorImport.report.label("report"),
		FactorImport.counts.label("counts"),
		FactorImport.source_id.label("source_id"),
		FactorImport.failure.label("failure"),
		progress.label("progress"),
		FactorImport.checked_at.label("checked_at"),
		FactorImport.finished_at.label("finished_at"),
		FactorImport.created_at.label("created_at"),
		FactorImport.created_by.label("created_by"),
		FactorImport.updated_at.label("updated_at"),
		FactorImport.version.label("etag"),
	)


def select_rows(import_id: str, verdict: str | None = None) -> AnySelect:
	"""Rows of one import in the order of the report."""
	statement = (
		select(
			ImportRow.verdict.label("verdict"),
			ImportRow.locator.label("locator"),
			ImportRow.name.label("name"),
			ImportRow.activity_code.label("activity_code"),
			ImportRow.unit.label("unit"),
			ImportRow.printed.label("printed"),
			ImportRow.findings.label("findings"),
			ImportRow.old_co2e.label("old_co2e"),
			ImportRow.new_co2e.label("new_co2e"),
		)
		.where(ImportRow.import_id == import_id)
		.order_by(ImportRow.place)
	)
	return statement.where(ImportRow.verdict == verdict) if verdict else statement
