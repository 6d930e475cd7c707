"""`/esg/footprints`: the list, a footprint on record or as it would be now, and where it comes from."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.footprints import service, showing, tracing
from apg.capabilities.esg.footprints.computing import revision_of
from apg.capabilities.esg.footprints.models import Footprint
from apg.capabilities.esg.footprints.schemas import FootprintIn, View
from apg.contracts.plm import Structures
from apg.kernel.database import load_json
from apg.kernel.errors import NotFound
from apg.kernel.texts import N_, _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

PLACE = "/esg/footprints"
router = Router(prefix="/footprints", include_in_schema=False)
Reading = Annotated[Work, allow(may.FOOTPRINTS_READ)]
Recording = Annotated[Work, allow(may.FOOTPRINTS_CREATE)]
VIEWS = (
	(View.ENGINEERING, N_("Engineering")),
	(View.MANUFACTURING, N_("Manufacturing")),
	(View.SERVICE, N_("Service")),
)
FOOTPRINTS = ListSpec(
	columns=(
		Column("product", "Product"),
		Column("revision", "Revision"),
		Column("total", "CO2e of one", kind="number", unit="kg"),
		Column("coverage", "Known"),
		Column("day", "For the day", kind="date"),
		Column("gwp_set", "Potentials", default_visible=False),
		Column("outdated_at", "Standing"),
		Column("created_at", "Recorded", kind="datetime"),
	),
	filters=(Filter("outdated", "Outdated", "bool"),),
)


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(FOOTPRINTS, request)
	outdated: Any = state["outdated"]
	page = await service.page(work, outdated=outdated, limit=state.page_size, offset=state.offset)
	return show(
		work,
		"esg/footprints/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		outdated=showing.OUTDATED,
	)


@router.get("/of/{product_id}")
async def product_page(
	product_id: str, work: Reading, view: View = View.ENGINEERING, revision: str | None = None
) -> Response:
	"""As it would be now, with what is on record beside."""
	content = await revision_of(work, product_id=product_id, revision_id=revision)
	snapshot = await work.port(Structures).snapshot(work, content.revision_id, view)
	held = load_json((await service.page(work, product_id=product_id, limit=10)).body)
	large = snapshot is not None and len(snapshot.revision_ids) > service.AT_ONCE
	shown: dict[str, Any] = {}
	if not large:
		made = await service.preview(work, product_id, revision_id=content.revision_id, view=view)
		shown = showing.of_computed(work, made)
	return show(
		work,
		"esg/footprints/product.html",
		content=content,
		view=str(view),
		views=[(str(value), _(label)) for value, label in VIEWS],
		held=held,
		large=large,
		record=None,
		outdated=showing.OUTDATED,
		may_record=work.principal.may(may.FOOTPRINTS_CREATE),
		**shown,
	)


@router.post("/of/{product_id}/record")
async def record(product_id: str, request: Request, work: Recording) -> Response:
	given = blank_as_none(await typed(request, work))
	asked = {
		name: value for name, value in given.items() if name in FootprintIn.model_fields and value
	}
	made = await service.create(work, checked(FootprintIn, {**asked, "product_id": product_id}))
	if isinstance(made, str):
		text = _("A worker computes the footprint; this page shows how far it is.")
		return lead_to(work, f"{PLACE}/{made}", text=text)
	return lead_to(work, f"{PLACE}/{made.id}", text=_("The footprint is recorded and sealed."))


@router.get("/{footprint_id}")
async def detail_page(footprint_id: str, work: Reading) -> Response:
	if await work.find(Footprint, footprint_id) is None:
		return await _waiting(work, footprint_id)
	row, lines = await service.held(work, footprint_id)
	record = load_json((await service.read(work, footprint_id)).body)
	return show(
		work,
		"esg/footprints/footprint.html",
		record=record,
		outdated=showing.OUTDATED,
		may_record=work.principal.may(may.FOOTPRINTS_CREATE),
		**showing.of_record(row, lines),
	)


async def _waiting(work: Work, footprint_id: str) -> Response:
	progress = await service.progress(work, footprint_id)
	if progress is None:
		raise NotFound(_("{what} not found", what=_("footprint")))
	if progress.state == "done":
		return lead_to(work, f"{PLACE}/{footprint_id}")
	place = f"{PLACE}/{footprint_id}"
	return show(work, "esg/footprints/waiting.html", progress=progress, place=place)


@router.get("/{footprint_id}/lines/{position}")
async def trace_line(footprint_id: str, position: int, work: Reading) -> Response:
	"""One line down to the factor's row in the publisher's file, and the record it stands on."""
	line = await service.line_of(work, footprint_id, position)
	row = await work.get(Footprint, footprint_id)
	return show(
		work,
		"esg/footprints/trace.html",
		line=line,
		row=row,
		stage=showing.stage_text(line.stage),
		quantity=showing.plain(line.quantity),
		trace=await tracing.trace_of(work, line),
	)


@router.get("/{footprint_id}/lines")
async def lines_page(footprint_id: str, work: Reading, start: int = 0) -> Response:
	row = await work.get(Footprint, footprint_id)
	begin = max(0, start)
	page = await service.lines_page(work, footprint_id, limit=200, offset=begin)
	rows = [{**one, "stage_text": showing.stage_text(one["stage"])} for one in load_json(page.body)]
	return show(
		work,
		"esg/footprints/lines.html",
		row=row,
		rows=rows,
		total=page.total,
		begin=begin,
		place=f"{PLACE}/{footprint_id}",
	)


@router.get("/{footprint_id}/comparison")
async def comparison_page(footprint_id: str, work: Reading) -> Response:
	row = await work.get(Footprint, footprint_id)
	found = await service.compare(work, footprint_id)
	delta, old = found["delta"], found["old_total"]
	share = None if delta is None or not old else showing.plain(round(100 * delta / old, 3))
	found["delta"] = showing.plain(delta)
	return show(
		work,
		"esg/footprints/comparison.html",
		row=row,
		found=found,
		share=share,
		reasons={name: _(text) for name, text in showing.REASONS.items()},
		stage_text=showing.stage_text,
	)


@router.get("/{footprint_id}/verification")
async def verification_part(footprint_id: str, work: Reading) -> Response:
	row = await work.get(Footprint, footprint_id)
	found = await service.verify(work, footprint_id)
	return show(work, "esg/footprints/verification.html", row=row, found=found)
