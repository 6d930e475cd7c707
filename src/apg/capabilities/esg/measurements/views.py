"""`/esg/metrics/{id}`: where a metric stands, its chart, its readings, and the form for the next."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.measurements import explained, forms, picture, service
from apg.capabilities.esg.measurements.schemas import MeasurementIn
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.metrics import words
from apg.capabilities.esg.shared.periods import Span
from apg.capabilities.esg.shared.rule_nodes import write_rule
from apg.capabilities.esg.shared.rule_tree import read_rules
from apg.capabilities.esg.shared.vocabulary import MetricSource, standing
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import show, toast
from apg.kernel.work import Work

router = Router(prefix="/metrics/{metric_id}", include_in_schema=False)
READINGS = ListSpec(
	columns=(
		Column("measurement_date", "Date", kind="date"),
		Column("period", "Period"),
		Column("value", "Value", kind="number"),
		Column("status", "State"),
		Column("quality_flags", "Flags"),
		Column("quality_score", "Quality", kind="number"),
		Column("actions", "Change"),
		Column("data_source", "Source"),
		Column("collection_method", "Method", default_visible=False),
		Column("evidence", "Evidence", default_visible=False),
		Column("validation_score", "Rules kept, of 100", kind="number", default_visible=False),
		Column("who", "Recorded"),
	),
	filters=(
		Filter("from", "From", "date"),
		Filter("to", "Up to", "date"),
		Filter("include_superseded", "All revisions", "bool"),
	),
	page_sizes=(25, 50, 100),
)


@router.get("")
async def metric_page(
	metric_id: str, request: Request, work: Annotated[Work, allow(may.METRICS_READ)]
) -> Response:
	return await _page(work, metric_id, ListState.of(READINGS, request))


async def _page(work: Work, metric_id: str, state: ListState, **more: Any) -> Response:
	"""The page or a part of it; readings only for those who may see them."""
	found = await metrics.read(work, metric_id)
	metric = described(load_json(found.body))
	may_see = work.principal.may(may.MEASUREMENTS_READ)
	form = more.pop("form", None)
	context: dict[str, Any] = {
		"metric": metric,
		"state": state,
		"may_see": may_see,
		"rows": [],
		"total": 0,
		"picture": None,
		"newest": None,
		"spans": [(str(span), _(label)) for span, label in _SPANS],
		"rules": [write_rule(rule) for rule in read_rules(metric["validation_rules"])],
		"methods": [(value, _(label)) for value, label in words.COLLECTION],
		"words": words,
		"worst": explained.worst(metric["trend_analysis"].get("indicators", {})),
		"is_computed": MetricSource(metric["source"]).is_computed,
		"may_record": may_see and work.principal.may(may.MEASUREMENTS_CREATE),
		"may_correct": work.principal.may(may.MEASUREMENTS_UPDATE),
		"may_withdraw": work.principal.may(may.MEASUREMENTS_DELETE),
		"may_edit": work.principal.may(may.METRICS_UPDATE),
		"may_delete": work.principal.may(may.METRICS_DELETE),
	}
	if may_see:
		context |= await _readings(work, metric, state)
	newest = context["newest"]
	reached = newest["reached"] if newest else None
	context["form"] = form or FormState.of(picture.next_period(metric, reached))
	return show(work, "esg/measurements/metric.html", **(context | more))


_SPANS = ((Span.MONTH, "Month"), (Span.QUARTER, "Quarter"), (Span.YEAR, "Year"))


def described(metric: dict[str, Any]) -> dict[str, Any]:
	"""With the symbol of its unit and the word for one of its periods."""
	metric["symbol"] = words.symbol(metric["unit"])
	return metric


async def _readings(work: Work, metric: dict[str, Any], state: ListState) -> dict[str, Any]:
	page = await service.page(
		work,
		metric["id"],
		start=_day(state, "from"),
		end=_day(state, "to", after=1),
		everything=state["include_superseded"] is True,
		limit=state.page_size,
		offset=state.offset,
	)
	rows: list[dict[str, Any]] = load_json(page.body)
	newest = await newest_of(work, metric)
	await name_people(work, rows)
	for row in rows:
		told(metric, row)
	return {
		"rows": rows,
		"total": page.total,
		"newest": newest,
		"picture": await picture.picture(work, metric, _span(state, metric)),
	}


async def newest_of(work: Work, metric: dict[str, Any]) -> dict[str, Any] | None:
	"""The reading that the current value is, and up to when it tells."""
	found = await service.current(work, metric["id"])
	if found is None:
		return None
	row = told(metric, load_json(found.body))
	row["reached"] = _moment(row["period_end"]) or _moment(row["measurement_date"])
	return row


def told(metric: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
	"""A reading with its period, standing and flags in words."""
	row["period"] = picture.period_text(_moment(row["period_start"]), _moment(row["period_end"]))
	row["standing"] = standing(row["collection_method"], row["metadata"].get("generated") is True)
	row["flags"] = explained.flags(metric, row["quality_flags"])
	return row


async def name_people(work: Work, rows: list[dict[str, Any]]) -> None:
	"""Names in place of ids: `who` recorded and `changed_by` changed each reading."""
	ids = {row[field] for row in rows for field in ("created_by", "updated_by") if row[field]}
	people = await work.port(Identity).people(work, ids)

	def name(user_id: str | None) -> str:
		person = people.get(user_id or "")
		return (person.display_name or person.username) if person else _("the system")

	for row in rows:
		row["who"], row["changed_by"] = name(row["created_by"]), name(row["updated_by"])


def _moment(text: str | None) -> datetime | None:
	return datetime.fromisoformat(text) if text else None


def _day(state: ListState, name: str, after: int = 0) -> datetime | None:
	"""Midnight in UTC of a day of the address; both days of a range are inside."""
	value: Any = state[name]
	return None if value is None else datetime.combine(value, time(), UTC) + timedelta(days=after)


def _span(state: ListState, metric: dict[str, Any]) -> Span:
	asked = dict(state.extra).get("by", "")
	if not asked:
		return picture.own_span(metric)
	if asked not in set(Span):
		raise Invalid.one("by", _("Choose month, quarter or year."))
	return Span(asked)


@router.post("/measurements")
async def record(
	metric_id: str, request: Request, work: Annotated[Work, allow(may.MEASUREMENTS_CREATE)]
) -> Response:
	values = await typed(request, work)
	state = where(request, metric_id)
	try:
		await service.record(work, metric_id, checked(MeasurementIn, forms.given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		form = forms.refused(values, refused)
		return await _page(work, metric_id, state, status=422, block="record", form=form)
	headers = {"HX-Retarget": "#standing", "HX-Reswap": "outerHTML"}
	answer = await _page(work, metric_id, state, block="standing", headers=headers)
	return toast(answer, _("Recorded"), "good")


def where(request: Request, metric_id: str) -> ListState:
	"""What the page that sent a form shows, so that its part comes back with the same filters."""
	place = f"/esg/metrics/{metric_id}"
	parts = urlsplit(request.headers.get("hx-current-url", ""))
	query = parse_qsl(parts.query) if parts.path == place else []
	try:
		return ListState.parse(READINGS, query, place)
	except Invalid:
		return ListState.parse(READINGS, (), place)
