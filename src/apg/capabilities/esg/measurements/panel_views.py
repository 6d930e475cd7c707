"""What opens beside a metric's page: where a figure comes from, correct, withdraw, the revisions."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.measurements import explained, forms, service, views
from apg.capabilities.esg.measurements.schemas import MeasurementPatch
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.metrics import words
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, NotFound
from apg.kernel.texts import _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/metrics/{metric_id}", include_in_schema=False)
TRACED = ("value", "quality", "trend")
COMPARED = (
	("value", "Value"),
	("measurement_date", "Date"),
	("period", "Period"),
	("data_source", "Source"),
	("collection_method", "Method"),
	("evidence", "Evidence"),
	("notes", "Note"),
)


async def _metric(work: Work, metric_id: str) -> dict[str, Any]:
	return views.described(load_json((await metrics.read(work, metric_id)).body))


@router.get("/trace/{figure}")
async def trace(
	metric_id: str, figure: str, work: Annotated[Work, allow(may.MEASUREMENTS_READ)]
) -> Response:
	"""Formula, inputs, who and when of the current value, its quality, or its trend."""
	if figure not in TRACED:
		raise NotFound(_("There is no such figure."))
	metric = await _metric(work, metric_id)
	reading = await views.newest_of(work, metric)
	if reading:
		await views.name_people(work, [reading])
	found = metric["trend_analysis"].get("indicators", {})
	return show(
		work,
		"esg/measurements/trace.html",
		block=figure,
		figure=figure,
		metric=metric,
		reading=reading,
		indicators=explained.indicators(found),
		words=words,
	)


@router.get("/measurements/{measurement_id}/history")
async def history(
	metric_id: str, measurement_id: str, work: Annotated[Work, allow(may.MEASUREMENTS_READ)]
) -> Response:
	"""The chain of revisions a reading belongs to, newest first."""
	metric = await _metric(work, metric_id)
	rows = [
		views.told(metric, row) for row in await service.revisions(work, metric_id, measurement_id)
	]
	await views.name_people(work, rows)
	return show(
		work,
		"esg/measurements/history.html",
		block="inner",
		metric=metric,
		entries=_entries(rows),
	)


def _entries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""The chain as sentences with what each step changed, newest first."""
	told: list[dict[str, Any]] = []
	for place, row in enumerate(rows):
		if place == 0:
			what, changes = _("recorded {value}", value=row["value"]), []
		else:
			old = rows[place - 1]
			changes = [
				(_(label), _text(old[name]), _text(row[name]))
				for name, label in COMPARED
				if old[name] != row[name]
			]
			what = _("corrected: {reason}", reason=row["correction_reason"] or _("no reason given"))
		told.append({"at": row["created_at"], "who": row["who"], "what": what, "changes": changes})
	last = rows[-1]
	if last["status"] == "withdrawn":
		reason = last["withdrawal_reason"] or _("no reason given")
		told.append(
			{
				"at": last["updated_at"],
				"who": last["changed_by"],
				"what": _("withdrew it: {reason}", reason=reason),
				"changes": [],
			}
		)
	return told[::-1]


def _text(value: Any) -> str:
	return "" if value is None else str(value).replace("T00:00:00Z", "")


@router.get("/measurements/{measurement_id}/correct")
async def correct_page(
	metric_id: str, measurement_id: str, work: Annotated[Work, allow(may.MEASUREMENTS_UPDATE)]
) -> Response:
	return await _correct(work, metric_id, measurement_id, block="inner")


async def _correct(
	work: Work, metric_id: str, measurement_id: str, form: FormState | None = None, **more: Any
) -> Response:
	found = await service.read(work, metric_id, measurement_id)
	metric, reading = await _metric(work, metric_id), load_json(found.body)
	return show(
		work,
		"esg/measurements/correct.html",
		metric=metric,
		reading=views.told(metric, reading),
		etag=more.pop("etag", "") or found.etag or "",
		form=form or FormState.of(forms.shown(reading)),
		methods=_methods(reading["collection_method"]),
		**more,
	)


def _methods(current: str | None) -> list[tuple[str, str]]:
	"""The known methods, and the one the reading has where it is none of them."""
	known = [(value, _(label)) for value, label in words.COLLECTION]
	extra = [(current, current)] if current and current not in dict(known) else []
	return extra + known


@router.post("/measurements/{measurement_id}/correct")
async def correct(
	metric_id: str,
	measurement_id: str,
	request: Request,
	work: Annotated[Work, allow(may.MEASUREMENTS_UPDATE)],
) -> Response:
	values = await typed(request, work)
	etag = work.if_match or ""
	try:
		reading = load_json((await service.read(work, metric_id, measurement_id)).body)
		patch = checked(MeasurementPatch, forms.changes(reading, values))
		await service.correct(work, metric_id, measurement_id, patch)
	except (Invalid, Conflict) as refused:
		await work.close()
		form = forms.refused(values, refused, forms.PREFIX)
		return await _correct(
			work, metric_id, measurement_id, form, status=422, block="form", etag=etag
		)
	return lead_to(
		work, _back(request, metric_id), text=_("Corrected; the old value stays in the record.")
	)


@router.get("/measurements/{measurement_id}/withdraw")
async def withdraw_page(
	metric_id: str, measurement_id: str, work: Annotated[Work, allow(may.MEASUREMENTS_DELETE)]
) -> Response:
	return await _withdraw(work, metric_id, measurement_id, FormState(), block="inner")


async def _withdraw(
	work: Work, metric_id: str, measurement_id: str, form: FormState, **more: Any
) -> Response:
	found = await service.read(work, metric_id, measurement_id)
	metric = await _metric(work, metric_id)
	return show(
		work,
		"esg/measurements/withdraw.html",
		metric=metric,
		reading=views.told(metric, load_json(found.body)),
		etag=more.pop("etag", "") or found.etag or "",
		form=form,
		**more,
	)


@router.post("/measurements/{measurement_id}/withdraw")
async def withdraw(
	metric_id: str,
	measurement_id: str,
	request: Request,
	work: Annotated[Work, allow(may.MEASUREMENTS_DELETE)],
) -> Response:
	values = await typed(request, work)
	etag = work.if_match or ""
	reason = str(values.get("withdraw_reason") or "").strip()
	try:
		if not 3 <= len(reason) <= 500:
			raise Invalid.one("withdraw_reason", _("Say why, in 3 to 500 characters."))
		await service.withdraw(work, metric_id, measurement_id, reason)
	except (Invalid, Conflict) as refused:
		await work.close()
		form = forms.refused(values, refused)
		return await _withdraw(
			work, metric_id, measurement_id, form, status=422, block="form", etag=etag
		)
	return lead_to(work, _back(request, metric_id), text=_("Withdrawn; the record keeps it."))


def _back(request: Request, metric_id: str) -> str:
	"""The metric's page with the filters it had."""
	place = f"/esg/metrics/{metric_id}"
	parts = urlsplit(request.headers.get("hx-current-url", ""))
	if parts.path != place:
		return place
	query = parts.query if parts.query.isascii() and parts.query.isprintable() else ""
	return f"{place}?{query}" if query else place
