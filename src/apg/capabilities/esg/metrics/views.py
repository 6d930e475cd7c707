"""`/esg/metrics`: the list of metrics and the forms that define them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.metrics import made_of, service, words
from apg.capabilities.esg.metrics.schemas import MetricIn, MetricPatch
from apg.capabilities.esg.shared.rule_nodes import Rule, RuleError, Severity, write_node, write_rule
from apg.capabilities.esg.shared.rule_tree import read_entry, read_rules
from apg.capabilities.esg.shared.vocabulary import MetricUnit, accepted_unit
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

PLACE = "/esg/metrics"
router = Router(prefix="/metrics", include_in_schema=False)
executive = Router(prefix="/executive", include_in_schema=False)
METRICS = ListSpec(
	columns=(
		Column("name", "Metric", sortable=True),
		Column("code", "Code", sortable=True, default_visible=False),
		Column("metric_type", "Type", sortable=True),
		Column("category", "Category", sortable=True),
		Column("current_value", "Current value", sortable=True, kind="number"),
		Column("target_value", "Target", kind="number"),
		Column("trend", "Trend"),
		Column("data_quality_score", "Quality", sortable=True, kind="number"),
		Column("current_date", "Newest reading", kind="date"),
		Column(
			"updated_at", "Definition changed", sortable=True, kind="date", default_visible=False
		),
	),
	filters=(
		Filter("search", "Search metrics"),
		Filter("metric_type", "Type", "choice", words.TYPES),
		Filter("category", "Category", "choice"),
		Filter("is_kpi", "Key figure", "bool"),
		Filter("due", "Reading due", "bool"),
		Filter("is_active", "Active", "bool"),
	),
	default_sort="name",
)
FLAGS = ("is_kpi", "is_public", "is_active")
CLEARED = ("subcategory", "description", "calculation_method", "target_value", "baseline_value")


@executive.get("")
@executive.get("/")
@executive.get("/dashboard")
async def key_figures(work: Annotated[Work, allow(may.METRICS_READ)]) -> Response:
	return RedirectResponse(f"{PLACE}?is_kpi=true", 302)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(may.METRICS_READ)]) -> Response:
	state = ListState.of(await _spec(work, request), request)
	asked: dict[str, Any] = {one.name: state[one.name] for one in state.spec.filters}
	sort = tuple((one.name, one.descending) for one in state.sort)
	page = await service.listed(
		work, limit=state.page_size, offset=state.offset, sort=sort, **asked
	)
	rows: list[dict[str, Any]] = load_json(page.body)
	standings = await service.standings(work, [row["id"] for row in rows])
	for row in rows:
		row["standing"] = standings.get(row["id"], "")
		row["symbol"] = words.symbol(row["unit"])
	return show(
		work,
		"esg/metrics/list.html",
		state=state,
		rows=rows,
		total=page.total,
		estimated=page.estimated,
		types=dict(words.TYPES),
		directions=words.DIRECTIONS,
		assessments=words.ASSESSMENTS,
		may_create=work.principal.may(may.METRICS_CREATE),
		may_import=work.principal.may(may.MEASUREMENTS_CREATE),
	)


async def _spec(work: Work, request: Request) -> ListSpec:
	"""The list with the tenant's own categories to choose from; one that is asked for is one too."""
	asked = [name for name in request.query_params.getlist("category") if name]
	names = sorted({*await service.categories(work), *asked})
	choices = [(name, name) for name in names]
	filters = tuple(
		replace(one, choices=choices) if one.name == "category" else one for one in METRICS.filters
	)
	return replace(METRICS, filters=filters)


async def _form(
	work: Work, metric: Any, form: FormState, *, etag: str = "", status: int = 200, **more: Any
) -> Response:
	return show(
		work,
		"esg/metrics/form.html",
		status=status,
		metric=metric,
		form=form,
		etag=etag,
		categories=await service.categories(work),
		types=_translated(words.TYPES),
		units=[(str(unit), accepted_unit(unit).symbol) for unit in MetricUnit],
		periods=_translated(words.PERIODS),
		methods=_translated(words.METHODS),
		polarities=_translated(words.POLARITIES),
		read=_read(str(form.value("validation_rules"))),
		**await made_of.offered(work, str(form.value("source"))),
		**more,
	)


def _translated(pairs: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
	return [(value, _(label)) for value, label in pairs]


@router.get("/new")
async def new_page(work: Annotated[Work, allow(may.METRICS_CREATE)]) -> Response:
	start = {
		"measurement_period": "monthly",
		"aggregation": "sum",
		"polarity": "lower_is_better",
		"source": "manual",
		"is_active": True,
	}
	return await _form(work, None, FormState.of(start))


@router.post("/new")
async def create(request: Request, work: Annotated[Work, allow(may.METRICS_CREATE)]) -> Response:
	values = await typed(request, work)
	try:
		metric = await service.create(work, checked(MetricIn, _given(values)))
	except (Invalid, Conflict) as refused:
		return await _refused(work, None, values, refused)
	return lead_to(
		work, f"{PLACE}/{metric.id}", text=_("The metric is there; record its readings.")
	)


async def _refused(
	work: Work, metric: Any, values: Mapping[str, Any], error: Invalid | Conflict, etag: str = ""
) -> Response:
	"""The form again, with everything typed. A rule's error stands at the field of all rules."""
	problems = [_placed(one) for one in error.problems] or [Problem("", error.message)]
	await work.close()
	form = FormState({**values, "site_ids[]": values.get("site_ids", [])}, problems)
	return await _form(work, metric, form, etag=etag, status=422, block="form")


def _placed(problem: Problem) -> Problem:
	field, _dot, place = problem.field.partition(".")
	if field in ("automation_config", "activity_code"):
		return Problem("activity", problem.message)
	if field != "validation_rules" or not place.isdigit():
		return problem
	return Problem(field, _("Line {n}: {text}", n=int(place) + 1, text=problem.message))


def _given(values: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> dict[str, Any]:
	"""What the schema takes: empty fields are none, rules are lines, boxes are flags."""
	given = {name: value for name, value in blank_as_none(values).items() if value is not None}
	given["validation_rules"] = _lines(str(values.get("validation_rules") or ""))
	for name in FLAGS:
		given[name] = values.get(name) in ("true", "on", "1")
	made_of.take(given, config)
	return given


def _lines(text: str) -> list[str]:
	return [line.strip() for line in text.splitlines() if line.strip()]


@router.post("/check/rules")
async def check_rules(request: Request, work: Annotated[Work, allow(may.METRICS_READ)]) -> Response:
	values = await typed(request)
	read = _read(str(values.get("validation_rules") or ""))
	return show(work, "esg/metrics/rules.html", block="rules_read", read=read)


def _read(text: str) -> list[dict[str, Any]]:
	"""Each line as it was understood, or what is wrong with it and where."""
	found: list[dict[str, Any]] = []
	for line in _lines(text):
		try:
			rule: Rule = read_entry(line)
		except RuleError as error:
			found.append({"line": line, "problem": error.message, "position": error.position})
			continue
		rejects = rule.severity is Severity.REJECT
		found.append({"line": write_node(rule.requirement), "rejects": rejects, "problem": ""})
	return found


@router.post("/check/unit")
async def check_unit(request: Request, work: Annotated[Work, allow(may.METRICS_READ)]) -> Response:
	values = await typed(request)
	text, symbol, problem = str(values.get("unit") or ""), "", ""
	try:
		symbol = accepted_unit(text).symbol if text.strip() else ""
	except Invalid as error:
		problem = " ".join(one.message for one in error.problems) or error.message
	return show(
		work, "esg/metrics/rules.html", block="unit_read", text=text, symbol=symbol, problem=problem
	)


@router.get("/{metric_id}/edit")
async def edit_page(metric_id: str, work: Annotated[Work, allow(may.METRICS_UPDATE)]) -> Response:
	found = await service.read(work, metric_id)
	metric = load_json(found.body)
	rules = "\n".join(write_rule(rule) for rule in read_rules(metric["validation_rules"]))
	form = FormState.of(metric, validation_rules=rules, **made_of.as_form(metric))
	return await _form(work, metric, form, etag=found.etag or "")


@router.post("/{metric_id}/edit")
async def change(
	metric_id: str, request: Request, work: Annotated[Work, allow(may.METRICS_UPDATE)]
) -> Response:
	values = await typed(request, work)
	etag = work.if_match or ""
	given = _given(values, (await service.metric_of(work, metric_id)).automation_config)
	for name in CLEARED:
		given.setdefault(name, None)
	try:
		await service.change(work, metric_id, checked(MetricPatch, given))
	except (Invalid, Conflict) as refused:
		metric = {"id": metric_id, "name": values.get("name") or _("Metric")}
		return await _refused(work, metric, values, refused, etag)
	return lead_to(work, f"{PLACE}/{metric_id}", text=_("Saved"))


@router.post("/{metric_id}/delete")
async def remove(metric_id: str, work: Annotated[Work, allow(may.METRICS_DELETE)]) -> Response:
	await service.remove(work, metric_id)
	return lead_to(work, PLACE, text=_("The metric is deleted; its readings stay in the record."))
