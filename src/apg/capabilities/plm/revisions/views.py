"""`/plm/products/{id}/revisions`: the life of a product, two revisions side by side, release."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products import framing
from apg.capabilities.plm.revisions import service
from apg.capabilities.plm.revisions.schemas import ReleaseIn, RevisionIn
from apg.capabilities.plm.revisions.showing import shown_value
from apg.capabilities.plm.structures import answers, page_tree
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}", include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Releasing = Annotated[Work, allow(may.PRODUCTS_RELEASE)]
DEPTHS = (1, 2, 5, 50)


@router.get("/revisions")
async def revisions_page(
	product_id: str,
	request: Request,
	work: Reading,
	revision: str | None = None,
	depth: int = 1,
) -> Response:
	frame = await framing.frame(work, product_id, "revisions", revision)
	deleted = frame["product"]["status"] == "deleted"
	rows: list[dict[str, Any]] = (
		[] if deleted else load_json(await service.listed(work, product_id))
	)
	people = {row["released_by"] for row in rows} | {row["created_by"] for row in rows}
	names = await work.port(Identity).people(work, people - {None})
	chosen = _two(rows, request.query_params.get("from"), request.query_params.get("to"))
	difference = None
	if chosen and frame["may"].structure:
		difference = page_tree.plain(
			await answers.comparison(
				work,
				product_id,
				other=chosen[0]["revision_id"],
				revision=chosen[1]["revision_id"],
				depth=depth if depth in DEPTHS else 1,
			)
		)
	return show(
		work,
		"plm/revisions/revisions.html",
		**frame,
		rows=rows,
		people={id: one.display_name or one.username for id, one in names.items()},
		chosen=chosen,
		depth=depth if depth in DEPTHS else 1,
		depths=DEPTHS,
		difference=difference,
		shown=shown_value,
		working_etag=(await framing.open_product(work, product_id))["etag"],
	)


def _two(
	rows: list[dict[str, Any]], before: str | None, after: str | None
) -> tuple[dict[str, Any], dict[str, Any]] | None:
	"""The two revisions to compare: those named, else the newest and the one before. Raises NotFound."""
	living = [row for row in rows if row["state"] != "cancelled"]
	by_id = {row["revision_id"]: row for row in rows}
	if before and after:
		if before not in by_id or after not in by_id:
			raise NotFound(_("The product has no such revision."))
		return by_id[before], by_id[after]
	return (living[1], living[0]) if len(living) > 1 else None


async def _opening(work: Work, product_id: str, form: FormState, status: int = 200) -> Response:
	product = await framing.product_of(work, product_id)
	return show(
		work,
		"plm/revisions/open.html",
		status=status,
		block="question" if status != 200 else None,
		product=product,
		base=f"/plm/products/{product_id}",
		form=form,
	)


@router.get("/revisions/new")
async def opening_page(product_id: str, work: Updating) -> Response:
	return await _opening(work, product_id, FormState.of({}))


@router.post("/revisions")
async def open_revision(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		given = checked(RevisionIn, blank_as_none({"revision": values.get("revision", "")}))
		made = await service.open_revision(work, product_id, given)
	except (Invalid, Conflict, PreconditionFailed) as refused:
		await work.close()
		problems = refused.problems or (Problem("", refused.message, refused.code.lower()),)
		error = Invalid(refused.message, problems=problems)
		return await _opening(work, product_id, FormState.refused(values, error), refused.status)
	text = _("Revision {label} is open.", label=made.label)
	return lead_to(work, f"/plm/products/{product_id}?revision={made.id}", text=text)


@router.post("/revisions/{revision}/cancel")
async def cancel_revision(
	product_id: str, revision: str, request: Request, work: Updating
) -> Response:
	await typed(request, work)
	done = await service.cancel(work, product_id, revision)
	text = _("Revision {label} is given up.", label=done.label)
	return lead_to(work, f"/plm/products/{product_id}/revisions", text=text)


# -- release -----------------------------------------------------------------------------------


async def _release(work: Work, product_id: str, status: int = 200, **more: Any) -> Response:
	product = await framing.open_product(work, product_id)
	revision = await service.named(work, product_id, product["revision_id"])
	working = product["revision_state"] == "working"
	obstacles = await service.obstacles(work, revision) if working else []
	lines: list[dict[str, Any]] = (
		load_json(await answers.lines(work, product_id, revision.id)) if obstacles else []
	)
	context: dict[str, Any] = {
		"product": product,
		"base": f"/plm/products/{product_id}",
		"working": working,
		"obstacles": obstacles,
		"children": {f"lines.{line['find_number']}": line["product_id"] for line in lines},
		"changed_meanwhile": False,
		"form": FormState.of({"revision": product["revision"]}),
		**more,
	}
	return show(work, "plm/revisions/release.html", status=status, **context)


@router.get("/release")
async def release_page(product_id: str, work: Releasing) -> Response:
	return await _release(work, product_id)


@router.post("/release")
async def release(product_id: str, request: Request, work: Releasing) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		given = checked(ReleaseIn, blank_as_none({"revision": values.get("revision", "")}))
		done = await service.release(work, product_id, given)
	except PreconditionFailed:
		await work.close()
		return await _release(work, product_id, 412, block="question", changed_meanwhile=True)
	except (Invalid, Conflict) as refused:
		await work.close()
		error = Invalid(refused.message, problems=refused.problems)
		form = FormState.refused(values, error)
		return await _release(work, product_id, 409, block="question", form=form)
	text = _("Revision {label} is released.", label=done.label)
	return lead_to(work, f"/plm/products/{product_id}", text=text)
