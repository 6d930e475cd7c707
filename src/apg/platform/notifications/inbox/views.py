"""`/inbox`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.texts import _
from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.web.lists import ListState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.notifications.inbox import service
from apg.platform.notifications.inbox.schemas import INBOX

router = Router(include_in_schema=False)


@router.get("")
async def inbox(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	state = ListState.of(INBOX, request)
	page = await service.listed(work, state)
	rows = load_json(page.body)
	return show(work, "notifications/inbox/list.html", state=state, rows=rows, total=page.total)


@router.get("/count")
async def count(work: Annotated[Work, signed_in()]) -> Response:
	"""The badge of the shell."""
	return show(work, "notifications/inbox/count.html", waiting=await service.unread_count(work))


@router.post("/read-all")
async def mark_all(work: Annotated[Work, signed_in()]) -> Response:
	marked = await service.mark_all(work)
	return lead_to(work, "/inbox", text=_("{n} messages marked as read", n=marked))


@router.post("/{message_id}/open")
async def open_message(message_id: str, work: Annotated[Work, signed_in()]) -> Response:
	found = await service.mark(work, message_id, read=True)
	return lead_to(work, found.action_url or "/inbox")


@router.post("/{message_id}/unread")
async def mark_unread(message_id: str, work: Annotated[Work, signed_in()]) -> Response:
	await service.mark(work, message_id, read=False)
	return lead_to(work, "/inbox", text=_("Marked as unread"))
