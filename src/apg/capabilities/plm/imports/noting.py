"""Writes down what a preview found: counts, problems and changes, as a person will read them."""

import re
from typing import Any

from sqlalchemy import delete

from apg.capabilities.plm.imports.files import FileRead
from apg.capabilities.plm.imports.models import (
	Import,
	ImportChange,
	ImportMatch,
	ImportProblem,
	ImportState,
)
from apg.capabilities.plm.imports.plans import Plan
from apg.capabilities.plm.imports.recording import UNSTORABLE
from apg.capabilities.plm.imports.showing import described, matched
from apg.kernel.rows import insert_rows
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work

# What `repr` makes of characters that cannot be stored; thousands of rows are looked at at once.
_SUSPECT = re.compile(r"\\x00|\\ud[89a-f]")


async def note(work: Work, held: Import, read: FileRead, plan: Plan) -> None:
	"""The import is previewed; what an earlier preview found is replaced."""
	held.preview = storable(
		{
			"columns": read.columns,
			"sample": read.sample,
			"shape": read.shape,
			"notes": list(plan.bom.notes),
			"sheets": list(read.sheets),
			"sheet": read.sheet,
			"header_row": read.header_row,
		}
	)
	held.signature = read.signature
	held.options = {**held.options, "source": plan.source, "hand_lines": hand_lines(plan)}
	held.counts = plan.counts()
	held.problem_count = len(plan.errors)
	held.warning_count = len(plan.problems) - len(plan.errors)
	held.fingerprint = plan.fingerprint
	held.failure = None
	held.previewed_at = utc_now()
	held.state = ImportState.PREVIEWED
	await work.flush()
	for entity in (ImportChange, ImportProblem, ImportMatch):
		await work.execute(
			delete(entity)
			.where(entity.import_id == held.id)
			.execution_options(bulk=True, synchronize_session=False)
		)
	for entity, rows in ((ImportChange, described(plan)), (ImportMatch, matched(plan))):
		if _SUSPECT.search(repr(rows)):
			rows = storable(rows)
		await insert_rows(work, entity, [{"import_id": held.id, **row} for row in rows])
	await insert_rows(
		work,
		ImportProblem,
		[
			{
				"import_id": held.id,
				"place": place,
				"severity": each.severity.value,
				"row_number": each.row,
				"column_name": storable(each.column),
				"value": storable(each.value),
				"reason": storable(each.reason),
				"remedy": storable(each.remedy),
			}
			for place, each in enumerate(plan.problems)
		],
	)


def hand_lines(plan: Plan) -> str:
	return "keep" if plan.keep_hand_made else "remove"


def storable(value: Any) -> Any:
	"""The value with a mark for each character that the database cannot hold: what a file says is
	shown even where it cannot be taken over."""
	if isinstance(value, str):
		return UNSTORABLE.sub("\ufffd", value) if UNSTORABLE.search(value) else value
	if isinstance(value, dict):
		return {storable(k): storable(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
	if isinstance(value, list):
		return [storable(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
	return value
