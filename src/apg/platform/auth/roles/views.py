"""`/admin/roles`: roles and their rights."""

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
from apg.platform.auth.permissions import ROLES_CREATE, ROLES_DELETE, ROLES_READ, ROLES_UPDATE
from apg.platform.auth.roles import service
from apg.platform.auth.roles.rights import rights_by_capability
from apg.platform.auth.roles.schemas import RoleIn, RolePatch
from apg.platform.auth.typed_forms import chosen, filled

ROLES = replace(service.ROLE_LIST, paging="page")
router = Router(include_in_schema=False)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(ROLES_READ)]) -> Response:
	state = ListState.of(ROLES, request)
	page = await service.list_roles(work, state)
	rows = load_json(page.body)
	return show(work, "auth/roles/list.html", state=state, rows=rows, total=page.total)


async def _role(work: Work, role_id: str, status: int = 200, **context: Any) -> Response:
	"""The page of a role, or of a new one when the id is empty."""
	found = await service.read(work, role_id) if role_id else None
	role: Any = load_json(found.body) if found else {"id": "", "permissions": [], "built_in": False}
	return show(
		work,
		"auth/roles/role.html",
		status=status,
		**{
			"role": role,
			"etag": found.etag if found else "",
			"groups": _groups(work, role["permissions"]),
			"form": FormState.of(role),
			**context,
		},
	)


def _groups(work: Work, held: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
	"""The rights by capability as choices; wildcards the role holds stand first."""
	wild = [(name, name) for name in held if name.endswith("*")]
	groups = [(_("Groups of rights"), wild)] if wild else []
	return groups + rights_by_capability(work)


@router.get("/new")
async def new_page(work: Annotated[Work, allow(ROLES_CREATE)]) -> Response:
	return await _role(work, "")


@router.post("/new")
async def create(request: Request, work: Annotated[Work, allow(ROLES_CREATE)]) -> Response:
	values = await _typed(request, work)
	try:
		role = await service.create(work, checked(RoleIn, values))
		await work.flush()
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _role(work, "", 422, block="role_form", form=form)
	return lead_to(work, f"/admin/roles/{role.id}", text=_("Saved"))


async def _typed(request: Request, work: Work) -> dict[str, Any]:
	values = await filled(request, work, "name", "title")
	values["permissions"] = await chosen(request, "permissions")
	values["requires_totp"] = "true" in await chosen(request, "requires_totp")
	return values


@router.get("/{role_id}")
async def role_page(role_id: str, work: Annotated[Work, allow(ROLES_READ)]) -> Response:
	return await _role(work, role_id)


@router.post("/{role_id}")
async def change(
	request: Request, role_id: str, work: Annotated[Work, allow(ROLES_UPDATE)]
) -> Response:
	values = await _typed(request, work)
	values.pop("name", None)
	if await chosen(request, "built_in"):
		values = {"requires_totp": values["requires_totp"]}
	try:
		await service.change(work, role_id, checked(RolePatch, values))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _role(work, role_id, 422, block="role_form", form=form)
	return lead_to(work, f"/admin/roles/{role_id}", text=_("Saved"))


@router.post("/{role_id}/remove")
async def remove(role_id: str, work: Annotated[Work, allow(ROLES_DELETE)]) -> Response:
	await service.remove(work, role_id)
	return lead_to(work, "/admin/roles", text=_("The role is removed."))
