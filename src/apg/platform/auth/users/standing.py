"""What a member may do right now, asked about anybody of the tenant; denied is the default."""

from sqlalchemy import select

from apg.kernel.errors import Invalid, PermissionDenied
from apg.kernel.permissions import Permission, holds
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.auth.permissions import USERS_READ
from apg.platform.auth.roles import service as roles
from apg.platform.auth.users.models import Membership
from apg.platform.auth.users.people import active_members
from apg.platform.auth.users.schemas import CheckIn


def read_permission(permission: str, resource: str = "") -> Permission | None:
	"""The right behind any spelling, None for none.

	Either whole (`plm.products.read`, `esg:metrics:create`, `esg_metrics:create`), or as an action
	or the rest of a name with the resource beside it (`create` of `esg_metrics`, `products.read`
	of `plm`).
	"""
	resource = resource.strip().removesuffix("_").lower()
	text = permission.strip().lower()
	for spelling in (text, f"{resource}.{text}", f"{resource}:{text}"):
		try:
			return Permission.parse(spelling)
		except ValueError:
			continue
	return None


async def is_authorised(work: Work, user_id: str, permission: str, resource: str = "") -> bool:
	"""Whether an active member holds the right and its capability is on for the tenant."""
	wanted = read_permission(permission, resource)
	composition = work.runtime.composition
	if wanted is None or str(wanted) not in {str(known) for known in composition.permissions}:
		return False
	if wanted.capability not in work.principal.enabled | composition.always_on:
		return False
	membership_id = await _membership(work, user_id)
	return membership_id is not None and holds(await roles.rights_of(work, membership_id), wanted)


async def answer(work: Work, asked: CheckIn) -> bool:
	"""The answer to a question of the API.

	Raises Invalid for another tenant than the caller's, PermissionDenied for a question about
	somebody else by who may not see members.
	"""
	own = (work.principal.tenant_id, work.principal.tenant_slug)
	if asked.tenant_id is not None and asked.tenant_id not in own:
		raise Invalid.one("tenant_id", _("must be the tenant of the token"), "tenant")
	if asked.user_id != work.principal.user_id and not work.principal.may(USERS_READ):
		raise PermissionDenied(_("Permission '{name}' required", name=str(USERS_READ)))
	wanted = asked.permission or asked.action
	if not await is_authorised(work, asked.user_id, wanted, asked.resource):
		return False
	# A key asks for its owner and is told no more than it may do itself.
	right = read_permission(wanted, asked.resource)
	mine = asked.user_id == work.principal.user_id
	return not mine or (right is not None and work.principal.may(right))


async def roles_of(work: Work, user_id: str) -> list[str]:
	"""Names of the roles of an active member, sorted."""
	membership_id = await _membership(work, user_id)
	return [] if membership_id is None else await roles.role_names(work, membership_id)


async def _membership(work: Work, user_id: str) -> str | None:
	if not is_id(user_id):
		return None
	return await work.scalar(
		select(active_members(work).where(Membership.user_id == user_id).subquery().c.id)
	)
