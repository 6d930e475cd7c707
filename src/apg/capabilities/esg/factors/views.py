"""`/esg/factors` and `/esg/factor-sources`: browse, compare, enter, approve."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.factors import own, service, words
from apg.capabilities.esg.factors.comparing import FIELDS, compared
from apg.capabilities.esg.factors.schemas import FactorIn, FiguresIn, ReasonIn, WithdrawIn
from apg.capabilities.esg.shared.ghg import Expressed, co2e, gwp_sets
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

PLACE, SOURCES = "/esg/factors", "/esg/factor-sources"
SHOWN_SETS = ("AR4", "AR5", "AR6")
SIDE_BY_SIDE = 4
SHOWN_APART = {"state", "file_sha256", "locator", "co2e", "source", "edition", "licence"}
router = Router(prefix="/factors", include_in_schema=False)
sources = Router(prefix="/factor-sources", include_in_schema=False)
Reading = Annotated[Work, allow(may.FACTORS_READ)]
Creating = Annotated[Work, allow(may.FACTORS_CREATE)]
Approving = Annotated[Work, allow(may.FACTORS_APPROVE)]


def _rows(body: bytes) -> list[dict[str, Any]]:
	return load_json(body)


def _common(work: Work) -> dict[str, Any]:
	return {
		"place": partial(words.place, locale=work.principal.locale or "en"),
		"state_label": words.state_label,
		"tones": words.TONES,
		"may_create": work.principal.may(may.FACTORS_CREATE),
		"may_approve": work.principal.may(may.FACTORS_APPROVE),
	}


# the browser


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	known = _rows((await service.sources(work, limit=200, offset=0)).body)
	state = ListState.of(_spec(known, request.query_params.get("state", "")), request)
	asked: dict[str, Any] = {one.name: state[one.name] for one in state.spec.filters}
	sort = tuple((one.name, one.descending) for one in state.sort)
	page = await service.page(work, **asked, sort=sort, limit=state.page_size, offset=state.offset)
	return show(
		work,
		"esg/factors/list.html",
		state=state,
		rows=_rows(page.body),
		total=page.total,
		estimated=page.estimated,
		sources=known,
		**_common(work),
	)


def _spec(known: list[dict[str, Any]], state: str) -> ListSpec:
	choices = [(one["id"], f"{one['title']} {one['edition']}".strip()) for one in known]
	filters = tuple(
		replace(one, choices=choices) if one.name == "source_id" else one
		for one in words.FACTORS.filters
	)
	columns = words.FACTORS.columns
	if state == "quarantined":
		kept = [one for one in columns if one.name not in ("valid_from", "source", "state")]
		columns = (kept[0], words.WHY, *kept[1:])
	return replace(words.FACTORS, filters=filters, columns=columns)


# entering one


async def _form(
	work: Work, form: FormState, factor: Any = None, status: int = 200, **more: Any
) -> Response:
	return show(
		work,
		"esg/factors/form.html",
		status=status,
		form=form,
		factor=factor,
		stages=words.translated(words.STAGES),
		scopes=words.translated(words.SCOPES),
		sets=[(code, code) for code in gwp_sets()],
		**more,
	)


@router.get("/new")
async def new_page(work: Creating) -> Response:
	start = {"region": "001", "stage": "cradle_to_gate", "native_gwp_set": "AR5"}
	return await _form(work, FormState.of(start))


@router.post("/new")
async def create(request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	try:
		made = await own.create(work, checked(FactorIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _form(work, _refused(values, refused), status=422, block="form")
	return lead_to(work, f"{PLACE}/{made.id}", text=_("Recorded; somebody has to approve it."))


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
	"""What the schema takes: one gas a line, `CO2 2.11`."""
	given = {name: one for name, one in blank_as_none(values).items() if one is not None}
	gases: dict[str, str] = {}
	for line in str(given.pop("gases", "")).splitlines():
		name, _space, mass = line.strip().replace("=", " ").replace(":", " ").partition(" ")
		if name:
			gases[name] = mass.strip()
	return {**given, "gases": gases}


def _refused(values: Mapping[str, Any], refused: Invalid | Conflict) -> FormState:
	problems = [
		Problem(one.field.partition(".")[0], one.message, one.code) for one in refused.problems
	]
	return FormState(dict(values), problems or [Problem("", refused.message)])


@router.get("/{factor_id}/new-version")
async def version_page(factor_id: str, work: Creating) -> Response:
	factor = load_json((await service.read(work, factor_id)).body)
	gases = "\n".join(f"{name} {mass}" for name, mass in factor["gases"].items())
	return await _form(work, FormState.of(factor, gases=gases, citation=""), factor)


@router.post("/{factor_id}/new-version")
async def create_version(factor_id: str, request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	try:
		await own.add_version(work, factor_id, checked(FiguresIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		factor = load_json((await service.read(work, factor_id)).body)
		return await _form(work, _refused(values, refused), factor, status=422, block="form")
	return lead_to(work, f"{PLACE}/{factor_id}", text=_("Recorded; somebody has to approve it."))


# one factor


@router.get("/{factor_id}")
async def factor_page(factor_id: str, work: Reading) -> Response:
	return await _factor(factor_id, work)


async def _factor(
	factor_id: str, work: Work, form: FormState | None = None, status: int = 200, **more: Any
) -> Response:
	factor = load_json((await service.read(work, factor_id)).body)
	versions = _rows((await service.versions(work, factor_id)).body)
	held = await service.factors_of(work, [one["id"] for one in versions[:SIDE_BY_SIDE]])
	expressed: dict[str, dict[str, Expressed]] = {}
	for version_id, one in held.items():
		found = {code: co2e(one, gwp_sets()[code]) for code in SHOWN_SETS}
		expressed[version_id] = {c: e for c, e in found.items() if isinstance(e, Expressed)}
	shown = versions[:SIDE_BY_SIDE]
	return show(
		work,
		"esg/factors/detail.html",
		status=status,
		factor=factor,
		versions=shown,
		more_versions=len(versions) - len(shown),
		gases=sorted({gas for one in shown for gas in one["gases"]}),
		expressed=expressed,
		sets=SHOWN_SETS,
		changes=_changes(shown),
		fields=words.FIELDS,
		rows=[name for name in FIELDS if name not in SHOWN_APART],
		bases=words.BASES,
		stages=dict(words.STAGES),
		form=form or FormState.of({}),
		own=factor["layer"] == "tenant" and factor["file_sha256"] == "",
		**_common(work),
		**more,
	)


def _changes(versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""What the newest version has otherwise than the one before; files and states apart."""
	if len(versions) < 2:
		return []
	found = compared(versions[1], versions[0])
	return [one for one in found if one["field"] not in ("state", "file_sha256", "source")]


@router.post("/{factor_id}/versions/{version_id}/approve")
async def approve_version(factor_id: str, version_id: str, work: Approving) -> Response:
	await service.approve_version(work, factor_id, version_id)
	return lead_to(work, f"{PLACE}/{factor_id}", text=_("Approved; used from now on"))


@router.post("/{factor_id}/versions/{version_id}/withdraw")
async def withdraw_version(
	factor_id: str, version_id: str, request: Request, work: Approving
) -> Response:
	values = await typed(request, work)
	try:
		reason = checked(WithdrawIn, {"reason": values.get("reason", "")}).reason
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _factor(factor_id, work, form, 422, block="content")
	await service.withdraw_version(work, factor_id, version_id, reason)
	return lead_to(work, f"{PLACE}/{factor_id}", text=_("Withdrawn; old results stay"))


# sources


@sources.get("")
async def sources_page(request: Request, work: Reading) -> Response:
	state = ListState.of(words.SOURCES, request)
	page = await service.sources(work, limit=state.page_size, offset=state.offset)
	rows = _rows(page.body)
	for row in rows:
		row |= {name: row["counts"].get(name) for name in ("factors", "quarantined")}
	return show(
		work,
		"esg/factors/sources.html",
		state=state,
		rows=rows,
		total=page.total,
		**_common(work),
	)


@sources.get("/{source_id}")
async def source_page(source_id: str, work: Reading) -> Response:
	return await _source(source_id, work)


async def _source(
	source_id: str, work: Work, form: FormState | None = None, status: int = 200, **more: Any
) -> Response:
	source = load_json((await service.read_source(work, source_id)).body)
	decisions = await service.decisions(work, source_id)
	deciders = {one.decided_by for one in decisions if one.decided_by}
	people = await work.port(Identity).people(work, deciders)
	return show(
		work,
		"esg/factors/source.html",
		status=status,
		source=source,
		decisions=decisions,
		names={user_id: one.display_name for user_id, one in people.items()},
		bases=words.BASES,
		form=form or FormState.of({}),
		**_common(work),
		**more,
	)


@sources.post("/{source_id}/approve")
async def approve_source(source_id: str, request: Request, work: Approving) -> Response:
	values = await typed(request, work)
	reason = checked(ReasonIn, {"reason": values.get("reason", "")}).reason
	made = await service.approve_source(work, source_id, reason)
	return lead_to(
		work, f"{SOURCES}/{source_id}", text=_("{n} factors are approved", n=made.factors)
	)


@sources.post("/{source_id}/withdraw")
async def withdraw_source(source_id: str, request: Request, work: Approving) -> Response:
	values = await typed(request, work)
	try:
		reason = checked(WithdrawIn, {"reason": values.get("reason", "")}).reason
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _source(source_id, work, form, 422, block="form")
	await service.withdraw_source(work, source_id, reason)
	return lead_to(work, f"{SOURCES}/{source_id}", text=_("Withdrawn; old results stay"))
