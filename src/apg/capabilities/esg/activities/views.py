"""`/esg/activities`: the list of records, one record with its versions, entry and correction."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import evidence, forms, service
from apg.capabilities.esg.activities.evidence import UPLOAD, pieces
from apg.capabilities.esg.activities.schemas import ActivityCorrection, ActivityIn, Withdrawal
from apg.capabilities.esg.shared import activity_words as words
from apg.capabilities.esg.shared.activity_words import MOVES, Quality, State
from apg.capabilities.esg.sites import service as sites
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, NotFound, PermissionDenied
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.reference.unit_contexts import CONTEXTS

PLACE = "/esg/activities"
router = Router(prefix="/activities", include_in_schema=False)
Reading = Annotated[Work, allow(may.ACTIVITIES_READ)]
Updating = Annotated[Work, allow(may.ACTIVITIES_UPDATE)]
Approving = Annotated[Work, allow(may.ACTIVITIES_APPROVE)]
Entering = Annotated[
	Work, allow(may.ACTIVITIES_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
RECORDS = ListSpec(
	columns=(
		Column("activity_code", "Activity", sortable=True),
		Column("subject", "Of"),
		Column("period_start", "Period", sortable=True),
		Column("quantity", "Quantity", sortable=True, kind="number"),
		Column("region", "Region", default_visible=False),
		Column("meter", "Meter"),
		Column("evidence", "Evidence"),
		Column("state", "State", sortable=True),
		Column("version", "Version", kind="number"),
		Column("updated_at", "Changed", sortable=True, kind="datetime", default_visible=False),
	),
	filters=(
		Filter("search", "Search records"),
		Filter("site_id", "Site", "choice"),
		Filter("activity_code", "Activity", "choice"),
		Filter("kind", "Kind", "choice", words.KINDS),
		Filter("state", "State", "choice", words.STATES),
		Filter("from", "From", "date"),
		Filter("to", "Up to", "date"),
	),
	default_sort="-period_start",
)


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(await _spec(work, request), request)
	asked: dict[str, Any] = {one.name: state[one.name] for one in state.spec.filters}
	asked["from"], asked["to"] = _day(asked["from"]), _day(asked["to"], 1)
	for name in ("product_id", "revision_id", "batch_id"):
		value = request.query_params.get(name, "")
		if is_id(value):
			asked[name] = value
	page = await service.page(
		work,
		service.matching(**asked),
		limit=state.page_size,
		offset=state.offset,
		sort=tuple((one.name, one.descending) for one in state.sort),
	)
	rows: list[dict[str, Any]] = load_json(page.body)
	await told(work, rows)
	open_ids = [row["id"] for row in rows if row["state"] in MOVES[State.APPROVED]]
	return show(
		work,
		"esg/activities/list.html",
		state=state,
		rows=rows,
		total=page.total,
		estimated=page.estimated,
		open_ids=open_ids,
		may_create=work.principal.may(may.ACTIVITIES_CREATE),
		may_approve=work.principal.may(may.ACTIVITIES_APPROVE),
		may_calculate=work.principal.may(may.CALCULATIONS_CREATE),
	)


def _day(value: Any, after: int = 0) -> datetime | None:
	"""Midnight in UTC; both days of a range are inside."""
	return None if value is None else datetime.combine(value, time(), UTC) + timedelta(days=after)


async def _spec(work: Work, request: Request) -> ListSpec:
	"""The list with the company's own sites and activities to choose from."""
	codes = {*await service.codes_in_use(work), *request.query_params.getlist("activity_code")}
	own = {
		"site_id": await sites.choices(work, active=False),
		"activity_code": [
			(code, words.activity_label(code)) for code in sorted(filter(None, codes))
		],
	}
	filters = tuple(
		replace(one, choices=own[one.name]) if own.get(one.name) else one for one in RECORDS.filters
	)
	return replace(RECORDS, filters=filters)


async def told(work: Work, rows: list[dict[str, Any]]) -> None:
	"""Site, period, people and standing in words."""
	found = await sites.find(work, site_ids={row["site_id"] for row in rows if row["site_id"]})
	names = {site.id: site.name for site in found}
	ids = {row[name] for row in rows for name in ("created_by", "approved_by") if row[name]}
	people = await work.port(Identity).people(work, ids)
	for row in rows:
		days = forms.days_of(row)
		row |= {"first_day": days["first_day"], "last_day": days["last_day"]}
		row["days"] = f"{days['first_day']} – {days['last_day']}"
		row["subject"] = names.get(row["site_id"] or "", "")
		row["standing"] = row["quality"]
		for name, field in (("who", "created_by"), ("approver", "approved_by")):
			person = people.get(row[field] or "")
			row[name] = (person.display_name or person.username) if person else ""


async def _form(work: Work, form: FormState, status: int = 200, **more: Any) -> Response:
	return show(
		work,
		"esg/activities/form.html",
		status=status,
		form=form,
		sites=await sites.choices(work),
		codes=await service.codes_in_use(work),
		**_choices(),
		documents=await evidence.choices(work),
		**more,
	)


def _choices() -> dict[str, Any]:
	return {
		"qualities": [(str(value), _(label)) for value, label in words.QUALITIES],
		"contexts": [(one.name, _(one.title)) for one in CONTEXTS.values()],
	}


@router.get("/new")
async def new_page(
	request: Request, work: Annotated[Work, allow(may.ACTIVITIES_CREATE)]
) -> Response:
	last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
	start = {
		"site_id": request.query_params.get("site_id", ""),
		"quality": Quality.MEASURED,
		"is_primary": True,
		"first_day": last.replace(day=1).isoformat(),
		"last_day": last.isoformat(),
	}
	return await _form(work, FormState.of(start))


@router.post("/new")
async def create(request: Request, work: Entering) -> Response:
	async with request.form(max_files=1, max_fields=40) as sent:
		values = {name: text for name, text in sent.items() if isinstance(text, str)}
		values.pop("csrf_token", None)
		try:
			file = sent.get("file")
			if isinstance(file, UploadFile) and file.filename:
				document, _new = await evidence.take(work, pieces(file), file.filename)  # pyright: ignore[reportArgumentType]
				values["document_id"] = document.id
			row = await service.record(work, checked(ActivityIn, forms.given(values)))
		except (Invalid, Conflict) as refused:
			await work.close()
			return await _form(work, forms.refused(values, refused), 422, block="form")
	return lead_to(work, f"{PLACE}/{row.record_id}", text=_("Recorded"))


@router.post("/approve")
async def approve_shown(request: Request, work: Approving) -> Response:
	"""Approves the records of a page at once."""
	values = await typed(request, work)
	wanted = [one for one in values.get("activity_ids", []) if is_id(one)]
	try:
		count = await service.move(work, wanted, State.APPROVED)
	except (Invalid, Conflict, PermissionDenied) as refused:
		await work.close()
		return lead_to(work, PLACE, text=refused.message, kind="warn")
	return lead_to(work, PLACE, text=_("{n} records approved", n=count))


async def _record(work: Work, activity_id: str) -> tuple[dict[str, Any], str]:
	found = await service.read(work, activity_id)
	record = load_json(found.body)
	await told(work, [record])
	return record, found.etag or ""


@router.get("/{activity_id}")
async def record_page(activity_id: str, work: Reading) -> Response:
	record, _etag = await _record(work, activity_id)
	versions: list[dict[str, Any]] = load_json((await service.versions(work, activity_id)).body)
	await told(work, versions)
	document = None
	if record["document_id"]:
		document = load_json((await evidence.read(work, record["document_id"])).body)
	stands = record["status"] == "standing"
	approves = work.principal.may(may.ACTIVITIES_APPROVE)
	moves = [
		(str(to), label)
		for to, label in _MOVES
		if stands
		and State(record["state"]) in MOVES[to]
		and (approves or (to == State.SUBMITTED and work.principal.may(may.ACTIVITIES_CREATE)))
	]
	return show(
		work,
		"esg/activities/record.html",
		record=record,
		entries=_entries(versions),
		document=document,
		contexts=dict(_choices()["contexts"]),
		qualities=dict(_choices()["qualities"]),
		kinds=dict(words.KINDS),
		stages=dict(words.STAGES),
		moves=[(to, _(label)) for to, label in moves],
		may_return=stands and approves and record["state"] != State.DRAFT,
		may_update=stands
		and record["state"] != State.LOCKED
		and work.principal.may(may.ACTIVITIES_UPDATE),
	)


_MOVES = (
	(State.SUBMITTED, "Submit"),
	(State.VALIDATED, "Validate"),
	(State.APPROVED, "Approve"),
	(State.LOCKED, "Lock"),
)
COMPARED = (
	("quantity", "Quantity"),
	("unit", "Unit"),
	("activity_code", "Activity"),
	("days", "Period"),
	("region", "Region"),
	("conversion_context", "Conversion"),
	("quality", "How it was found"),
	("estimate_method", "How it was estimated"),
	("meter", "Meter"),
	("data_source", "Source"),
	("locator", "Place in the document"),
	("note", "Note"),
)


def _entries(versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""The versions as sentences with what each changed, the newest first."""
	entries: list[dict[str, Any]] = []
	for place, row in enumerate(versions):
		old = versions[place + 1] if place + 1 < len(versions) else None
		changed = [
			(_(label), _text(old[name]), _text(row[name]))
			for name, label in COMPARED
			if old is not None and old[name] != row[name]
		]
		what = (
			_("recorded version 1")
			if old is None
			else _("made version {n}: {reason}", n=row["version"], reason=row["reason"])
		)
		entries.append(
			{"at": row["created_at"], "who": row["who"] or _("the system"), "what": what}
			| {"changes": changed}
		)
	if versions and versions[0]["withdrawn_at"]:
		what = _("withdrew it: {reason}", reason=versions[0]["withdrawal_reason"])
		at = versions[0]["withdrawn_at"]
		entries.insert(0, {"at": at, "who": "", "what": what, "changes": []})
	return entries


def _text(value: Any) -> str:
	return "" if value is None else str(value)


@router.post("/{activity_id}/move")
async def move(
	activity_id: str, request: Request, work: Annotated[Work, allow(may.ACTIVITIES_CREATE)]
) -> Response:
	"""Submitting is open to whoever records; every other move asks for the right to approve."""
	values = await typed(request, work)
	to = str(values.get("to", ""))
	if to not in set(State):
		raise NotFound(_("There is no such state."))
	if to != State.SUBMITTED and not work.principal.may(may.ACTIVITIES_APPROVE):
		raise PermissionDenied(_("Permission '{name}' required", name=str(may.ACTIVITIES_APPROVE)))
	place = f"{PLACE}/{activity_id}"
	try:
		await service.move(work, [activity_id], State(to), str(values.get("reason") or "") or None)
	except (Invalid, Conflict) as refused:
		await work.close()
		text = " ".join(one.message for one in refused.problems) or refused.message
		return lead_to(work, place, text=text, kind="warn")
	return lead_to(work, place, text=_("Done"))


@router.get("/{activity_id}/correct")
async def correct_page(activity_id: str, work: Updating) -> Response:
	record, etag = await _record(work, activity_id)
	return await _correct(work, record, FormState.of(forms.shown(record)), etag, block="inner")


async def _correct(
	work: Work, record: dict[str, Any], form: FormState, etag: str, **more: Any
) -> Response:
	return show(
		work,
		"esg/activities/correct.html",
		record=record,
		form=form,
		etag=etag,
		**_choices(),
		documents=await evidence.choices(work),
		**more,
	)


@router.post("/{activity_id}/correct")
async def correct(activity_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	record, etag = await _record(work, activity_id)
	try:
		given = checked(ActivityCorrection, forms.changes(record, values))
		await service.correct(work, activity_id, given)
	except (Invalid, Conflict) as refused:
		await work.close()
		form = forms.refused(values, refused, forms.PREFIX)
		return await _correct(work, record, form, etag, status=422, block="form")
	return lead_to(work, f"{PLACE}/{activity_id}", text=_("Corrected; the old version is kept"))


@router.get("/{activity_id}/withdraw")
async def withdraw_page(activity_id: str, work: Updating) -> Response:
	record, etag = await _record(work, activity_id)
	return _withdraw(work, record, FormState(), etag, block="inner")


def _withdraw(
	work: Work, record: dict[str, Any], form: FormState, etag: str, **more: Any
) -> Response:
	return show(work, "esg/activities/withdraw.html", record=record, form=form, etag=etag, **more)


@router.post("/{activity_id}/withdraw")
async def withdraw(activity_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	record, etag = await _record(work, activity_id)
	try:
		reason = checked(Withdrawal, {"reason": values.get("withdraw_reason", "")}).reason
		await service.withdraw(work, activity_id, reason)
	except (Invalid, Conflict) as refused:
		await work.close()
		form = forms.refused(values, refused, "withdraw_")
		return _withdraw(work, record, form, etag, status=422, block="form")
	return lead_to(work, f"{PLACE}/{activity_id}", text=_("Withdrawn; the record is kept"))
