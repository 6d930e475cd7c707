"""Questions about the members of the tenant that other capabilities ask."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from apg.kernel.database import id_type
from apg.kernel.permissions import Permission, holds
from apg.kernel.stamps import is_id
from apg.kernel.work import Work
from apg.platform.auth.roles import service as roles
from apg.platform.auth.users.models import Membership, User


async def people(work: Work, user_ids: Collection[str]) -> Sequence[Any]:
	"""Rows of the named people that this tenant may see."""
	wanted = [one for one in user_ids if is_id(one)]
	if not wanted:
		return []
	rows = await work.execute(
		select(
			User.id, User.username, User.display_name, User.email, User.locale, Membership.is_active
		)
		.join(Membership, Membership.user_id == User.id)
		.where(
			Membership.tenant_id == work.principal.tenant_id,
			User.id == any_(literal(wanted, ARRAY(id_type))),
		)
	)
	return list(rows)


async def locale_of_tenant(work: Work) -> str:
	"""The language of people who chose none."""
	facts = func.tenant_facts(literal(work.principal.tenant_id, id_type))
	locale = facts.table_valued("locale", name="facts").c.locale
	return await work.scalar(select(locale)) or "en"


def active_members(work: Work) -> Any:
	"""Ids of membership and user of everybody who may come in now."""
	return (
		select(Membership.id, Membership.user_id)
		.join(User, User.id == Membership.user_id)
		.where(
			Membership.tenant_id == work.principal.tenant_id,
			Membership.is_active,
			User.is_active,
			Membership.valid_until.is_(None) | (Membership.valid_until > func.clock_timestamp()),
		)
	)


async def members_with(work: Work, permission: Permission) -> list[str]:
	"""Ids of the active members who hold the right."""
	granted = await roles.granted_to(work)
	rows = await work.execute(active_members(work))
	return sorted(
		user_id
		for membership_id, user_id in rows
		if holds(granted.get(membership_id, frozenset()), permission)
	)


async def members_in_role(work: Work, role: str) -> list[str]:
	"""Ids of the active members who have the role."""
	rows = await work.execute(active_members(work).where(Membership.id.in_(roles.members_in(role))))
	return sorted(user_id for _membership_id, user_id in rows)
