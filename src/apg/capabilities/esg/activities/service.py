"""What can be done with activity records: record, correct, withdraw, move, read."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from apg.capabilities.esg.activities import reading
from apg.capabilities.esg.activities.models import (
	CONTENT,
	ActivityRecord,
	SourceDocument,
	record_of,
)
from apg.capabilities.esg.activities.schemas import (
	ActivityCorrection,
	ActivityIn,
	BatchOut,
)
from apg.capabilities.esg.settings import esg_settings
from apg.capabilities.esg.shared.activity_words import Kind, State
from apg.capabilities.esg.shared.calculation import Record
from apg.capabilities.esg.shared.factor import WORLD
from apg.capabilities.esg.sites import service as sites
from apg.capabilities.esg.sites.models import Site
from apg.contracts.esg import (
	ActivitiesMoved,
	ActivitiesRecorded,
	ActivityCorrected,
	ActivityRecorded,
	ActivityWithdrawn,
)
from apg.kernel.database import AnySelect
from apg.kernel.errors import Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.rows import ids
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.work import Work

MOST_IDS_TOLD = 50  # an event holds 8 kB
MOST_CODES_TOLD = 100
MAY_BE_EMPTY = frozenset(
	{
		"conversion_context",
		"stage",
		"estimate_method",
		"meter",
		"data_source",
		"document_id",
		"locator",
		"note",
		"distinct_because",
	}
)


async def record(work: Work, new: ActivityIn) -> ActivityRecord:
	"""A new record, a draft. Raises Invalid (subject, dates), Conflict (duplicate, meter)."""
	context = await _context(work, [new])
	problems = _problems(new, context)
	if problems:
		raise Invalid(problems=problems)
	row = ActivityRecord(**_content(new, context), record_id=new_id(), revision=1)
	row.state = State.DRAFT
	row.seal_content()
	work.add(row)
	await work.flush()
	work.publish(
		ActivityRecorded(
			activity_id=row.record_id,
			version=1,
			kind=row.kind,
			activity_code=row.activity_code,
			site_id=row.site_id,
			product_id=row.product_id,
			first_day=row.period_start.date().isoformat(),
			last_day=row.period_end.date().isoformat(),
		)
	)
	return row


class _Context:
	"""What the rows of one call refer to, read once."""

	def __init__(self, found: Sequence[Site], documents: Collection[str]) -> None:
		self.by_id = {site.id: site for site in found}
		self.by_code = {site.code: site for site in found}
		self.documents = set(documents)

	def site(self, new: ActivityIn) -> Site | None:
		if new.site_id is not None:
			return self.by_id.get(new.site_id)
		return self.by_code.get(new.site_code or "")


async def _context(work: Work, rows: Sequence[ActivityIn]) -> _Context:
	found = await sites.find(
		work,
		site_ids={row.site_id for row in rows if row.site_id},
		codes={row.site_code for row in rows if row.site_code},
	)
	wanted = {row.document_id for row in rows if row.document_id}
	known: list[str] = []
	if wanted:
		known = await work.scalars(
			select(SourceDocument.id).where(SourceDocument.id == ids(wanted))
		)
	return _Context(found, known)


def _problems(new: ActivityIn, context: _Context, field: str = "") -> list[Problem]:
	"""What a field alone cannot tell: what does not fit together, dates, whose site and document."""
	problems = [Problem(field + name, sentence) for name, sentence in new.gaps()]
	first, last = esg_settings().dates()
	for name in ("period_start", "period_end"):
		if not first <= getattr(new, name) <= last:
			sentence = _(
				"The date must lie between {first} and {last}.",
				first=first.date().isoformat(),
				last=last.date().isoformat(),
			)
			problems.append(Problem(field + name, sentence, "date_range"))
	if (new.site_id or new.site_code) and context.site(new) is None:
		name = "site_id" if new.site_id else "site_code"
		problems.append(Problem(field + name, _("There is no such site."), "unknown"))
	if new.document_id and new.document_id not in context.documents:
		problems.append(Problem(field + "document_id", _("There is no such document."), "unknown"))
	return problems


def _content(new: ActivityIn, context: _Context) -> dict[str, Any]:
	"""The columns of a version."""
	given = new.model_dump(exclude={"site_code"})
	site = context.site(new)
	given["site_id"] = site.id if site else None
	given["region"] = new.region or (site.place if site else WORLD)
	return {name: given[name] for name in CONTENT}


async def record_many(work: Work, rows: Sequence[ActivityIn]) -> BatchOut:
	"""All records or none; problems name the row as `records.17.field`. Raises Invalid, Conflict."""
	from apg.capabilities.esg.activities import batches

	context = await _context(work, rows)
	problems: list[Problem] = []
	contents: list[dict[str, Any]] = []
	for n, new in enumerate(rows):
		problems += _problems(new, context, f"records.{n}.")
		contents.append(_content(new, context))
	batch_id, record_ids = await batches.insert(work, contents, problems)
	codes = sorted({content["activity_code"] for content in contents})
	first = min(content["period_start"] for content in contents).date().isoformat()
	last = max(content["period_end"] for content in contents).date().isoformat()
	work.publish(told_of_many(batch_id, len(rows), codes, first, last))
	return BatchOut(batch_id=batch_id, count=len(rows), activity_ids=record_ids)


def told_of_many(
	batch_id: str,
	count: int,
	codes: Sequence[str],
	first_day: str,
	last_day: str,
	*,
	more_codes: bool = False,
) -> ActivitiesRecorded:
	"""The one event of many records."""
	fits = sum(map(len, codes)) < 6_000
	return ActivitiesRecorded(
		batch_id=batch_id,
		count=count,
		codes=list(codes[:MOST_CODES_TOLD]) if fits else [],
		more_codes=more_codes or len(codes) > MOST_CODES_TOLD or not fits,
		first_day=first_day,
		last_day=last_day,
	)


async def _standing(work: Work, activity_id: str) -> ActivityRecord:
	"""The version that stands, locked. Raises NotFound, PreconditionFailed."""
	row = None
	if is_id(activity_id):
		row = await work.session.scalar(
			select(ActivityRecord)
			.where(ActivityRecord.record_id == activity_id, ActivityRecord.superseded_at.is_(None))
			.with_for_update()
			.execution_options(populate_existing=True)
		)
	if row is None:
		raise NotFound(_("activity record not found"))
	work.expect(f"{row.revision}.{row.version}")
	return row


async def correct(work: Work, activity_id: str, given: ActivityCorrection) -> ActivityRecord:
	"""Closes the standing version and inserts the next one, with the reason; a draft again.

	Raises NotFound, PreconditionFailed, RecordNotStanding, RecordLocked, Invalid, Conflict.
	"""
	old = await _standing(work, activity_id)
	old.must_stand()
	new = _corrected(old, given)
	context = await _context(work, [new])
	problems = _problems(new, context)
	if problems:
		raise Invalid(problems=problems)
	row = ActivityRecord(
		**_content(new, context),
		record_id=old.record_id,
		revision=old.revision + 1,
		reason=given.reason,
		batch_id=old.batch_id,
	)
	row.state = State.DRAFT
	row.seal_content()
	if row.content_hash == old.content_hash:
		raise Invalid.one("reason", _("Nothing was changed; there is nothing to correct."))
	# One moment for both, so that at any time exactly one version stands.
	now = utc_now()
	old.superseded_at, row.created_at, row.updated_at = now, now, now
	await work.flush()
	work.add(row)
	await work.flush()
	first = min(old.period_start, row.period_start)
	last = max(old.period_end, row.period_end)
	work.publish(
		ActivityCorrected(
			activity_id=row.record_id,
			version=row.revision,
			kind=row.kind,
			activity_code=row.activity_code,
			former_code=old.activity_code,
			site_id=row.site_id,
			product_id=row.product_id,
			first_day=first.date().isoformat(),
			last_day=last.date().isoformat(),
		)
	)
	return row


def _corrected(old: ActivityRecord, given: ActivityCorrection) -> ActivityIn:
	changed = given.model_dump(exclude={"reason"}, exclude_unset=True)
	empty = [name for name, value in changed.items() if value is None and name not in MAY_BE_EMPTY]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	return checked(ActivityIn, {name: getattr(old, name) for name in CONTENT} | changed)


async def withdraw(work: Work, activity_id: str, reason: str) -> ActivityRecord:
	"""The record no longer stands; it is kept, with the reason.

	Raises NotFound, PreconditionFailed, RecordNotStanding, RecordLocked.
	"""
	row = await _standing(work, activity_id)
	row.must_stand()
	row.withdrawn_at, row.withdrawn_by = utc_now(), work.principal.user_id
	row.withdrawal_reason = reason
	await work.flush()
	work.publish(
		ActivityWithdrawn(
			activity_id=row.record_id,
			version=row.revision,
			kind=row.kind,
			activity_code=row.activity_code,
			site_id=row.site_id,
			product_id=row.product_id,
			first_day=row.period_start.date().isoformat(),
			last_day=row.period_end.date().isoformat(),
		)
	)
	return row


async def move(
	work: Work, activity_ids: Sequence[str], to: State, reason: str | None = None
) -> int:
	"""Brings records into another state of their review, all or none; answers how many.

	Raises Invalid (a return without its reason, an unknown id), MoveNotOpen, OwnRecord.
	"""
	if to == State.DRAFT and not reason:
		raise Invalid.one("reason", _("Say why the records go back."))
	wanted = list(dict.fromkeys(activity_ids))
	rows = await work.scalars(
		select(ActivityRecord)
		.where(ActivityRecord.record_id == ids(wanted), ActivityRecord.superseded_at.is_(None))
		.order_by(ActivityRecord.id)
		.with_for_update()
	)
	known = {row.record_id for row in rows}
	unknown = [n for n, each in enumerate(activity_ids) if each not in known]
	if unknown:
		raise Invalid(
			problems=[
				Problem(f"activity_ids.{n}", _("There is no such record."), "unknown")
				for n in unknown[:100]
			]
		)
	four_eyes = esg_settings().four_eyes
	for row in rows:
		row.move(to, work.principal.user_id, four_eyes=four_eyes, reason=reason)
	await work.flush()
	work.publish(ActivitiesMoved(state=to, count=len(rows), activity_ids=wanted[:MOST_IDS_TOLD]))
	return len(rows)


async def read(work: Work, activity_id: str, version: int | None = None) -> One:
	"""The newest version of a record, or the one asked for, as JSON. Raises NotFound."""
	if not is_id(activity_id):
		raise NotFound(_("activity record not found"))
	statement = reading.select_activities().where(ActivityRecord.record_id == activity_id)
	if version is None:
		statement = reading.newest(statement)
	else:
		statement = statement.where(ActivityRecord.revision == version)
	return await work.read_one(statement, ActivityRecord)


async def versions(work: Work, activity_id: str) -> Page:
	"""All versions of a record, the newest first. Raises NotFound."""
	if not is_id(activity_id):
		raise NotFound(_("activity record not found"))
	statement = (
		reading.select_activities()
		.where(ActivityRecord.record_id == activity_id)
		.order_by(ActivityRecord.revision.desc())
	)
	page = await work.read_list(statement, limit=1000)
	if page.total == 0:
		raise NotFound(_("activity record not found"))
	return page


def matching(*, everything: bool = False, **wanted: Any) -> AnySelect:
	"""Records that fit, one row each; with `everything` withdrawn ones and old versions too."""
	statement = reading.select_activities()
	if not everything:
		statement = reading.standing(statement)
	return reading.narrowed(statement, wanted)


async def page(
	work: Work,
	statement: AnySelect,
	*,
	limit: int,
	offset: int,
	sort: tuple[tuple[str, bool], ...] = (("period_start", True),),
) -> Page:
	"""One page in a total order; `sort` holds (field, descending)."""
	for name, descending in sort:
		column = reading.SORTABLE[name]
		statement = statement.order_by(column.desc() if descending else column)
	return await work.read_list(
		statement.order_by(ActivityRecord.id.desc()), limit=limit, offset=offset
	)


async def records_of(work: Work, row_ids: Collection[str]) -> dict[str, Record]:
	"""Versions by the id of their row, as a calculation takes them; also those that no longer stand."""
	if not row_ids:
		return {}
	statement = reading.select_records().where(ActivityRecord.id == ids(row_ids))
	return {row.id: record_of(row) for row in (await work.execute(statement)).all()}


async def product_records(
	work: Work, revision_ids: Collection[str], *, on: datetime | None = None
) -> dict[str, list[Record]]:
	"""Standing records of kind product by revision, each for one of the product's unit of measure.

	With `on` only those whose period covers the moment. A revision without records is absent.
	"""
	if not revision_ids:
		return {}
	statement = reading.standing(reading.select_records().add_columns(ActivityRecord.revision_id))
	statement = statement.where(
		ActivityRecord.kind == Kind.PRODUCT, ActivityRecord.revision_id == ids(revision_ids)
	).order_by(ActivityRecord.id)
	if on is not None:
		moment = on.astimezone(UTC)
		statement = statement.where(
			ActivityRecord.period_start <= moment, ActivityRecord.period_end > moment
		)
	found: dict[str, list[Record]] = {}
	for row in (await work.execute(statement)).all():
		found.setdefault(row.revision_id, []).append(record_of(row))
	return found


async def codes_in_use(work: Work, limit: int = 200) -> list[str]:
	"""The activity codes that standing records have, in order."""
	return await work.scalars(
		select(ActivityRecord.activity_code)
		.where(ActivityRecord.superseded_at.is_(None), ActivityRecord.withdrawn_at.is_(None))
		.distinct()
		.order_by(ActivityRecord.activity_code)
		.limit(limit)
	)
