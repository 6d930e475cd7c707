"""The selects behind every answer about imports; their labels are the wire's field names."""

from sqlalchemy import BigInteger, Float, Text, column, func, literal, select, table

from apg.capabilities.plm.imports.models import Import, ImportChange, ImportMatch, ImportProblem
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
			_PROGRESS.c.tenant_id == Import.tenant_id,
			_PROGRESS.c.task_key == func.concat(literal("plm-import-"), Import.id),
		)
		.scalar_subquery()
	)
	return select(
		Import.id.label("import_id"),
		Import.file_name.label("file_name"),
		Import.file_size.label("file_size"),
		Import.file_sha256.label("file_sha256"),
		Import.kind.label("kind"),
		Import.state.label("state"),
		Import.options.label("options"),
		Import.counts.label("counts"),
		Import.problem_count.label("problem_count"),
		Import.warning_count.label("warning_count"),
		Import.failure.label("failure"),
		progress.label("progress"),
		Import.previewed_at.label("previewed_at"),
		Import.finished_at.label("finished_at"),
		Import.created_at.label("created_at"),
		Import.created_by.label("created_by"),
		Import.updated_at.label("updated_at"),
		Import.version.label("etag"),
	)


def select_problems(import_id: str, severity: str | None = None) -> AnySelect:
	"""Problems of one import, errors before warnings, in the order of rows."""
	statement = (
		select(
			ImportProblem.severity.label("severity"),
			ImportProblem.row_number.label("row"),
			ImportProblem.column_name.label("column"),
			ImportProblem.value.label("value"),
			ImportProblem.reason.label("reason"),
			ImportProblem.remedy.label("remedy"),
		)
		.where(ImportProblem.import_id == import_id)
		.order_by(ImportProblem.severity, ImportProblem.place)
	)
	return statement.where(ImportProblem.severity == severity) if severity else statement


def select_matches(import_id: str, outcome: str | None = None) -> AnySelect:
	"""What each part of the file is taken for, undecided ones first."""
	statement = (
		select(
			ImportMatch.source_key.label("source_key"),
			ImportMatch.label.label("label"),
			ImportMatch.row_number.label("row"),
			ImportMatch.outcome.label("outcome"),
			ImportMatch.matched_by.label("matched_by"),
			ImportMatch.product_id.label("product_id"),
			ImportMatch.product_label.label("product"),
			ImportMatch.candidates.label("candidates"),
		)
		.where(ImportMatch.import_id == import_id)
		.order_by(ImportMatch.place)
	)
	return statement.where(ImportMatch.outcome == outcome) if outcome else statement


def select_changes(
	import_id: str, subject: str | None = None, kind: str | None = None
) -> AnySelect:
	"""What one import would add, change or remove, or has."""
	statement = (
		select(
			ImportChange.subject.label("subject"),
			ImportChange.kind.label("kind"),
			ImportChange.row_number.label("row"),
			ImportChange.source_key.label("source_key"),
			ImportChange.label.label("label"),
			ImportChange.parent_label.label("parent"),
			ImportChange.product_id.label("product_id"),
			ImportChange.matched_by.label("matched_by"),
			ImportChange.changes.label("changes"),
		)
		.where(ImportChange.import_id == import_id)
		.order_by(ImportChange.place)
	)
	if subject:
		statement = statement.where(ImportChange.subject == subject)
	return statement.where(ImportChange.kind == kind) if kind else statement
