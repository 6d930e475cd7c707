"""`/admin/users`: the members of the tenant."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.auth.permissions import USERS_DELETE, USERS_READ, USERS_UPDATE
from apg.platform.auth.roles import service as roles
from apg.platform.auth.typed_forms import chosen, filled
from apg.platform.auth.users import service
from apg.platform.auth.users.schemas import UserPatch

MEMBERS = replace(service.USER_LIST, paging="page")
router = Router(include_in_schema=False)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(USERS_READ)]) -> Response:
	state = ListState.of(MEMBERS, request)
	page = await service.list_users(work, state)
	rows = load_json(page.body)
	titles = dict(await roles.choices(work))
	return show(
		work, "auth/users/list.html", state=state, rows=rows, total=page.total, titles=titles
	)


async def _member(work: Work, user_id: str, status: int = 200, **context: Any) -> Response:
	found = await service.read(work, user_id)
	member = load_json(found.body)
	given: dict[str, Any] = {"form": FormState.of(member), "link": None}
	return show(
		work,
		"auth/users/member.html",
		status=status,
		**{
			"member": member,
			"etag": found.etag,
			"choices": await roles.choices(work),
			**given,
			**context,
		},
	)


@router.get("/{user_id}")
async def member_page(user_id: str, work: Annotated[Work, allow(USERS_READ)]) -> Response:
	return await _member(work, user_id)


@router.post("/{user_id}")
async def change(
	request: Request, user_id: str, work: Annotated[Work, allow(USERS_UPDATE)]
) -> Response:
	fields = ("display_name", "email", "locale", "is_active", "valid_until")
	values = await filled(request, work, *fields)
	whole: dict[str, Any] = {**values, "roles": await chosen(request, "roles")}
	whole.setdefault("is_active", "false")
	whole["valid_until"] = f"{whole['valid_until']}T23:59:59Z" if "valid_until" in whole else None
	if await chosen(request, "at_home") == ["true"]:
		whole = {"display_name": "", "email": None, "locale": None} | whole
	try:
		await service.change(work, user_id, checked(UserPatch, whole))
	except Invalid as refused:
		form = FormState.refused(whole, refused)
		return await _member(work, user_id, 422, block="member_form", form=form)
	return lead_to(work, f"/admin/users/{user_id}", text=_("Saved"))


@router.post("/{user_id}/remove")
async def remove(user_id: str, work: Annotated[Work, allow(USERS_DELETE)]) -> Response:
	await service.remove(work, user_id)
	return lead_to(work, "/admin/users", text=_("The membership has ended."))


@router.post("/{user_id}/erase")
async def erase(user_id: str, work: Annotated[Work, allow(USERS_DELETE)]) -> Response:
	await service.erase(work, user_id)
	return lead_to(work, "/admin/users", text=_("The person is forgotten."))
