"""`/plm/baselines`: the list, one with its check and its structure, what changed since."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.baselines import service
from apg.capabilities.plm.baselines.schemas import BaselineIn
from apg.capabilities.plm.refusals import REFUSED, as_invalid
from apg.capabilities.plm.revisions.showing import shown_value
from apg.capabilities.plm.structures import page_tree
from apg.capabilities.plm.structures.rules import Rule, View
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import NotFound
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/baselines", include_in_schema=False)
Reading = Annotated[Work, allow(may.STRUCTURES_READ)]
Creating = Annotated[Work, allow(may.BASELINES_CREATE)]
BASELINES = ListSpec(
	columns=(
		Column("number", "Number"),
		Column("title", "Title"),
		Column("product_number", "Product"),
		Column("revision", "Revision"),
		Column("rule", "Read as"),
		Column("member_count", "Revisions", kind="number"),
		Column("line_count", "Lines", kind="number"),
		Column("merkle_hash", "Hash"),
		Column("created_at", "Made", kind="datetime"),
	),
	max_page_size=100,
)
RULES = [
	(Rule.DEFAULT, "Released, else working"),
	(Rule.LATEST_WORKING, "Latest working"),
	(Rule.LATEST_RELEASED, "Latest released"),
	(Rule.AS_OF, "As of a moment"),
	(Rule.UNIT, "For a unit"),
	(Rule.LOT, "For a lot"),
]
DEPTHS = (1, 2, 5, 50)


def rule_text(rule: str) -> str:
	"""What a person calls a rule."""
	return _({str(value): label for value, label in RULES}.get(rule, rule))


@router.get("")
async def baselines_page(request: Request, work: Reading) -> Response:
	state = ListState.of(BASELINES, request)
	page = await work.read_list(
		service.select_baselines(), limit=state.page_size, offset=state.offset
	)
	return show(
		work,
		"plm/baselines/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		rule_text=rule_text,
		may_create=work.principal.may(may.BASELINES_CREATE),
	)


def _form(work: Work, form: FormState, status: int = 200, **more: Any) -> Response:
	return show(
		work,
		"plm/baselines/new.html",
		status=status,
		form=form,
		rules=[(str(value), _(label)) for value, label in RULES],
		views=[(str(one), _(str(one).capitalize())) for one in View],
		**more,
	)


@router.get("/new")
async def new_page(work: Creating, product: str = "") -> Response:
	start = {"product_number": product[:50], "rule": "default", "view": "engineering"}
	return _form(work, FormState.of(start))


@router.post("/new")
async def create(request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	try:
		given = {name: one for name, one in blank_as_none(values).items() if one is not None}
		made = await service.create(work, checked(BaselineIn, given))
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return _form(work, form, 422, block="form")
	text = _("{number} is made.", number=made.number)
	return lead_to(work, f"/plm/baselines/{made.id}", text=text)


@router.get("/{baseline_id}")
async def baseline_page(
	baseline_id: str, request: Request, work: Reading, depth: int = 50
) -> Response:
	held = load_json((await service.read(work, baseline_id)).body)
	levels = depth if depth in DEPTHS else 50
	other = request.query_params.get("with", "").strip()[:100]
	difference, refused = None, ""
	if other:
		try:
			found = await service.comparison(work, held["baseline_id"], other, depth=levels)
			difference = page_tree.plain(found)
		except NotFound as error:
			refused = error.message
	shown = await service.structure(work, held["baseline_id"], depth=levels)
	people = await work.port(Identity).people(work, {held["created_by"]} - {None})
	return show(
		work,
		"plm/baselines/detail.html",
		held=held,
		rule_text=rule_text,
		check=await service.verified(work, held["baseline_id"]),
		lines=page_tree.plain(shown["lines"]),
		truncated=shown["truncated"],
		other=other,
		others=await service.siblings(work, held["product_id"], held["baseline_id"]),
		difference=difference,
		refused=refused,
		depth=levels,
		depths=DEPTHS,
		shown=shown_value,
		who={id: one.display_name or one.username for id, one in people.items()},
	)
