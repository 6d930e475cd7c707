"""The report of an import as a table: every problem and every change, one row each."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from apg.capabilities.plm.imports.models import Import, ImportChange, ImportProblem
from apg.kernel.tabular import Cell
from apg.kernel.texts import _
from apg.kernel.work import Work


async def report_rows(work: Work, import_id: str) -> tuple[list[str], Iterable[Sequence[Cell]]]:
	"""Headings and rows; a changed field is a row with its old and new value. Raises NotFound."""
	await work.get(Import, import_id)
	problems = await work.scalars(
		select(ImportProblem)
		.where(ImportProblem.import_id == import_id)
		.order_by(ImportProblem.severity, ImportProblem.place)
	)
	changes = await work.scalars(
		select(ImportChange).where(ImportChange.import_id == import_id).order_by(ImportChange.place)
	)
	headings = [
		_("What"),
		_("Kind"),
		_("Row"),
		_("Product"),
		_("Parent"),
		_("Field"),
		_("Old"),
		_("New"),
		_("Reason"),
		_("Remedy"),
	]
	return headings, _rows(problems, changes)


def _rows(
	problems: Sequence[ImportProblem], changes: Sequence[ImportChange]
) -> Iterable[Sequence[Cell]]:
	for each in problems:
		yield (
			_("problem"),
			_(each.severity),
			each.row_number,
			None,
			None,
			each.column_name,
			each.value,
			None,
			each.reason,
			each.remedy,
		)
	for each in changes:
		for change in each.changes or [{"field": None, "old": None, "new": None}]:
			yield (
				_(each.subject),
				_(each.kind),
				each.row_number,
				each.label,
				each.parent_label,
				change["field"],
				change["old"],
				change["new"],
				None,
				None,
			)
