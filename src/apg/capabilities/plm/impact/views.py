"""`/plm/changes/{id}/impact`: the numbers beside a decision, and where each of them comes from."""

from typing import Annotated

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import framing
from apg.capabilities.plm.changes import service as changes
from apg.capabilities.plm.impact import jobs, showing
from apg.kernel.errors import NotFound
from apg.kernel.texts import _
from apg.kernel.web.forms import typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/changes/{change_id}/impact", include_in_schema=False)
Reading = Annotated[Work, allow(may.CHANGES_READ)]
Updating = Annotated[Work, allow(may.CHANGES_UPDATE)]


@router.get("")
async def numbers_part(change_id: str, work: Reading) -> Response:
	context = await showing.context_of(work, change_id)
	return show(
		work,
		"plm/impact/numbers.html",
		block="numbers",
		base=f"/plm/changes/{change_id}",
		change=await framing.change_of(work, change_id),
		**context,
	)


@router.get("/trace")
async def trace_panel(change_id: str, work: Reading, product: str, of: str = "cost") -> Response:
	"""One number down to the lines that cause it. Raises NotFound for one that is not there."""
	context = await showing.context_of(work, change_id)
	impact = context["impact"]
	ends = [one for one in impact["end_items"] if one["product_id"] == product]
	if not ends or of not in ends[0]["figures"]:
		raise NotFound(_("{what} not found", what=_("impact figure")))
	found = showing.steps(impact, product, of)
	return show(
		work,
		"plm/impact/trace.html",
		of=of,
		title=showing.title_of(of),
		end=ends[0],
		figure=ends[0]["figures"][of],
		steps=found,
		total=sum(row["value"] for row in found),
		base=f"/plm/changes/{change_id}",
		change=await framing.change_of(work, change_id),
		**context,
	)


@router.post("")
async def calculate(change_id: str, request: Request, work: Updating) -> Response:
	await typed(request, work)
	change = await changes.found(work, change_id)
	work.enqueue(jobs.calculate, change_id=change.id, cause="asked")
	return lead_to(work, f"/plm/changes/{change_id}?tab=impact", text=_("It is calculated anew."))
