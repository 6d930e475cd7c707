"""`/api/v1/notifications`: the caller's own messages."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.notifications.inbox import service
from apg.platform.notifications.inbox.schemas import (
	INBOX_API,
	MarkedOut,
	MessageOut,
	MessagePatch,
)

router = Router(tags=["Notifications"])


@router.get("", response_model=list[MessageOut])
async def list_messages(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	"""The caller's messages, newest first. Filters: unread, kind, priority; limit, offset, sort."""
	state = ListState.of(INBOX_API, request)
	page = await service.listed(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("/read-all", response_model=MarkedOut)
async def mark_all(work: Annotated[Work, signed_in()]) -> Response:
	"""Marks everything as read."""
	return bare(work, {"marked": await service.mark_all(work)})


@router.get("/{message_id}", response_model=MessageOut)
async def read_message(message_id: str, work: Annotated[Work, signed_in()]) -> Response:
	"""One message to the caller."""
	return bare(work, await service.read(work, message_id))


@router.patch("/{message_id}", response_model=MessageOut)
async def mark_message(
	message_id: str, body: MessagePatch, work: Annotated[Work, signed_in()]
) -> Response:
	"""Marks a message as read, or as unread again."""
	await service.mark(work, message_id, read=body.read)
	return bare(work, await service.read(work, message_id))
