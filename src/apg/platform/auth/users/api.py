"""Members of the tenant over the API, and the question what one of them may do."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow, signed_in
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work
from apg.platform.auth.permissions import USERS_CREATE, USERS_DELETE, USERS_READ, USERS_UPDATE
from apg.platform.auth.users import service
from apg.platform.auth.users.schemas import CheckIn, CheckOut, UserIn, UserOut, UserPatch
from apg.platform.auth.users.standing import answer

router = Router(tags=["users"])
checks = Router(tags=["permissions"])


@router.get("", response_model=list[UserOut])
async def list_users(request: Request, work: Annotated[Work, allow(USERS_READ)]) -> Response:
	"""Members of the tenant."""
	state = ListState.of(service.USER_LIST, request)
	page = await service.list_users(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("", response_model=UserOut, status_code=201)
async def create_user(body: UserIn, work: Annotated[Work, allow(USERS_CREATE)]) -> Response:
	"""A new account and its place in the tenant."""
	user_id = await service.create(work, body)
	place = f"/api/v1/users/{user_id}"
	return bare(work, await service.read(work, user_id), status=201, headers={"Location": place})


@router.get("/{user_id}", response_model=UserOut)
async def read_user(user_id: IdText, work: Annotated[Work, allow(USERS_READ)]) -> Response:
	"""One member."""
	return bare(work, await service.read(work, user_id))


@router.patch("/{user_id}", response_model=UserOut)
async def change_user(
	user_id: IdText, body: UserPatch, work: Annotated[Work, allow(USERS_UPDATE)]
) -> Response:
	"""Changes a member's roles and access; name and address where the account is at home."""
	await service.change(work, user_id, body)
	return bare(work, await service.read(work, user_id))


@router.delete("/{user_id}", status_code=204)
async def remove_user(user_id: IdText, work: Annotated[Work, allow(USERS_DELETE)]) -> Response:
	"""Ends the membership; the account and what the person did stay."""
	await service.remove(work, user_id)
	return Response(status_code=204)


@router.post("/{user_id}/erase", status_code=204)
async def erase_user(user_id: IdText, work: Annotated[Work, allow(USERS_DELETE)]) -> Response:
	"""Forgets the person: the id stays, nothing else does. Cannot be undone."""
	await service.erase(work, user_id)
	return Response(status_code=204)


@checks.post("/check", response_model=CheckOut)
async def check_permission(body: CheckIn, work: Annotated[Work, signed_in()]) -> Response:
	"""Whether a member holds a right; about others, for who may see members."""
	return bare(work, {"authorized": await answer(work, body)})
