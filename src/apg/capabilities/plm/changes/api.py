"""`/api/v1/plm/changes` for programs."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import answers, implementing, listing, service
from apg.capabilities.plm.changes.schemas import (
	AffectedIn,
	AffectedOut,
	AffectedPatch,
	ApproveIn,
	ChangeIn,
	ChangeOut,
	ChangePatch,
	CommentIn,
	CommentOut,
	DelegateIn,
	HistoryOut,
	ImplementIn,
	NoteIn,
	RebaseIn,
	RebaseOut,
	RedlineOut,
	RejectIn,
	ReplaceIn,
	ReplacementOut,
	StageOut,
)
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, OkPage, ok, ok_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work

router = Router(prefix="/changes", tags=["PLM changes"])
Reading = Annotated[Work, allow(may.CHANGES_READ)]
Creating = Annotated[Work, allow(may.CHANGES_CREATE)]
Updating = Annotated[Work, allow(may.CHANGES_UPDATE)]
Approving = Annotated[Work, allow(may.CHANGES_APPROVE)]
Implementing = Annotated[Work, allow(may.CHANGES_IMPLEMENT)]
Id = Annotated[str, Field(max_length=100)]
Whole = Ok[ChangeOut]


async def _shown(work: Work, change_id: str, message: str) -> Response:
	return ok(work, await service.read(work, change_id), message=message)


@router.get("", response_model=OkPage[ChangeOut], summary="List changes")
async def list_changes(request: Request, work: Reading) -> Response:
	state = ListState.of(listing.API, request)
	page = await listing.page(work, state)
	return ok_page(work, page, number=state.page, size=state.page_size)


@router.post("", response_model=Whole, status_code=201, summary="Raise a change")
async def create_change(body: ChangeIn, work: Creating) -> Response:
	made = await service.create(work, body)
	shown = await service.read(work, made.id)
	place = f"/api/v1/plm/changes/{made.id}"
	return ok(work, shown, status=201, message=_("Change raised"), headers={"Location": place})


@router.get("/{change_id}", response_model=Whole, summary="Read a change")
async def read_change(change_id: Id, work: Reading) -> Response:
	return ok(work, await service.read(work, change_id))


@router.patch("/{change_id}", response_model=Whole, summary="Edit a change")
async def edit_change(change_id: Id, body: ChangePatch, work: Updating) -> Response:
	await service.edit(work, change_id, body)
	return await _shown(work, change_id, _("Change edited"))


# -- moves --------------------------------------------------------------------------------------


@router.post("/{change_id}/submit", response_model=Whole, summary="Submit for approval")
async def submit_change(change_id: Id, work: Updating) -> Response:
	await service.submit(work, change_id)
	return await _shown(work, change_id, _("Change submitted"))


@router.post("/{change_id}/approve", response_model=Whole, summary="Approve")
@router.put("/{change_id}/approve", response_model=Whole, summary="Approve (the guide's verb)")
async def approve_change(change_id: Id, work: Approving, body: ApproveIn | None = None) -> Response:
	await service.approve(work, change_id, body or ApproveIn())
	return await _shown(work, change_id, _("Change approved"))


@router.post("/{change_id}/reject", response_model=Whole, summary="Reject")
async def reject_change(change_id: Id, body: RejectIn, work: Approving) -> Response:
	await service.reject(work, change_id, body)
	return await _shown(work, change_id, _("Change rejected"))


@router.post("/{change_id}/return", response_model=Whole, summary="Return to its author")
async def return_change(change_id: Id, body: RejectIn, work: Updating) -> Response:
	await service.send_back(work, change_id, body)
	return await _shown(work, change_id, _("Change returned"))


@router.post("/{change_id}/hold", response_model=Whole, summary="Hold")
async def hold_change(change_id: Id, work: Updating, body: NoteIn | None = None) -> Response:
	await service.hold(work, change_id, body or NoteIn())
	return await _shown(work, change_id, _("Change on hold"))


@router.post("/{change_id}/resume", response_model=Whole, summary="Resume")
async def resume_change(change_id: Id, work: Updating, body: NoteIn | None = None) -> Response:
	await service.resume(work, change_id, body or NoteIn())
	return await _shown(work, change_id, _("Change resumed"))


@router.post("/{change_id}/cancel", response_model=Whole, summary="Cancel")
async def cancel_change(change_id: Id, work: Updating, body: NoteIn | None = None) -> Response:
	await service.cancel(work, change_id, body or NoteIn())
	return await _shown(work, change_id, _("Change cancelled"))


@router.post("/{change_id}/implement", response_model=Whole, summary="Release")
async def implement_change(
	change_id: Id, work: Implementing, body: ImplementIn | None = None
) -> Response:
	done = await implementing.implement(work, change_id, body or ImplementIn())
	text = _("Release scheduled") if done.implemented_at is None else _("Change released")
	return await _shown(work, change_id, text)


@router.post("/{change_id}/close", response_model=Whole, summary="Close")
async def close_change(change_id: Id, work: Implementing, body: NoteIn | None = None) -> Response:
	await implementing.close(work, change_id, body or NoteIn())
	return await _shown(work, change_id, _("Change closed"))


@router.post("/{change_id}/delegate", response_model=Whole, summary="Delegate an approval")
async def delegate_change(change_id: Id, body: DelegateIn, work: Approving) -> Response:
	await service.delegate(work, change_id, body)
	return await _shown(work, change_id, _("Approval delegated"))


# -- what it affects ----------------------------------------------------------------------------


@router.get(
	"/{change_id}/items", response_model=Ok[list[AffectedOut]], summary="List affected products"
)
async def list_items(change_id: Id, work: Reading) -> Response:
	return ok(work, await answers.items(work, change_id))


@router.post(
	"/{change_id}/items",
	response_model=Ok[AffectedOut],
	status_code=201,
	summary="Add an affected product",
)
async def add_item(change_id: Id, body: AffectedIn, work: Updating) -> Response:
	[made] = await service.add_items(work, change_id, [body])
	shown = await answers.item(work, change_id, made.id)
	place = f"/api/v1/plm/changes/{change_id}/items/{made.id}"
	return ok(work, shown, status=201, message=_("Product added"), headers={"Location": place})


@router.get(
	"/{change_id}/items/{item_id}",
	response_model=Ok[AffectedOut],
	summary="Read an affected product",
)
async def read_item(change_id: Id, item_id: Id, work: Reading) -> Response:
	return ok(work, await answers.item(work, change_id, item_id))


@router.patch(
	"/{change_id}/items/{item_id}",
	response_model=Ok[AffectedOut],
	summary="Decide about an affected product",
)
async def change_item(change_id: Id, item_id: Id, body: AffectedPatch, work: Updating) -> Response:
	await service.change_item(work, change_id, item_id, body)
	return ok(work, await answers.item(work, change_id, item_id), message=_("Product changed"))


@router.delete(
	"/{change_id}/items/{item_id}", status_code=204, summary="Take out an affected product"
)
async def remove_item(change_id: Id, item_id: Id, work: Updating) -> Response:
	await service.remove_item(work, change_id, item_id)
	return Response(status_code=204)


@router.post(
	"/{change_id}/items/{item_id}/rebase",
	response_model=Ok[RebaseOut],
	summary="Bring a product onto the revision released meanwhile",
)
async def rebase_item(
	change_id: Id, item_id: Id, work: Updating, body: RebaseIn | None = None
) -> Response:
	return ok(work, await service.rebase(work, change_id, item_id, body or RebaseIn()))


@router.post(
	"/{change_id}/replace",
	response_model=Ok[list[ReplacementOut]],
	summary="Replace a part everywhere",
)
async def replace_part(change_id: Id, body: ReplaceIn, work: Updating) -> Response:
	return ok(work, await service.replace_everywhere(work, change_id, body))


# -- read ---------------------------------------------------------------------------------------


@router.get("/{change_id}/redline", response_model=Ok[RedlineOut], summary="What it changes")
async def read_redline(
	change_id: Id,
	work: Reading,
	offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
	limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> Response:
	return ok(work, await answers.redline(work, change_id, offset=offset, limit=limit))


@router.get("/{change_id}/approvals", response_model=Ok[list[StageOut]], summary="Who decides")
async def read_approvals(change_id: Id, work: Reading) -> Response:
	return ok(work, await answers.approvals(work, change_id))


@router.get("/{change_id}/history", response_model=Ok[list[HistoryOut]], summary="Who did what")
async def read_history(change_id: Id, work: Reading) -> Response:
	return ok(work, await answers.history(work, change_id))


@router.get(
	"/{change_id}/comments", response_model=Ok[list[CommentOut]], summary="The conversation"
)
async def list_comments(change_id: Id, work: Reading) -> Response:
	return ok(work, await answers.comments(work, change_id))


@router.post(
	"/{change_id}/comments", response_model=Ok[CommentOut], status_code=201, summary="Comment"
)
async def add_comment(change_id: Id, body: CommentIn, work: Updating) -> Response:
	made = await service.comment(work, change_id, body)
	shown = await answers.comment(work, change_id, made.id)
	place = f"/api/v1/plm/changes/{change_id}/comments/{made.id}"
	return ok(work, shown, status=201, message=_("Comment added"), headers={"Location": place})


@router.get(
	"/{change_id}/comments/{comment_id}", response_model=Ok[CommentOut], summary="Read a comment"
)
async def read_comment(change_id: Id, comment_id: Id, work: Reading) -> Response:
	return ok(work, await answers.comment(work, change_id, comment_id))
