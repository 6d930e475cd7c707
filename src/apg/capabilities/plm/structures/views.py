"""`/plm/products/{id}`: the tree of a product, its key figures, what is missing, where it is used."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products import framing
from apg.capabilities.plm.structures import (
	answers,
	page_lines,
	page_tree,
	page_uses,
	service,
	totals,
)
from apg.capabilities.plm.structures.demands import plain_rule
from apg.capabilities.plm.structures.page_tree import Context, ContextIn
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.schemas import LineIn, LinePatch
from apg.contracts.esg import ItemCarbon
from apg.contracts.reference import ExchangeRates
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, PreconditionFailed, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show, toast
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}", include_in_schema=False)
Reading = Annotated[Work, allow(may.STRUCTURES_READ)]
Updating = Annotated[Work, allow(may.STRUCTURES_UPDATE)]
MOST_MISSING = 500
RULES = [
	(Rule.DEFAULT, "Released, else working"),
	(Rule.LATEST_WORKING, "Latest working"),
	(Rule.LATEST_RELEASED, "Latest released"),
	(Rule.AS_OF, "As of a moment"),
	(Rule.UNIT, "For a unit"),
	(Rule.LOT, "For a lot"),
	(Rule.BASELINE, "Baseline"),
]
VIEWS = [(one, str(one).capitalize()) for one in View]


async def _context(request: Request, work: Work, product_id: str) -> Context:
	given = {name: text for name, text in request.query_params.items() if text.strip()}
	known = {name: text for name, text in given.items() if name in ContextIn.model_fields}
	return await page_tree.context_of(work, product_id, checked(ContextIn, known))


# -- the tree ----------------------------------------------------------------------------------


@router.get("")
async def structure_page(
	product_id: str, request: Request, work: Annotated[Work, allow(may.PRODUCTS_READ)]
) -> Response:
	if not work.principal.may(may.STRUCTURES_READ):
		return lead_to(work, f"/plm/products/{product_id}/facts")
	context = await _context(request, work, product_id)
	frame = await framing.frame(work, product_id, "structure", context.revision)
	if frame["product"]["status"] == "deleted":
		return lead_to(work, f"/plm/products/{product_id}/facts")
	shown = await page_tree.tree_of(work, product_id, context)
	return show(
		work,
		"plm/structures/structure.html",
		**frame,
		**await _figures(work, shown, context),
		shown=shown,
		rows=shown.rows,
		columns=page_tree.columns_of(context),
		editable=_editable(work, frame) and not context.demand_text,
		may_baseline=work.principal.may(may.BASELINES_CREATE),
		rules=[(str(value), _(label)) for value, label in RULES],
		views=[(str(value), _(label)) for value, label in VIEWS],
		currencies=sorted(await work.port(ExchangeRates).known(work)),
	)


def _editable(work: Work, frame: dict[str, Any]) -> bool:
	"""The product's own working revision; that of a change is edited on the change's page."""
	own = frame["product"]["revision_id"] == frame["working_id"]
	return own and work.principal.may(may.STRUCTURES_UPDATE)


async def _figures(work: Work, shown: page_tree.Shown, context: Context) -> dict[str, Any]:
	summary = await totals.summary(work, shown.head, context.asked, shown.rolled, limit=1)
	top = shown.rolled.node_of(shown.rolled.root)
	return {
		"summary": page_tree.plain(summary),
		"context": context,
		"asked": context.asked,
		"levels": shown.levels,
		"head_row": shown.head,
		"guessed": {"cost": shown.guesses.cost[top], "mass": shown.guesses.mass[top]},
	}


@router.get("/structure/rows")
async def tree_rows(
	product_id: str, request: Request, work: Reading, depth: int = 1, filter: str = ""
) -> Response:
	"""All rows to a depth, or those that hold a text with the way to each."""
	context = await _context(request, work, product_id)
	text = filter.strip()[:200]
	if text:
		shown = await page_tree.filtered(work, product_id, context, text)
	else:
		shown = await page_tree.tree_of(work, product_id, context, depth=max(1, depth))
	return await _rows(work, product_id, context, shown.rows, shown.truncated)


@router.get("/structure/children")
async def child_rows(
	product_id: str,
	request: Request,
	work: Reading,
	of: str,
	node: str,
	path: str,
	above: str = "",
) -> Response:
	context = await _context(request, work, product_id)
	rows = await page_tree.children_of(
		work, product_id, context, path=path.split(".")[:60], of=of, node=node, above=above
	)
	return await _rows(work, product_id, context, rows, False)


async def _rows(
	work: Work, product_id: str, context: Context, rows: Any, truncated: bool
) -> Response:
	product = await framing.product_of(work, product_id, context.revision)
	working_id = await framing.working_of(work, product_id)
	editable = _editable(work, {"product": product, "working_id": working_id})
	response = show(
		work,
		"plm/structures/rows.html",
		block="rows",
		rows=rows,
		columns=page_tree.columns_of(context),
		base=f"/plm/products/{product_id}",
		product=product,
		editable=editable,
		may=framing.May.of(work),
	)
	if truncated:
		text = _("Only the first {n} rows are shown; filter, or export the whole.", n=len(rows))
		return toast(response, text, "info")
	return response


# -- figures, their trace, what is missing -----------------------------------------------------


@router.get("/figures")
async def figures_part(product_id: str, request: Request, work: Reading) -> Response:
	context = await _context(request, work, product_id)
	shown = await page_tree.tree_of(work, product_id, context)
	return show(
		work,
		"plm/structures/figures.html",
		block="figures",
		base=f"/plm/products/{product_id}",
		of_revision="",
		product=await framing.product_of(work, product_id, context.revision),
		**await _figures(work, shown, context),
	)


@router.get("/trace")
async def trace_panel(
	product_id: str, request: Request, work: Reading, of: str = "cost"
) -> Response:
	context = await _context(request, work, product_id)
	name = _of(work, of)
	answer, _etag = await answers.rollup(work, product_id, **_question(context), limit=20)
	found = page_tree.plain(answer)
	if name != "co2e":
		shown = await page_tree.tree_of(work, product_id, context)
		guessed = shown.guesses.cost if name == "cost" else shown.guesses.mass
		found[name]["estimated"] = guessed[shown.rolled.node_of(shown.rolled.root)]
	return show(
		work,
		"plm/structures/trace.html",
		of=name,
		total=found[name],
		found=found,
		context=context,
		base=f"/plm/products/{product_id}",
		product=await framing.product_of(work, product_id, context.revision),
	)


@router.get("/missing")
async def missing_page(
	product_id: str, request: Request, work: Reading, of: str = "cost"
) -> Response:
	context = await _context(request, work, product_id)
	name = _of(work, of)
	frame = await framing.frame(work, product_id, "structure", context.revision)
	answer, _etag = await answers.rollup(work, product_id, **_question(context), limit=MOST_MISSING)
	found = page_tree.plain(answer)
	return show(
		work,
		"plm/structures/missing.html",
		**frame,
		of=name,
		total=found[name],
		context=context,
		here=context.url(f"{frame['base']}/missing", of=name),
	)


def _of(work: Work, of: str) -> str:
	if of == "co2e" and work.port(ItemCarbon).shown(work):
		return of
	costs = work.principal.may(may.COSTS_READ)
	return "cost" if of == "cost" and costs else "mass"


def _question(context: Context) -> dict[str, Any]:
	asked = context.asked
	return {
		"revision": context.revision,
		"rule": asked.rule,
		"view": asked.view,
		"quantity": asked.quantity,
		"currency": asked.currency,
		"date": asked.day,
	}


# -- lines -------------------------------------------------------------------------------------


async def _line_form(
	work: Work, product_id: str, form: FormState, line: Any = None, status: int = 200, **more: Any
) -> Response:
	product = await framing.open_product(work, product_id)
	return show(
		work,
		"plm/structures/line.html",
		status=status,
		**{
			"form": form,
			"line": line,
			"product": product,
			"etag": product["etag"],
			"base": f"/plm/products/{product_id}",
			"kinds": [(value, _(label)) for value, label in page_lines.KINDS],
			"changed_meanwhile": False,
			"conflicts": [],
			**more,
		},
	)


@router.get("/structure/lines/new")
async def new_line(product_id: str, work: Updating) -> Response:
	return await _line_form(
		work, product_id, FormState.of({"quantity_kind": "per", "quantity": "1"})
	)


@router.post("/structure/lines/new")
async def add_line(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		given = {name: one for name, one in page_lines.given(values).items() if one is not None}
		line = await service.add_line(work, product_id, checked(LineIn, given))
	except PreconditionFailed:
		await work.close()
		form = FormState.of(values)
		return await _line_form(
			work, product_id, form, status=412, block="form", changed_meanwhile=True
		)
	except (Invalid, Conflict) as refused:
		await work.close()
		form = FormState.refused(values, _as_invalid(refused))
		return await _line_form(work, product_id, form, status=422, block="form")
	text = _("Line {n} is added.", n=line.find_number)
	return lead_to(work, await framing.open_place(work, product_id), text=text)


@router.get("/structure/lines/{line_uid}")
async def edit_line(product_id: str, line_uid: str, work: Updating) -> Response:
	line = load_json((await answers.line(work, product_id, line_uid)).body)
	return await _line_form(work, product_id, FormState.of(page_lines.as_form(line)), line)


@router.post("/structure/lines/{line_uid}")
async def change_line(product_id: str, line_uid: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		patch = checked(LinePatch, page_lines.given(values))
		await service.change_line(work, product_id, line_uid, patch)
	except PreconditionFailed:
		await work.close()
		line = load_json((await answers.line(work, product_id, line_uid)).body)
		rows = page_lines.conflicts(values, line)
		form = FormState.of(values)
		return await _line_form(
			work, product_id, form, line, 412, block="form", conflicts=rows, changed_meanwhile=True
		)
	except (Invalid, Conflict) as refused:
		await work.close()
		line = load_json((await answers.line(work, product_id, line_uid)).body)
		form = FormState.refused(values, _as_invalid(refused))
		return await _line_form(work, product_id, form, line, 422, block="form")
	place = await framing.open_place(work, product_id)
	return lead_to(work, place, text=_("The line is saved."))


@router.post("/structure/lines/{line_uid}/remove")
async def remove_line(product_id: str, line_uid: str, request: Request, work: Updating) -> Response:
	await typed(request, work)
	await service.remove_line(work, product_id, line_uid)
	place = await framing.open_place(work, product_id)
	return lead_to(work, place, text=_("The line is taken out."))


def _as_invalid(error: Invalid | Conflict) -> Invalid:
	if isinstance(error, Invalid) and error.problems:
		return error
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	renamed = [
		Problem("product_number" if one.field == "product_id" else one.field, one.message, one.code)
		for one in problems
	]
	return Invalid(error.message, problems=renamed)


# -- where used --------------------------------------------------------------------------------


@router.get("/where-used")
async def where_used_page(product_id: str, request: Request, work: Reading) -> Response:
	context = await _context(request, work, product_id)
	frame = await framing.frame(work, product_id, "where-used", context.revision)
	found = page_tree.plain(
		await answers.where_used(
			work, product_id, rule=plain_rule(context.asked.rule), view=context.asked.view
		)
	)
	shown = page_uses.tree_of(found)
	return show(
		work,
		"plm/structures/where_used.html",
		**frame,
		found=found,
		rows=shown.rows,
		truncated=shown.truncated,
		levels=shown.levels,
		columns=page_uses.COLUMNS,
	)
