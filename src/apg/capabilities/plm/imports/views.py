"""`/plm/imports`: a file uploaded, looked at, corrected and taken over."""

from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.exports import as_file, file_name
from apg.capabilities.plm.imports import listing, service
from apg.capabilities.plm.imports.files import KINDS, TABLES
from apg.capabilities.plm.imports.models import Import, PreviewStale
from apg.capabilities.plm.imports.report import report_rows
from apg.capabilities.plm.imports.schemas import ImportOptions, ImportPatch
from apg.contracts.reference import ExchangeRates
from apg.kernel import uploads
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem, TooLarge
from apg.kernel.file_kinds import LIMITS
from apg.kernel.tabular import write_csv
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

UPLOAD = max(LIMITS[kind] for kind in KINDS)
SAMPLE = "inventree_demo_2024-02-28_parts_bom.json"
router = Router(prefix="/imports", include_in_schema=False)
Reading = Annotated[Work, allow(may.IMPORTS_READ)]
Creating = Annotated[Work, allow(may.IMPORTS_CREATE)]
Uploading = Annotated[
	Work, allow(may.IMPORTS_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
OPTIONS = ("parent", "decimal", "currency", "source", "hand_lines")
OTHER_TABLE = ("sheet", "header_row")
_SPECS = {
	"matches": listing.MATCHES,
	"problems": listing.PROBLEMS,
	"parts": listing.PARTS,
	"lines": listing.LINES,
}


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(listing.IMPORTS, request)
	page = await listing.imports(work, state)
	return show(
		work,
		"plm/imports/list.html",
		state=state,
		rows=listing.rows_of(page),
		total=page.total,
		estimated=page.estimated,
		may_create=work.principal.may(may.IMPORTS_CREATE),
	)


# -- upload ------------------------------------------------------------------------------------


async def _upload_form(work: Work, form: FormState, status: int = 200, **more: Any) -> Response:
	known = await work.port(ExchangeRates).known(work)
	return show(
		work,
		"plm/imports/new.html",
		status=status,
		form=form,
		currencies=[(code, code) for code in sorted(known)],
		decimals=_decimals(),
		**more,
	)


def _decimals() -> list[tuple[str, str]]:
	return [
		("auto", _("As the numbers suggest")),
		("point", _("Point: 1,234.56")),
		("comma", _("Comma: 1.234,56")),
	]


@router.get("/new")
async def new_page(work: Creating) -> Response:
	return await _upload_form(work, FormState.of({"decimal": "auto"}))


@router.post("/new")
async def upload(request: Request, work: Uploading) -> Response:
	async with request.form(max_files=1, max_fields=20) as sent:
		values = {name: text for name in OPTIONS if isinstance(text := sent.get(name), str)}
		try:
			made = await _kept(work, sent.get("file"), values)
		except (Invalid, TooLarge) as refused:
			await work.close()
			form = FormState.refused(values, _at_file(refused))
			return await _upload_form(work, form, 422, block="form")
	return lead_to(work, f"/plm/imports/{made.id}", text=_("File compared; nothing is changed yet"))


def _at_file(refused: Invalid | TooLarge) -> Invalid:
	return refused if isinstance(refused, Invalid) else Invalid.one("file", refused.message)


async def _kept(work: Work, file: object, values: dict[str, str]) -> Import:
	if not isinstance(file, UploadFile) or not file.filename:
		raise Invalid.one("file", _("Choose a file."), "missing")
	given = {name: one for name, one in blank_as_none(values).items() if one is not None}
	options = checked(ImportOptions, given)
	return await service.create(work, file.filename, _pieces(file), options)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
	while chunk := await file.read(uploads.CHUNK):
		yield chunk


@router.post("/sample")
async def sample(work: Creating) -> Response:
	"""The demo set that ships with the product, like an uploaded file."""
	content = files("apg.demo").joinpath("inventree", SAMPLE).read_bytes()
	made = await service.create(work, SAMPLE, service.pieces(content), ImportOptions())
	return lead_to(work, f"/plm/imports/{made.id}", text=_("File compared; nothing is changed yet"))


# -- one import --------------------------------------------------------------------------------


@router.get("/{import_id}")
async def import_page(import_id: str, request: Request, work: Reading) -> Response:
	return await _page(import_id, request, work)


async def _page(
	import_id: str,
	request: Request,
	work: Work,
	*,
	form: FormState | None = None,
	status: int = 200,
	**more: Any,
) -> Response:
	held = load_json((await service.read(work, import_id)).body)
	known = await service.columns(work, import_id)
	tabs = ["columns", "matches", "problems", "parts", "lines"]
	tab = "columns" if form else request.query_params.get("tab", "")
	if tab not in tabs:
		tab = "problems" if held["problem_count"] else "parts"
	context: dict[str, Any] = {"state": None, "rows": [], "total": 0}
	if tab in _SPECS:
		state = ListState.of(_SPECS[tab], request)
		if tab == "problems":
			page = await listing.problems(work, state, import_id)
		elif tab == "matches":
			page = await listing.matches(work, state, import_id)
		else:
			page = await listing.changes(work, state, import_id, tab.removesuffix("s"))
		context = {"state": state, "rows": listing.rows_of(page), "total": page.total}
	return show(
		work,
		"plm/imports/detail.html",
		status=status,
		held=held,
		known=known,
		tab=tab,
		entries=[(name, *_tab(name, held, known)) for name in tabs],
		form=form or FormState.of(_shown_options(held, known)),
		is_table=held["kind"] in TABLES,
		sheets=[(name, name) for name in known["sheets"]],
		fields=listing.FIELDS,
		field_name=listing.field_name,
		decimals=_decimals(),
		currencies=[(c, c) for c in sorted(await work.port(ExchangeRates).known(work))],
		may_create=work.principal.may(may.IMPORTS_CREATE),
		is_open=held["state"] in ("uploaded", "previewed"),
		changes=sum(
			held["counts"].get(what, {}).get(kind, 0)
			for what in ("parts", "lines")
			for kind in ("added", "changed", "removed")
		),
		**context,
		**more,
	)


def _shown_options(held: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
	found = {"sheet": known.get("sheet"), "header_row": known.get("header_row")}
	return {name: str(one) for name, one in {**held["options"], **found}.items() if one is not None}


def _tab(name: str, held: dict[str, Any], known: dict[str, Any]) -> tuple[str, str, int | None]:
	"""Label, address and count of a tab."""
	label = {
		"problems": _("Problems"),
		"parts": _("Products"),
		"lines": _("Lines"),
		"columns": _("Columns") if held["kind"] in TABLES else _("Reading"),
		"matches": _("Matches"),
	}[name]
	counted = held["counts"].get(name, {})
	count: int | None = sum(n for kind, n in counted.items() if kind != "unchanged")
	if name == "problems":
		count = held["problem_count"] + held["warning_count"]
	if name == "columns":
		count = len(known["columns"]) or None
	if name == "matches":
		counted = held["counts"].get("parts", {})
		count = sum(counted.values())
	return label, f"/plm/imports/{held['import_id']}?tab={name}", count


@router.get("/{import_id}/progress")
async def progress(import_id: str, work: Reading) -> Response:
	"""The bar of a running import; once it is over, the page anew."""
	held = load_json((await service.read(work, import_id)).body)
	told = held["progress"]
	waiting = told is not None and told["state"] in ("waiting", "running")
	if held["state"] in ("uploaded", "running") and waiting:
		return show(work, "plm/imports/progress.html", block="bar", held=held)
	return lead_to(work, f"/plm/imports/{import_id}")


@router.post("/{import_id}/columns")
async def correct(import_id: str, request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	known = [one["heading"] for one in (await service.columns(work, import_id))["columns"]]
	meant = {
		known[int(name.removeprefix("column_"))]: value or None
		for name, value in values.items()
		if name.startswith("column_")
		and name.removeprefix("column_").isdecimal()
		and int(name.removeprefix("column_")) < len(known)
	}
	try:
		given = blank_as_none({name: values[name] for name in OPTIONS if name in values})
		if other := _other_table(values, await service.columns(work, import_id)):
			given, meant = {**given, **other}, {}  # the columns were those of another table
		patch = checked(ImportPatch, {**given, "columns": meant})
		await service.correct(work, import_id, patch)
	except (Invalid, Conflict) as refused:
		await work.close()
		problems = refused.problems or (Problem("", refused.message),)
		form = FormState.refused(values, Invalid(refused.message, problems=problems))
		return await _page(import_id, request, work, form=form, status=422, block="form")
	return lead_to(work, f"/plm/imports/{import_id}", text=_("Read and compared anew"))


def _other_table(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
	"""Sheet and row of the headings where a person chose other ones than were read."""
	return {
		name: values[name]
		for name in OTHER_TABLE
		if values.get(name) and str(values[name]) != str(known.get(name) or "")
	}


@router.post("/{import_id}/matches")
async def choose(import_id: str, request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	back = f"/plm/imports/{import_id}?tab=matches"
	try:
		choice = str(values.get("choice") or "") or None
		if number := str(values.get("number") or "").strip():
			choice = await service.product_of(work, number)
		patch = checked(ImportPatch, {"matches": {str(values.get("key") or ""): choice}})
		await service.correct(work, import_id, patch)
	except (Invalid, Conflict, NotFound) as refused:
		await work.close()
		return lead_to(work, back, text=refused.message, kind="bad")
	return lead_to(work, back, text=_("Compared anew"))


@router.post("/{import_id}/accept")
async def accept(import_id: str, work: Creating) -> Response:
	try:
		held = await service.accept(work, import_id)
	except PreviewStale as stale:
		await work.close()
		await service.correct(work, import_id, ImportPatch())
		return lead_to(work, f"/plm/imports/{import_id}", text=stale.message, kind="warn")
	text = _("Everything is taken over") if held.state == "done" else _("Being taken over")
	return lead_to(work, f"/plm/imports/{import_id}", text=text)


@router.post("/{import_id}/cancel")
async def cancel(import_id: str, work: Creating) -> Response:
	await service.cancel(work, import_id)
	return lead_to(work, f"/plm/imports/{import_id}", text=_("Given up; nothing was changed"))


@router.get("/{import_id}/report.csv")
async def report(import_id: str, request: Request, work: Reading) -> Response:
	headings, rows = await report_rows(work, import_id)
	content = "".join(write_csv(rows, headings))
	name = file_name("import", import_id, form="csv")
	return await as_file(work, request, name, content, "text/csv; charset=utf-8")
