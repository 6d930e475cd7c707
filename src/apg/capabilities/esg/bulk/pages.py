"""The pages of imports: choose a file and a mode, see how far it is, look at what is wrong."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from apg.capabilities.esg.bulk import routes, service
from apg.capabilities.esg.bulk.schemas import BulkOptions
from apg.kernel.bulk import BulkImport, Mode
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.tabular import write_csv
from apg.kernel.texts import N_, _
from apg.kernel.web.forms import checked
from apg.kernel.web.lists import Column, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

MODES = (
	(str(Mode.ALL), N_("All rows, or none")),
	(str(Mode.VALID), N_("The good rows; list the others")),
)
PROBLEMS = ListSpec(
	columns=(
		Column("row", "Row"),
		Column("field", "Column"),
		Column("value", "As it stands"),
		Column("reason", "What is wrong, and what to do"),
	),
	page_sizes=(50, 100),
)
RECENT = 5


@dataclass(frozen=True, slots=True)
class Import:
	"""One kind of import as its pages show it: where they are, what the words are."""

	kind: str
	task: str
	place: str
	title: str
	back: tuple[str, str]
	columns: Sequence[tuple[str, str]]
	template: Sequence[Sequence[str]]
	found: str
	extra: dict[str, Any] = field(default_factory=dict[str, Any])


Keep = Callable[[Work, Any, str, BulkOptions], Awaitable[BulkImport]]


async def form_page(
	work: Work, of: Import, form: FormState, status: int = 200, **more: Any
) -> Response:
	recent = load_json((await service.page(work, of.kind, limit=RECENT, offset=0)).body)
	return show(
		work,
		"esg/bulk/new.html",
		status=status,
		of=of,
		form=form,
		recent=recent,
		modes=[(value, _(label)) for value, label in MODES],
		**more,
	)


async def sent(request: Request, work: Work, of: Import, keep: Keep, **more: Any) -> Response:
	"""Keeps the file of the form; a task goes on with it."""
	async with request.form(max_files=1, max_fields=20) as given:
		names = [name for name in BulkOptions.model_fields if isinstance(given.get(name), str)]
		values: dict[str, Any] = {name: given[name] for name in names if given[name]}
		try:
			file = given.get("file")
			if not isinstance(file, UploadFile) or not file.filename:
				raise Invalid.one("file", _("Choose a file."), "missing")
			options = checked(BulkOptions, values)
			held = await keep(work, routes.pieces(file), file.filename, options)  # pyright: ignore[reportArgumentType]
		except Invalid as refused:
			await work.close()
			form = FormState.refused(values, refused)
			return await form_page(work, of, form, 422, block="form", **more)
	return lead_to(work, f"{of.place}/{held.id}", text=_("Kept; it is being checked"))


async def import_page(
	request: Request, work: Work, of: Import, import_id: str, *, may_start: bool
) -> Response:
	held = await service.shown(work, of.kind, import_id)
	state = ListState.of(PROBLEMS, request)
	page = await service.problems(
		work, of.kind, import_id, limit=state.page_size, offset=state.offset
	)
	return show(
		work,
		"esg/bulk/detail.html",
		of=of,
		held=held,
		state=state,
		rows=load_json(page.body),
		total=page.total,
		modes={value: _(label) for value, label in MODES},
		running=held["state"] in ("waiting", "running", "removing"),
		may_start=may_start,
	)


async def progress(work: Work, of: Import, import_id: str) -> Response:
	"""The bar of a running import; once it is over, the page anew."""
	held = await service.shown(work, of.kind, import_id)
	if held["finished_at"] is None:
		return show(work, "esg/bulk/progress.html", block="bar", of=of, held=held)
	return lead_to(work, f"{of.place}/{import_id}")


async def stop(work: Work, of: Import, import_id: str) -> Response:
	await service.stop(work, of.kind, of.task, import_id)
	return lead_to(work, f"{of.place}/{import_id}", text=_("It stops; what was taken is removed"))


async def report(work: Work, of: Import, import_id: str) -> Response:
	return routes.csv_file(await service.report(work, of.kind, import_id), "bad-rows.csv")


def template(of: Import, name: str) -> Response:
	headings, *rows = of.template
	return routes.csv_file("".join(write_csv(rows, headings)), name)
