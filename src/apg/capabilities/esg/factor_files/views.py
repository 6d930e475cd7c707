"""`/esg/factor-files`: a file of factors uploaded, looked at row by row, and taken."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.factor_files import service
from apg.capabilities.esg.factor_files.generic import TEMPLATE
from apg.capabilities.esg.factor_files.models import FactorImport
from apg.capabilities.esg.factor_files.schemas import ImportOptions
from apg.capabilities.esg.shared.factor_words import REASONS
from apg.capabilities.esg.shared.ghg import gwp_sets
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.tabular import write_csv
from apg.kernel.texts import N_, _
from apg.kernel.web.forms import blank_as_none, checked
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

PLACE = "/esg/factor-files"
UPLOAD = 100_000_000
OPTIONS = tuple(ImportOptions.model_fields)
BASES = {
	"mass": N_("kg of each gas"),
	"co2e": N_("kg CO2e of each gas"),
	"total": N_("only the total"),
}
TABS = ("quarantined", "changed", "removed", "skipped")
IMPORTS = ListSpec(
	columns=(
		Column("file_name", "File"),
		Column("state", "State", kind="state"),
		Column("factors", "Factors", kind="number"),
		Column("quarantined", "Quarantined", kind="number"),
		Column("file_size", "Size", kind="number", unit="kB"),
		Column("created_at", "Uploaded", kind="datetime"),
	),
)
ROWS = ListSpec(
	columns=(
		Column("locator", "Where"),
		Column("name", "Factor"),
		Column("printed", "As printed"),
		Column("reason", "What is wrong, and what to do"),
	),
)
router = Router(prefix="/factor-files", include_in_schema=False)
Reading = Annotated[Work, allow(may.FACTORS_READ)]
Creating = Annotated[Work, allow(may.FACTORS_CREATE)]
Uploading = Annotated[
	Work, allow(may.FACTORS_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(IMPORTS, request)
	page = await service.page(work, limit=state.page_size, offset=state.offset)
	rows: list[dict[str, Any]] = load_json(page.body)
	for row in rows:
		row |= {name: row["counts"].get(name) for name in ("factors", "quarantined")}
	return show(
		work,
		"esg/factor_files/list.html",
		state=state,
		rows=rows,
		total=page.total,
		may_create=work.principal.may(may.FACTORS_CREATE),
	)


def _upload_form(work: Work, form: FormState, status: int = 200, **more: Any) -> Response:
	return show(
		work,
		"esg/factor_files/new.html",
		status=status,
		form=form,
		bases=[(code, _(label)) for code, label in BASES.items() if code != "total"],
		sets=[(code, code) for code in gwp_sets()],
		**more,
	)


@router.get("/new")
async def new_page(work: Creating) -> Response:
	return _upload_form(work, FormState.of({}))


@router.post("/new")
async def upload(request: Request, work: Uploading) -> Response:
	async with request.form(max_files=1, max_fields=20) as sent:
		values = {name: text for name in OPTIONS if isinstance(text := sent.get(name), str)}
		try:
			made = await _kept(work, sent.get("file"), values)
		except Invalid as refused:
			await work.close()
			form = FormState.refused(values, refused)
			return _upload_form(work, form, 422, block="form")
	return lead_to(work, f"{PLACE}/{made.id}", text=_("Checked; nothing is taken yet"))


async def _kept(work: Work, file: object, values: dict[str, str]) -> FactorImport:
	if not isinstance(file, UploadFile) or not file.filename:
		raise Invalid.one("file", _("Choose a file."), "missing")
	given = {name: one for name, one in blank_as_none(values).items() if one is not None}
	options = checked(ImportOptions, given)
	return await service.create(work, file.filename, _pieces(file), options)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
	while chunk := await file.read(service.CHUNK):
		yield chunk


@router.post("/shipped/{name}")
async def shipped(name: str, work: Creating) -> Response:
	"""A set that ships with the product, like an uploaded file."""
	made = await service.create_shipped(work, name)
	return lead_to(work, f"{PLACE}/{made.id}", text=_("Checked; nothing is taken yet"))


@router.get("/template.csv")
async def template(work: Reading) -> Response:
	headings, *rows = TEMPLATE
	return Response(
		"".join(write_csv(rows, headings)),
		media_type="text/csv; charset=utf-8",
		headers={"Content-Disposition": 'attachment; filename="factors-template.csv"'},
	)


@router.get("/{factor_import_id}")
async def import_page(factor_import_id: str, request: Request, work: Reading) -> Response:
	held = await service.shown(work, factor_import_id)
	numbers = _numbers(held)
	present = [tab for tab in TABS if numbers[tab]] or ["quarantined"]
	tab = request.query_params.get("tab", "")
	tab = tab if tab in TABS else present[0]
	state = ListState.of(ROWS, request)
	page = await service.rows(
		work, factor_import_id, verdict=tab, limit=state.page_size, offset=state.offset
	)
	counts = held["counts"]
	return show(
		work,
		"esg/factor_files/detail.html",
		held=held,
		state=state,
		rows=load_json(page.body),
		total=page.total,
		tab=tab,
		entries=[
			(name, _label(name), f"{PLACE}/{factor_import_id}?tab={name}", numbers[name])
			for name in TABS
		],
		bases=BASES,
		reasons={code: _(REASONS[code][0], unit="kWh") for code in ("no_factor", "energy_content")},
		fresh=bool(counts.get("added") or counts.get("changed")),
		is_open=held["state"] in ("uploaded", "staged"),
		may_create=work.principal.may(may.FACTORS_CREATE),
	)


def _numbers(held: dict[str, Any]) -> dict[str, int]:
	counts = held["counts"]
	return {name: counts.get(name, 0) for name in TABS}


def _label(tab: str) -> str:
	return {
		"quarantined": _("Quarantined"),
		"changed": _("Changed"),
		"removed": _("No longer in the file"),
		"skipped": _("No factor"),
	}[tab]


@router.get("/{factor_import_id}/progress")
async def progress(factor_import_id: str, work: Reading) -> Response:
	"""The bar of a running import; once it is over, the page anew."""
	held = await service.shown(work, factor_import_id)
	told = held["progress"]
	waiting = told is not None and told["state"] in ("waiting", "running")
	if held["state"] in ("uploaded", "running") and waiting:
		return show(work, "esg/factor_files/progress.html", block="bar", held=held)
	return lead_to(work, f"{PLACE}/{factor_import_id}")


@router.post("/{factor_import_id}/accept")
async def accept(factor_import_id: str, work: Creating) -> Response:
	held = await service.accept(work, factor_import_id)
	text = _("Taken; approve the source to use it") if held.source_id else _("Being taken")
	return lead_to(work, f"{PLACE}/{factor_import_id}", text=text)


@router.post("/{factor_import_id}/cancel")
async def cancel(factor_import_id: str, work: Creating) -> Response:
	await service.cancel(work, factor_import_id)
	return lead_to(work, f"{PLACE}/{factor_import_id}", text=_("Given up; nothing was taken"))
