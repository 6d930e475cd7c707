"""Many records in one statement, with every duplicate and overlap named by its row."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, column, func, literal, select

from apg.capabilities.esg.activities.models import ActivityRecord, content_hash, duplicate_key
from apg.capabilities.esg.shared.activity_words import State
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.rows import insert_rows, texts
from apg.kernel.stamps import new_id
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST_PROBLEMS = 200
KEY = "distinct_because"
Taken = tuple[int, str, str]  # row from 0, field, sentence


class RowsTaken(Conflict):
	"""Rows of a batch are recorded already, or twice in the batch."""

	code = "ACTIVITY_DUPLICATE"


async def insert(
	work: Work, contents: Sequence[dict[str, Any]], problems: Sequence[Problem]
) -> tuple[str, list[str]]:
	"""Writes all versions as drafts; answers the batch and the records' ids in the order given.

	Raises Invalid with `problems` and RowsTaken; nothing is written then.
	"""
	if problems:
		raise Invalid(problems=problems[:MOST_PROBLEMS])
	keys = [duplicate_key(content) for content in contents]
	taken = [*twice(keys), *crossing(contents)]
	taken += await known(work, keys)
	taken += await metered(work, contents)
	if taken:
		told = [
			Problem(f"records.{n}.{field}", sentence, "duplicate")
			for n, field, sentence in sorted(taken, key=lambda row: row[0])
		]
		raise RowsTaken(_("Some rows are recorded already."), problems=told[:MOST_PROBLEMS])
	batch_id = new_id()
	record_ids = [new_id() for _content in contents]
	rows = [
		content
		| {
			"record_id": record_id,
			"revision": 1,
			"state": State.DRAFT,
			"batch_id": batch_id,
			"content_hash": content_hash(content),
			"duplicate_key": key,
		}
		for content, record_id, key in zip(contents, record_ids, keys, strict=True)
	]
	await insert_rows(work, ActivityRecord, rows)
	return batch_id, record_ids


def twice(keys: Sequence[str]) -> Iterator[Taken]:
	"""Rows that repeat an earlier one."""
	first: dict[str, int] = {}
	for n, key in enumerate(keys):
		other = first.setdefault(key, n)
		if other != n:
			yield n, KEY, _("This row repeats row {other} of the batch.", other=other + 1)


async def known(work: Work, keys: Sequence[str]) -> list[Taken]:
	"""Rows that a standing record says already."""
	rows = await work.execute(
		select(ActivityRecord.duplicate_key, ActivityRecord.record_id).where(
			ActivityRecord.duplicate_key == texts(keys),
			ActivityRecord.superseded_at.is_(None),
			ActivityRecord.withdrawn_at.is_(None),
		)
	)
	held = {row.duplicate_key: row.record_id for row in rows.all()}
	return [
		(n, KEY, _("The record {id} says the same already.", id=held[key]))
		for n, key in enumerate(keys)
		if key in held
	]


def crossing(contents: Sequence[dict[str, Any]]) -> Iterator[Taken]:
	"""Rows of one meter whose periods overlap inside the batch."""
	metered = sorted(
		(content["meter"], content["activity_code"], content["period_start"], n)
		for n, content in enumerate(contents)
		if content["meter"] is not None
	)
	reached: tuple[str, str, datetime, int] | None = None
	for meter, code, start, n in metered:
		if reached and reached[:2] == (meter, code) and start < reached[2]:
			sentence = _("The period overlaps row {other} of the same meter.", other=reached[3] + 1)
			yield n, "period_start", sentence
		end = contents[n]["period_end"]
		if not reached or reached[:2] != (meter, code) or end > reached[2]:
			reached = (meter, code, end, n)


async def metered(work: Work, contents: Sequence[dict[str, Any]]) -> list[Taken]:
	"""Rows whose meter has a standing record for a part of the period."""
	rows = [(n, content) for n, content in enumerate(contents) if content["meter"] is not None]
	if not rows:
		return []
	arrays = [
		literal([str(n) for n, _content in rows], ARRAY(Text)),
		literal([content["meter"] for _n, content in rows], ARRAY(Text)),
		literal([content["activity_code"] for _n, content in rows], ARRAY(Text)),
		literal([content["period_start"] for _n, content in rows], ARRAY(DateTime(timezone=True))),
		literal([content["period_end"] for _n, content in rows], ARRAY(DateTime(timezone=True))),
	]
	columns = [
		column("n", Text),
		column("meter", Text),
		column("code", Text),
		column("starts", DateTime(timezone=True)),
		column("ends", DateTime(timezone=True)),
	]
	given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
	found = await work.execute(
		select(given.c.n, ActivityRecord.record_id).join(
			ActivityRecord,
			(ActivityRecord.meter == given.c.meter)
			& (ActivityRecord.activity_code == given.c.code)
			& ActivityRecord.superseded_at.is_(None)
			& ActivityRecord.withdrawn_at.is_(None)
			& (ActivityRecord.period_start < given.c.ends)
			& (ActivityRecord.period_end > given.c.starts),
		)
	)
	return [
		(int(row.n), "period_start", _("The meter has record {id} for it.", id=row.record_id))
		for row in found.all()
	]
