"""What roles there are, who has which, and that an administrator stays."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Text, any_, delete, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert

from apg.kernel.composition import Composition
from apg.kernel.database import id_type
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.work import Work
from apg.platform.auth.roles.models import ADMINISTRATOR, MembershipRole, Role
from apg.platform.auth.roles.rights import canonical_all, check_grant
from apg.platform.auth.roles.schemas import RoleIn, RolePatch
from apg.platform.auth.sessions.service import noticed

ROLE_LIST = ListSpec(
	columns=(
		Column("title", "Role", sortable=True),
		Column("name", "Name", sortable=True),
		Column("permissions", "Rights"),
		Column("members", "Members", kind="number"),
		Column("built_in", "Built in", kind="flag"),
		Column("requires_totp", "Second factor required", kind="flag"),
		Column("updated_at", "Changed", sortable=True, kind="datetime", default_visible=False),
	),
	filters=(Filter("q", "Find a role"),),
	default_sort="title",
	paging="offset",
	max_page_size=1000,
)


class BuiltInRole(Conflict):
	"""The administrator's role stays as it is."""

	code = "ROLE_BUILT_IN"


class RoleInUse(Conflict):
	"""A role goes when no member has it."""

	code = "ROLE_IN_USE"


class LastAdministrator(Conflict):
	"""A tenant keeps somebody who may do everything."""

	code = "LAST_ADMINISTRATOR"


# -- defaults ---------------------------------------------------------------------------------


async def seed_roles(work: Work, composition: Composition | None = None) -> None:
	"""Adds the default roles of the capabilities that are on and that the tenant lacks.

	Roles that are there keep the rights somebody gave them; the administrator's are everything.
	"""
	whole = composition or work.runtime.composition
	on = work.principal.enabled | whole.always_on
	now = utc_now()
	rows = [
		{
			"id": new_id(),
			"tenant_id": work.principal.tenant_id,
			"name": role.name,
			"title": role.title,
			"permissions": sorted(role.permissions),
			"built_in": role.name == ADMINISTRATOR,
			"requires_totp": False,
			"version": 1,
			"created_at": now,
			"updated_at": now,
		}
		for capability in whole.capabilities
		if capability.short in on
		for role in capability.default_roles
	]
	if rows:
		await work.execute(
			insert(Role).values(rows).on_conflict_do_nothing(index_elements=["tenant_id", "name"])
		)


# -- roles of members -------------------------------------------------------------------------


async def ids_of(work: Work, names: Collection[str]) -> dict[str, str]:
	"""Name → id. Raises Invalid for names the tenant has no role of."""
	rows = await work.execute(select(Role.name, Role.id).where(Role.name == any_(_texts(names))))
	found: dict[str, str] = dict(rows.all())
	problems = [
		Problem("roles", _("There is no role “{name}”.", name=name[:100]), "unknown_role")
		for name in sorted(set(names) - set(found))
	]
	if problems:
		raise Invalid(_("Some roles do not exist"), problems=problems)
	return found


async def check_roles(work: Work, names: Collection[str]) -> None:
	"""Whether the caller may give all of these. Raises Invalid for unknown ones, CannotGrant."""
	await _check_rights(work, (await ids_of(work, names)).values())


async def _check_rights(work: Work, role_ids: Iterable[str]) -> None:
	if work.principal.kind == "system":
		return
	rights = await work.scalars(
		select(func.jsonb_array_elements_text(Role.permissions)).where(
			Role.id == any_(_ids(role_ids))
		)
	)
	check_grant(work.principal, rights, work.runtime.composition)


async def give(work: Work, membership_id: str, names: Collection[str]) -> list[str]:
	"""Makes these the member's roles, by the rights of the caller; returns the names before.

	Raises Invalid for unknown roles, CannotGrant, LastAdministrator.
	"""
	wanted = await ids_of(work, names)
	held = await _held(work, membership_id)
	changed = set(wanted.items()) ^ set(held.items())
	if not changed:
		return sorted(held)
	# Taking a role away is as much as giving it: both decide over rights one may not hold.
	await _check_rights(work, (role_id for _name, role_id in changed))
	gone = [held[name] for name in held if name not in wanted]
	if gone:
		await work.execute(
			delete(MembershipRole)
			.where(
				MembershipRole.membership_id == membership_id,
				MembershipRole.role_id == any_(_ids(gone)),
			)
			.execution_options(bulk=True, synchronize_session=False)
		)
	for name, role_id in wanted.items():
		if name not in held:
			work.add(MembershipRole(membership_id=membership_id, role_id=role_id))
	await work.flush()
	if ADMINISTRATOR in held and ADMINISTRATOR not in wanted:
		await keep_an_administrator(work)
	return sorted(held)


async def _held(work: Work, membership_id: str) -> dict[str, str]:
	rows = await work.execute(
		select(Role.name, Role.id)
		.join(MembershipRole, MembershipRole.role_id == Role.id)
		.where(
			MembershipRole.membership_id == membership_id,
			MembershipRole.tenant_id == work.principal.tenant_id,
		)
	)
	return dict(rows.all())


async def keep_an_administrator(work: Work) -> None:
	"""Waits for whoever else is removing one, then counts. Raises LastAdministrator."""
	await work.flush()
	left = await work.scalar(select(func.administrators_left(_id(work.principal.tenant_id))))
	if not left:
		raise LastAdministrator(
			_("This is the last administrator; give somebody else the role first.")
		)


def _id(value: str) -> Any:
	return literal(value, id_type)


def _ids(values: Iterable[str]) -> Any:
	return literal(list(values), ARRAY(id_type))


def _texts(values: Iterable[str]) -> Any:
	return literal(list(values), ARRAY(Text))


def names_of(membership_id: Any) -> Any:
	"""A sub-select: the names of a member's roles as a JSON array, sorted."""
	names = (
		select(func.jsonb_agg(aggregate_order_by(Role.name, Role.name)))
		.join(MembershipRole, MembershipRole.role_id == Role.id)
		.where(MembershipRole.membership_id == membership_id)
		.scalar_subquery()
	)
	return func.coalesce(names, literal_column("'[]'::jsonb"))


def members_in(role: str) -> Any:
	"""Ids of the memberships that have the role."""
	return (
		select(MembershipRole.membership_id)
		.join(Role, Role.id == MembershipRole.role_id)
		.where(Role.name == role)
	)


async def rights_of(work: Work, membership_id: str) -> frozenset[str]:
	"""The rights of one member."""
	return (await granted_to(work, membership_id)).get(membership_id, frozenset())


async def role_names(work: Work, membership_id: str) -> list[str]:
	"""The names of a member's roles, sorted."""
	return sorted(await _held(work, membership_id))


async def granted_to(work: Work, membership_id: str | None = None) -> dict[str, frozenset[str]]:
	"""Membership → its rights, for every member of the tenant that has any, or for one."""
	statement = select(MembershipRole.membership_id, Role.permissions).join(
		Role, Role.id == MembershipRole.role_id
	)
	if membership_id is not None:
		statement = statement.where(MembershipRole.membership_id == membership_id)
	rows = await work.execute(statement)
	granted: dict[str, frozenset[str]] = {}
	for member, permissions in rows:
		granted[member] = granted.get(member, frozenset()) | frozenset(permissions)
	return granted


# -- the roles themselves ---------------------------------------------------------------------


def select_roles() -> Any:
	"""Roles in their wire form."""
	members = (
		select(func.count())
		.select_from(MembershipRole)
		.where(MembershipRole.role_id == Role.id)
		.scalar_subquery()
	)
	return select(
		Role.id,
		Role.name,
		Role.title,
		Role.permissions,
		Role.built_in,
		Role.requires_totp,
		members.label("members"),
		Role.created_at,
		Role.updated_at,
		Role.version,
		Role.version.label("etag"),
	)


async def list_roles(work: Work, state: ListState) -> Page:
	"""One page of the tenant's roles."""
	statement = select_roles()
	if (wanted := state["q"]) is not None:
		pattern = func.apg_like(wanted)
		statement = statement.where(Role.title.ilike(pattern) | Role.name.ilike(pattern))
	columns: dict[str, Any] = {
		"title": Role.title,
		"name": Role.name,
		"updated_at": Role.updated_at,
	}
	ordered = state.window(statement, columns, Role.id)
	return await work.read_list(ordered, limit=state.page_size, offset=state.offset)


async def read(work: Work, role_id: str) -> One:
	await work.get(Role, role_id)
	return await work.read_one(select_roles().where(Role.id == role_id), Role)


async def choices(work: Work) -> list[tuple[str, str]]:
	"""Name and title of every role, by title."""
	rows = await work.execute(select(Role.name, Role.title).order_by(Role.title, Role.name))
	return [(name, title) for name, title in rows]


async def create(work: Work, new: RoleIn) -> Role:
	"""A role of the tenant's own. Raises Invalid for unknown rights, CannotGrant."""
	composition = work.runtime.composition
	names = canonical_all(new.permissions, composition, "permissions")
	check_grant(work.principal, names, composition)
	return work.add(
		Role(
			name=new.name,
			title=new.title,
			permissions=names,
			requires_totp=new.requires_totp,
		)
	)


async def change(work: Work, role_id: str, patch: RolePatch) -> Role:
	"""Raises BuiltInRole, Invalid, CannotGrant for rights that come or go, PreconditionFailed."""
	noticed(work)
	role = await work.edit(Role, role_id)
	if role.built_in and not set(patch.model_fields_set) <= {"requires_totp"}:
		raise BuiltInRole(_("The administrator's role keeps its name and its rights."))
	if patch.title is not None:
		role.title = patch.title
	if patch.requires_totp is not None:
		role.requires_totp = patch.requires_totp
	if patch.permissions is not None:
		composition = work.runtime.composition
		names = canonical_all(patch.permissions, composition, "permissions")
		check_grant(work.principal, set(names) ^ set(role.permissions), composition)
		role.permissions = names
	return role


async def remove(work: Work, role_id: str) -> None:
	"""Raises BuiltInRole, and RoleInUse while a member has it."""
	role = await work.edit(Role, role_id)
	if role.built_in:
		raise BuiltInRole(_("The administrator's role cannot be removed."))
	check_grant(work.principal, role.permissions, work.runtime.composition)
	used = await work.scalar(
		select(func.count()).select_from(MembershipRole).where(MembershipRole.role_id == role.id)
	)
	if used:
		raise RoleInUse(_("{n} members have this role; take it from them first.", n=used))
	await work.delete(role)
