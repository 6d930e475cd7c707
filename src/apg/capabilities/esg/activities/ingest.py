"""Many activity records at once: checked in columns, taken by `kernel/bulk.py`, told in one event.

What one record may say is asked of the fields and of `ActivityIn.gaps`, like for a single one. A row
that repeats another record is a problem of the row, in the file as on record.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import batches
from apg.capabilities.esg.activities.models import (
	CONTENT,
	ActivityRecord,
	SourceDocument,
	content_hash,
	duplicate_key,
)
from apg.capabilities.esg.activities.schemas import ActivityIn
from apg.capabilities.esg.activities.service import told_of_many
from apg.capabilities.esg.bulk import columns
from apg.capabilities.esg.bulk import service as imports
from apg.capabilities.esg.bulk.columns import Rows, Sheet
from apg.capabilities.esg.settings import esg_settings
from apg.capabilities.esg.shared.activity_words import State
from apg.capabilities.esg.shared.factor import WORLD
from apg.capabilities.esg.sites import service as sites
from apg.kernel.bulk import Bulk, BulkImport, Checked, Mode, Opening, Target
from apg.kernel.database import id_type
from apg.kernel.later import numpy as np
from apg.kernel.rows import ids
from apg.kernel.stamps import is_id, new_ids, utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work

KIND = "esg.activities"
TASK = "esg.activities.take_bulk"
MOST_CODES = 1_000
FIELDS: Mapping[str, TypeAdapter[Any]] = columns.fields_of(ActivityIn)
REQUIRED = frozenset(name for name, info in ActivityIn.model_fields.items() if info.is_required())
HEADINGS: Mapping[str, str] = {
	"site": "site_code",
	"activity": "activity_code",
	"amount": "quantity",
	"start": "period_start",
	"from": "period_start",
	"end": "period_end",
	"to": "period_end",
	"source": "data_source",
	"method": "estimate_method",
}
_TYPES: Mapping[str, str] = {
	"quantity": "text numeric",
	"period_start": "timestamptz",
	"period_end": "timestamptz",
	"is_primary": "boolean",
}
TARGET = Target(
	table="esg_activity_records",
	mark="batch_id",
	arrays={
		"id": "uuid",
		"record_id": "uuid",
		"content_hash": "text",
		"duplicate_key": "text",
		**{
			name: "uuid"
			if ActivityRecord.__table__.c[name].type is id_type
			else _TYPES.get(name, "text")
			for name in CONTENT
		},
	},
	fixed={
		"tenant_id": "uuid",
		"batch_id": "uuid",
		"created_at": "timestamptz",
		"updated_at": "timestamptz",
		"created_by": "uuid",
		"updated_by": "uuid",
		"version": "integer",
		"revision": "integer",
		"state": "text",
	},
)
Contents = dict[int, dict[str, Any]]


async def check(opening: Opening, rows: Rows, held: BulkImport) -> Checked:
	"""All rows against their fields, the sites and documents they name, and what is on record."""
	sheet = await to_thread(_fields, rows)
	async with opening() as work:
		found = await sites.find(
			work,
			site_ids={each for each in sheet.values("site_id")[0] if each},
			codes={each for each in sheet.values("site_code")[0] if each},
		)
		wanted = {each for each in sheet.values("document_id")[0] if each and is_id(each)}
		known = await work.scalars(
			select(SourceDocument.id).where(SourceDocument.id == ids(wanted))
		)
		actor, tenant_id = work.principal.user_id, work.principal.tenant_id
	by_name = {one.id: one for one in found} | {one.code: one for one in found}
	contents = await to_thread(_contents, sheet, by_name, set(known))
	keys = {n: duplicate_key(content) for n, content in contents.items()}
	async with opening() as work:
		await _taken(work, sheet, contents, keys)
	at = np.flatnonzero(sheet.good).tolist()
	now = utc_now()
	return Checked(
		count=len(rows),
		places=rows.places[at].tolist(),
		arrays=await to_thread(_arrays, [contents[n] for n in at], [keys[n] for n in at]),
		fixed={
			"tenant_id": tenant_id,
			"batch_id": held.id,
			"created_at": now,
			"updated_at": now,
			"created_by": actor,
			"updated_by": actor,
			"version": 1,
			"revision": 1,
			"state": str(State.DRAFT),
		},
		problems=sheet.told(),
		summary=_summary([contents[n] for n in at]),
	)


def _summary(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
	if not contents:
		return {}
	codes = sorted({content["activity_code"] for content in contents})
	return {
		"codes": codes[:MOST_CODES],
		"more_codes": len(codes) > MOST_CODES,
		"first": min(content["period_start"] for content in contents).date().isoformat(),
		"last": max(content["period_end"] for content in contents).date().isoformat(),
	}


def _fields(rows: Rows) -> Sheet:
	"""Each field by itself, as the schema of a single record has it."""
	rows = columns.renamed(rows, FIELDS, HEADINGS)
	sheet = Sheet(rows, FIELDS)
	first, last = esg_settings().dates()

	def in_range(moment: datetime) -> str | None:
		if first <= moment <= last:
			return None
		return _(
			"The date must lie between {first} and {last}.",
			first=first.date().isoformat(),
			last=last.date().isoformat(),
		)

	def start(cell: Any) -> Any:
		return columns.moment_of_cell(cell) if rows.is_text else cell

	def end(cell: Any) -> Any:
		return columns.moment_of_cell(cell, end=True) if rows.is_text else cell

	sheet.values("period_start", required=True, read=start, check=in_range)
	sheet.values("period_end", required=True, read=end, check=in_range)
	for name in FIELDS:
		sheet.values(name, required=name in REQUIRED)
		if name not in REQUIRED:
			sheet.default(name, ActivityIn.model_fields[name].default)
	return sheet


def _contents(sheet: Sheet, by_name: Mapping[str, Any], documents: set[str]) -> Contents:
	"""What each good row says, as the columns of a version; what does not fit together is refused."""
	at = np.flatnonzero(sheet.good)
	listed = {name: sheet.listed(name, at) for name in FIELDS}
	contents: Contents = {}
	for n, row in enumerate(at.tolist()):
		given = {name: column[n] for name, column in listed.items()}
		gaps = ActivityIn.gaps(SimpleNamespace(**given))  # pyright: ignore[reportArgumentType]
		named = given["site_id"] or given["site_code"]
		site = by_name.get(named) if named else None
		if named and site is None:
			name = "site_id" if given["site_id"] else "site_code"
			gaps.append((name, _("There is no such site.")))
		if given["document_id"] and given["document_id"] not in documents:
			gaps.append(("document_id", _("There is no such document.")))
		for name, sentence in gaps:
			sheet.refuse(np.array([row]), name, sentence)
		if gaps:
			continue
		given["site_id"] = site.id if site else None
		given["region"] = given["region"] or (site.place if site else WORLD)
		contents[row] = {name: given[name] for name in CONTENT}
	return contents


async def _taken(work: Work, sheet: Sheet, contents: Contents, keys: Mapping[int, str]) -> None:
	"""Refuses rows that repeat another one, or whose meter has a record for a part of the period."""
	at = list(contents)
	given = [contents[n] for n in at]
	found = [
		*batches.twice([keys[n] for n in at]),
		*batches.crossing(given),
		*await batches.known(work, [keys[n] for n in at]),
		*await batches.metered(work, given),
	]
	for n, name, sentence in found:
		sheet.refuse(np.array([at[n]]), name, sentence, "duplicate")


def _arrays(contents: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
	def column(name: str) -> list[Any]:
		values = [content[name] for content in contents]
		if name == "quantity":
			return [amount_text(value) for value in values]
		if TARGET.arrays[name] == "text":
			return [None if value is None else str(value) for value in values]
		return values

	return {
		"id": new_ids(len(contents)),
		"record_id": new_ids(len(contents)),
		"content_hash": [content_hash(content) for content in contents],
		"duplicate_key": list(keys),
		**{name: column(name) for name in CONTENT},
	}


async def finish(work: Work, held: BulkImport) -> None:
	"""One event for all records; metrics that follow from them are computed by who hears it."""
	if held.taken:
		summary = held.options["summary"]
		work.publish(
			told_of_many(
				held.id,
				held.taken,
				summary["codes"],
				summary["first"],
				summary["last"],
				more_codes=summary["more_codes"],
			)
		)


BULK = Bulk(KIND, TARGET, imports.parse, check, finish)


async def take(work: Work, rows: Sequence[dict[str, Any]], mode: Mode) -> BulkImport:
	"""Rows of a body. Raises Invalid with a problem for each bad row where the mode is all."""
	return await imports.take(work, BULK, TASK, may.ACTIVITIES_READ, rows, mode, {})


async def keep(work: Work, pieces: AsyncIterator[bytes], name: str, mode: Mode) -> BulkImport:
	"""A file, read and taken by a task. Raises Unreadable, TooLarge."""
	return await imports.keep(work, BULK, TASK, may.ACTIVITIES_READ, pieces, name, mode, {})
