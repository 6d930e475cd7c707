"""`/admin/invitations`: open invitations, new ones, and links for a new password."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.auth.accounts import links
from apg.platform.auth.accounts.schemas import InvitationIn
from apg.platform.auth.permissions import USERS_CREATE, USERS_UPDATE
from apg.platform.auth.roles import service as roles
from apg.platform.auth.typed_forms import chosen, filled

router = Router(include_in_schema=False)
SHOWN = 200


async def _page(work: Work, status: int = 200, **context: Any) -> Response:
	page = await links.list_invitations(work, limit=SHOWN, offset=0)
	return show(
		work,
		"auth/accounts/invitations.html",
		status=status,
		**{
			"rows": load_json(page.body),
			"total": page.total,
			"choices": await roles.choices(work),
			"form": FormState(),
			"link": None,
			"mailed": False,
			**context,
		},
	)


@router.get("")
async def invitations_page(work: Annotated[Work, allow(USERS_CREATE)]) -> Response:
	return await _page(work)


@router.post("")
async def invite(request: Request, work: Annotated[Work, allow(USERS_CREATE)]) -> Response:
	values = await filled(request, work, "username", "display_name", "email")
	values["roles"] = await chosen(request, "roles")
	try:
		link = await links.invite(work, checked(InvitationIn, values))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _page(work, 422, block="invitations", form=form)
	except Conflict as refused:
		form = FormState(values, [Problem("username", refused.message)])
		return await _page(work, 409, block="invitations", form=form)
	return await _page(
		work, block="invitations", link=None if link.mailed else link.text, mailed=link.mailed
	)


@router.post("/{invitation_id}/withdraw")
async def withdraw(invitation_id: str, work: Annotated[Work, allow(USERS_UPDATE)]) -> Response:
	await links.withdraw(work, invitation_id)
	return lead_to(work, "/admin/invitations", text=_("The invitation is withdrawn."))


@router.post("/reset/{user_id}")
async def reset_link(user_id: str, work: Annotated[Work, allow(USERS_UPDATE)]) -> Response:
	link = await links.reset_for(work, user_id)
	return show(work, "auth/accounts/reset_link.html", link=link.text)
