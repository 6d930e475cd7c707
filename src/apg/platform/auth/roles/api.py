"""Roles and the rights there are, over the API."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work
from apg.platform.auth.permissions import ROLES_CREATE, ROLES_DELETE, ROLES_READ, ROLES_UPDATE
from apg.platform.auth.roles import service
from apg.platform.auth.roles.rights import permissions_known
from apg.platform.auth.roles.schemas import PermissionOut, RoleIn, RoleOut, RolePatch

router = Router(tags=["roles"])
rights = Router(tags=["permissions"])


@router.get("", response_model=list[RoleOut])
async def list_roles(request: Request, work: Annotated[Work, allow(ROLES_READ)]) -> Response:
	"""Roles of the tenant."""
	state = ListState.of(service.ROLE_LIST, request)
	page = await service.list_roles(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("", response_model=RoleOut, status_code=201)
async def create_role(body: RoleIn, work: Annotated[Work, allow(ROLES_CREATE)]) -> Response:
	"""A role of the tenant's own, with rights the caller holds."""
	role = await service.create(work, body)
	await work.flush()
	place = f"/api/v1/roles/{role.id}"
	return bare(work, await service.read(work, role.id), status=201, headers={"Location": place})


@router.get("/{role_id}", response_model=RoleOut)
async def read_role(role_id: IdText, work: Annotated[Work, allow(ROLES_READ)]) -> Response:
	"""One role."""
	return bare(work, await service.read(work, role_id))


@router.patch("/{role_id}", response_model=RoleOut)
async def change_role(
	role_id: IdText, body: RolePatch, work: Annotated[Work, allow(ROLES_UPDATE)]
) -> Response:
	"""Changes title, rights, or whether the role asks for a second factor."""
	await service.change(work, role_id, body)
	return bare(work, await service.read(work, role_id))


@router.delete("/{role_id}", status_code=204)
async def remove_role(role_id: IdText, work: Annotated[Work, allow(ROLES_DELETE)]) -> Response:
	"""Removes a role nobody has."""
	await service.remove(work, role_id)
	return Response(status_code=204)


@rights.get("", response_model=list[PermissionOut])
async def list_permissions(work: Annotated[Work, allow(ROLES_READ)]) -> Response:
	"""Every right that can be given, of the capabilities that are on."""
	return bare(work, permissions_known(work))
