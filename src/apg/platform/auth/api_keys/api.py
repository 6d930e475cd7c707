"""API keys over the API."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work
from apg.platform.auth.api_keys import service
from apg.platform.auth.api_keys.schemas import ApiKeyIn, ApiKeyOut, NewApiKeyOut
from apg.platform.auth.permissions import KEYS_CREATE, KEYS_READ

router = Router(tags=["API keys"])


@router.get("", response_model=list[ApiKeyOut])
async def list_keys(request: Request, work: Annotated[Work, allow(KEYS_READ)]) -> Response:
	"""Keys of the tenant, or `?mine=true`."""
	state = ListState.of(service.KEY_LIST, request)
	page = await service.list_keys(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("", response_model=NewApiKeyOut, status_code=201)
async def create_key(body: ApiKeyIn, work: Annotated[Work, allow(KEYS_CREATE)]) -> Response:
	"""A key for oneself; the key is in this answer and never again."""
	text, told = await service.create(work, body)
	headers = {"Cache-Control": "no-store", "Location": f"/api/v1/api-keys/{told['id']}"}
	return bare(work, {**told, "key": text}, status=201, headers=headers)


@router.get("/{key_id}", response_model=ApiKeyOut)
async def read_key(key_id: IdText, work: Annotated[Work, allow(KEYS_READ)]) -> Response:
	"""One key, without its secret."""
	return bare(work, await service.read(work, key_id))


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: IdText, work: Annotated[Work, allow(KEYS_CREATE)]) -> Response:
	"""Ends a key for good: one's own, or anybody's with the right to revoke."""
	await service.revoke(work, key_id)
	return Response(status_code=204)
