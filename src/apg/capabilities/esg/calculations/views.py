"""`/esg/calculations`: runs, their lines, where a figure comes from, and one run beside another."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import service as activities
from apg.capabilities.esg.calculations import service
from apg.capabilities.esg.calculations.schemas import CalculationIn, RerunIn
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.settings import esg_settings
from apg.capabilities.esg.shared.calculation import missing_text
from apg.capabilities.esg.shared.factor import reason_text
from apg.capabilities.esg.shared.ghg import gwp_sets
from apg.capabilities.esg.sites import service as sites
from apg.contracts.identity import Identity
from apg.kernel import tasks
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import N_, _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

PLACE = "/esg/calculations"
router = Router(prefix="/calculations", include_in_schema=False)
Reading = Annotated[Work, allow(may.CALCULATIONS_READ)]
Calculating = Annotated[Work, allow(may.CALCULATIONS_CREATE)]
RUNS = ListSpec(
	columns=(
		Column("title", "Calculation", sortable=True),
		Column("mode", "Kind"),
		Column("state", "State"),
		Column("co2e", "Emissions", sortable=True, kind="number"),
		Column("missing_count", "Gaps", kind="number"),
		Column("line_count", "Lines", kind="number"),
		Column("gwp_set", "Potentials"),
		Column("seal", "Seal", default_visible=False),
		Column("created_at", "Calculated", sortable=True, kind="datetime"),
	),
	default_sort="-created_at",
)
LINES = ListSpec(
	columns=(
		Column("activity_code", "Activity", sortable=True),
		Column("quantity", "Quantity", kind="number"),
		Column("normalised", "In the unit of the factor", kind="number", default_visible=False),
		Column("co2e", "Emissions", sortable=True, kind="number"),
		Column("biogenic_co2", "Biogenic CO2", kind="number", default_visible=False),
		Column("range", "95 % between"),
		Column("factor", "Factor chosen"),
		Column("remarks", "To know"),
	),
	filters=(
		Filter("activity_code", "Activity", "choice"),
		Filter("missing", "Gaps", "bool"),
	),
	default_sort="-co2e",
	page_sizes=(50, 100, 250),
)
MODES = {
	"new": N_("First"),
	"same": N_("Proof: same records and factors"),
	"factors": N_("Same records, factors of the day"),
	"present": N_("Records and factors of the day"),
}
WHY = {
	"new": N_("a record that was not there before"),
	"gone": N_("the record no longer stands"),
	"record": N_("the record was corrected"),
	"factor": N_("another version of the factor"),
	"gwp_set": N_("another set of potentials"),
	"missing": N_("a figure came or went"),
}


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(RUNS, request)
	page = await service.page(
		work,
		limit=state.page_size,
		offset=state.offset,
		sort=tuple((one.name, one.descending) for one in state.sort),
	)
	return show(
		work,
		"esg/calculations/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		modes=MODES,
		may_create=work.principal.may(may.CALCULATIONS_CREATE),
	)


async def _form(work: Work, form: FormState, **more: Any) -> Response:
	return show(
		work,
		"esg/calculations/form.html",
		form=form,
		sites=await sites.choices(work, active=False),
		codes=[(code, code) for code in await activities.codes_in_use(work)],
		sets=[(one.code, f"{one.code}: {one.source}") for one in gwp_sets().values()],
		**more,
	)


@router.get("/new")
async def new_page(work: Calculating) -> Response:
	year = datetime.now(UTC).year - 1
	start = {
		"title": _("All sites, {year}", year=year),
		"first_day": f"{year}-01-01",
		"last_day": f"{year}-12-31",
		"gwp_set": esg_settings().gwp_set,
	}
	return await _form(work, FormState.of(start))


@router.post("/new")
async def create(request: Request, work: Calculating) -> Response:
	values = await typed(request, work)
	try:
		run = await service.start(work, checked(CalculationIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _form(work, _refused(values, refused), status=422, block="form")
	return lead_to(work, f"{PLACE}/{run.id}", text=_("Calculated"))


def _refused(values: dict[str, Any], error: Invalid | Conflict) -> FormState:
	problems = [
		Problem(one.field.removeprefix("selection."), one.message, one.code)
		for one in error.problems
	]
	return FormState(values, problems or [Problem("", error.message)])


def _given(values: dict[str, Any]) -> dict[str, Any]:
	found = {name: value for name, value in blank_as_none(values).items() if value is not None}
	selection: dict[str, Any] = {
		name: found[name] for name in ("site_id", "activity_code") if name in found
	}
	for name, field, after in (("first_day", "start", 0), ("last_day", "end", 1)):
		if name in found:
			selection[field] = _midnight(name, str(found[name]), after)
	selection["approved_only"] = found.get("approved_only") == "true"
	return {
		"title": found.get("title", ""),
		"gwp_set": found.get("gwp_set"),
		"selection": selection,
	}


def _midnight(name: str, text: str, after: int) -> datetime:
	try:
		day = date.fromisoformat(text.strip()) + timedelta(days=after)
	except (ValueError, OverflowError):
		raise Invalid.one(name, _("Write the day like 2026-03-31.")) from None
	return datetime.combine(day, time(), UTC)


@router.get("/{run_id}")
async def run_page(run_id: str, request: Request, work: Reading) -> Response:
	run = load_json((await service.read(work, run_id)).body)
	groups = await service.groups(work, run_id)
	state = ListState.of(_lines_spec(groups), request)
	code: Any = state["activity_code"]
	missing: Any = state["missing"]
	page = await service.lines(
		work,
		run_id,
		limit=state.page_size,
		offset=state.offset,
		activity_code=code,
		missing=missing,
		sort=tuple((one.name, one.descending) for one in state.sort),
	)
	rows: list[dict[str, Any]] = load_json(page.body)
	await _tell_lines(work, rows)
	progress = None
	if run["state"] == "running":
		progress = await tasks.progress(work, service.KEY.format(run_id=run_id))
	return show(
		work,
		"esg/calculations/run.html",
		run=run,
		state=state,
		rows=rows,
		total=page.total,
		groups=groups,
		gases=await service.gases(work, run_id),
		again=await service.reruns(work, run_id),
		modes=MODES,
		progress=progress,
		may_create=work.principal.may(may.CALCULATIONS_CREATE),
	)


def _lines_spec(groups: list[dict[str, Any]]) -> ListSpec:
	choices = [(one["activity_code"], one["activity_code"]) for one in groups]
	filters = (Filter("activity_code", "Activity", "choice", choices), LINES.filters[1])
	return ListSpec(LINES.columns, filters, LINES.default_sort, LINES.page_sizes)


async def _tell_lines(work: Work, rows: list[dict[str, Any]]) -> None:
	known = await factors.factors_of(
		work, {row["factor_version_id"] for row in rows if row["factor_version_id"]}
	)
	for row in rows:
		factor = known.get(row["factor_version_id"] or "")
		row["factor_name"] = factor.name if factor else ""
		row["factor_edition"] = f"{factor.source}, {factor.edition}" if factor else ""
		row["why_factor"] = reason_text(row["factor_reason"]) if factor else ""
		row["why_missing"] = missing_text(row["missing"]) if row["missing"] else ""


@router.post("/{run_id}/rerun")
async def rerun(run_id: str, request: Request, work: Calculating) -> Response:
	values = await typed(request, work)
	try:
		run = await service.rerun(work, run_id, checked(RerunIn, values).mode)
	except Conflict as refused:
		await work.close()
		return lead_to(work, f"{PLACE}/{run_id}", text=refused.message, kind="warn")
	return lead_to(work, f"{PLACE}/{run_id}/comparison/{run.id}", text=_("Calculated again"))


@router.get("/{run_id}/comparison/{other_id}")
async def comparison(run_id: str, other_id: str, work: Reading) -> Response:
	old = load_json((await service.read(work, run_id)).body)
	new = load_json((await service.read(work, other_id)).body)
	told = None
	if old["state"] == new["state"] == "done":
		told = await service.compare(work, run_id, other_id, limit=200)
		ids = {line[name] for line in told["lines"] for name in _VERSIONS if line[name]}
		known = await factors.factors_of(work, ids)
		for line in told["lines"]:
			line["reasons"] = [_(WHY[one]) for one in line["why"]]
			for name in _VERSIONS:
				factor = known.get(line[name] or "")
				line[name.replace("_version_id", "")] = (
					f"{factor.source}, {factor.edition}" if factor else ""
				)
	return show(work, "esg/calculations/comparison.html", old=old, new=new, told=told, modes=MODES)


_VERSIONS = ("old_factor_version_id", "new_factor_version_id")


@router.get("/{run_id}/lines/{line_id}/trace")
async def trace(run_id: str, line_id: str, work: Reading) -> Response:
	"""Total → line → record and evidence → factor and file, with the numbers filled in."""
	run = load_json((await service.read(work, run_id)).body)
	told = await service.trace(work, run_id, line_id)
	return show(
		work,
		"esg/calculations/trace.html",
		block="inner",
		run=run,
		trace=await shown(work, told),
	)


async def shown(work: Work, told: dict[str, Any]) -> dict[str, Any]:
	"""A trace with people and reasons in words, as `_trace.html` shows it."""
	record, line = told["record"], told["line"]
	ids = {record[name] for name in ("created_by", "approved_by") if record[name]}
	people = await work.port(Identity).people(work, ids)

	def name(user_id: str | None) -> str:
		person = people.get(user_id or "")
		return (person.display_name or person.username) if person else ""

	return told | {
		"recorded_by": name(record["created_by"]) or _("the system"),
		"approved_by": name(record["approved_by"]),
		"why_factor": reason_text(line["factor_reason"]) if told["factor"] else "",
		"why_missing": missing_text(line["missing"]) if line["missing"] else "",
	}
