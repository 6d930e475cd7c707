"""Members of a tenant: made, read, changed, removed, erased."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select

from apg.contracts.identity import RolesChanged, UserJoined, UserLeft
from apg.kernel.database import id_type
from apg.kernel.errors import Conflict, NotFound, PermissionDenied
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.work import Work
from apg.platform.auth.api_keys import service as api_keys
from apg.platform.auth.passwords import hash_password
from apg.platform.auth.roles import service as roles
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.users.models import Membership, User
from apg.platform.auth.users.schemas import UserIn, UserPatch, plain_username

USER_LIST = ListSpec(
	columns=(
		Column("username", "User name", sortable=True),
		Column("display_name", "Name", sortable=True),
		Column("email", "E-mail"),
		Column("roles", "Roles"),
		Column("is_active", "Active", kind="flag"),
		Column("has_totp", "Second factor", kind="flag"),
		Column("valid_until", "Until", sortable=True, kind="datetime", default_visible=False),
		Column("created_at", "Member since", sortable=True, kind="datetime", default_visible=False),
	),
	filters=(
		Filter("q", "Find a person"),
		Filter("role", "Role"),
		Filter("is_active", "Active", kind="bool"),
	),
	default_sort="username",
	paging="offset",
	max_page_size=1000,
)


class NotAtHome(PermissionDenied):
	"""An account is looked after by the tenant that made it."""

	code = "ACCOUNT_OF_ANOTHER_TENANT"


class NotYourself(Conflict):
	"""What would lock the caller out is left to somebody else."""

	code = "NOT_YOURSELF"


class AlreadyMember(Conflict):
	"""Nobody is a member twice."""

	code = "ALREADY_A_MEMBER"


def select_users(work: Work) -> Any:
	"""Members in their wire form; the id is the user's."""
	return (
		select(
			User.id,
			User.username,
			User.display_name,
			User.email,
			User.locale,
			Membership.is_active,
			roles.names_of(Membership.id).label("roles"),
			Membership.valid_until,
			User.totp_confirmed_at.is_not(None).label("has_totp"),
			User.must_change_password,
			(User.home_tenant_id == work.principal.tenant_id).label("at_home"),
			Membership.created_at,
			func.greatest(
				Membership.updated_at, User.updated_at, type_=Membership.updated_at.type
			).label("updated_at"),
			(Membership.version + User.version).label("version"),
			(Membership.version + User.version).label("etag"),
		)
		.join(User, User.id == Membership.user_id)
		# Own memberships in other tenants are visible to their owner; here is only this one.
		.where(Membership.tenant_id == work.principal.tenant_id, User.erased_at.is_(None))
	)


async def list_users(work: Work, state: ListState) -> Page:
	"""One page of the members."""
	statement = select_users(work)
	if (wanted := state["q"]) is not None:
		pattern = func.apg_like(wanted)
		statement = statement.where(
			User.username.ilike(pattern)
			| User.display_name.ilike(pattern)
			| User.email.ilike(pattern)
		)
	if (role := state["role"]) is not None:
		statement = statement.where(Membership.id.in_(roles.members_in(str(role))))
	if (active := state["is_active"]) is not None:
		statement = statement.where(Membership.is_active.is_(bool(active)))
	columns: dict[str, Any] = {
		"username": User.username,
		"display_name": User.display_name,
		"valid_until": Membership.valid_until,
		"created_at": Membership.created_at,
	}
	ordered = state.window(statement, columns, User.id)
	return await work.read_list(ordered, limit=state.page_size, offset=state.offset)


async def read(work: Work, user_id: str) -> One:
	"""Raises NotFound for whoever is no member here."""
	if not is_id(user_id):
		raise NotFound(_("{what} not found", what=_("user")))
	return await work.read_one(select_users(work).where(User.id == user_id), User)


async def membership_of(work: Work, user_id: str, *, lock: bool = False) -> Membership:
	"""The place of a user in this tenant. Raises NotFound."""
	statement = select(Membership).where(
		Membership.user_id == user_id, Membership.tenant_id == work.principal.tenant_id
	)
	if lock:
		statement = statement.with_for_update(of=Membership).execution_options(
			populate_existing=True
		)
	found = await work.scalar(statement) if is_id(user_id) else None
	if found is None:
		raise NotFound(_("{what} not found", what=_("user")))
	return found


async def user_of(work: Work, user_id: str, *, lock: bool = False) -> User:
	"""The account behind a membership or the caller's own. Raises NotFound."""
	return await (work.edit(User, user_id) if lock else work.get(User, user_id))


async def is_member(work: Work, username: str) -> bool:
	"""Whether an active member has this name."""
	return bool(
		await work.scalar(
			select(User.id)
			.join(Membership, Membership.user_id == User.id)
			.where(
				User.username == username,
				Membership.tenant_id == work.principal.tenant_id,
				Membership.is_active,
			)
		)
	)


# -- making -----------------------------------------------------------------------------------


async def add_user(
	work: Work,
	username: str,
	*,
	password_hash: str | None,
	display_name: str = "",
	email: str | None = None,
	locale: str | None = None,
	must_change_password: bool = False,
) -> User:
	"""The account alone, at home in the bound tenant."""
	now = utc_now()
	user = User(
		id=new_id(),
		home_tenant_id=work.principal.tenant_id,
		username=username,
		display_name=display_name,
		email=email,
		locale=locale,
		is_active=True,
		must_change_password=must_change_password,
		password_hash=password_hash,
		password_changed_at=now if password_hash else None,
		created_by=work.principal.user_id,
		updated_by=work.principal.user_id,
	)
	work.add(user)
	await work.flush()
	return user


async def join(
	work: Work, user_id: str, role_names: Collection[str], valid_until: datetime | None = None
) -> Membership:
	"""Makes a user a member with these roles, or opens his place again if he had one."""
	known = select(Membership).where(
		Membership.user_id == user_id, Membership.tenant_id == work.principal.tenant_id
	)
	member = await work.scalar(known.with_for_update(of=Membership))
	if member is None:
		member = work.add(Membership(user_id=user_id, is_active=True, valid_until=valid_until))
	else:
		member.is_active, member.valid_until = True, valid_until
	await work.flush()
	await roles.give(work, member.id, role_names)
	work.publish(UserJoined(user_id=user_id))
	return member


async def create_user(
	work: Work,
	username: str,
	password: str,
	display_name: str = "",
	roles: Collection[str] = (),
	*,
	email: str | None = None,
	locale: str | None = None,
	must_change_password: bool = False,
	valid_until: datetime | None = None,
) -> str:
	"""A person with an account, a place in the bound tenant and these roles; answers the id.

	Raises Conflict when the name is taken, Invalid for unknown roles, CannotGrant.
	"""
	user = await add_user(
		work,
		plain_username(username),
		password_hash=await hash_password(password),
		display_name=display_name,
		email=email,
		locale=locale,
		must_change_password=must_change_password,
	)
	await join(work, user.id, roles, valid_until)
	return user.id


async def create(work: Work, new: UserIn) -> str:
	"""The same from the wire."""
	return await create_user(
		work,
		new.username,
		new.password,
		new.display_name,
		new.roles,
		email=new.email,
		locale=new.locale,
		must_change_password=new.must_change_password,
		valid_until=new.valid_until,
	)


# -- changing ---------------------------------------------------------------------------------


async def change(work: Work, user_id: str, patch: UserPatch) -> None:
	"""Raises NotAtHome for fields of an account made elsewhere, LastAdministrator, CannotGrant."""
	sessions.noticed(work)
	member = await membership_of(work, user_id, lock=True)
	given = patch.model_fields_set
	account = given & {"display_name", "email", "locale"}
	user = await user_of(work, user_id)
	work.expect(str(member.version + user.version))
	if account:
		if user.home_tenant_id != work.principal.tenant_id:
			raise NotAtHome(_("Name and address of this account are kept by another company."))
		user = await user_of(work, user_id, lock=True)
	if user_id != work.principal.user_id:
		# Whoever may change an address may take the account over: the rule of giving roles holds.
		await roles.check_roles(work, await roles.role_names(work, member.id))
	if account:
		for name in account:
			value = getattr(patch, name)
			setattr(user, name, value if value is not None or name != "display_name" else "")
		user.updated_by = work.principal.user_id
	await _change_access(work, member, patch, given)
	if patch.roles is not None:
		before = await roles.give(work, member.id, patch.roles)
		if before != sorted(set(patch.roles)):
			work.publish(RolesChanged(user_id=user_id, roles=sorted(set(patch.roles))))
			member.updated_at = utc_now()


async def _change_access(
	work: Work, member: Membership, patch: UserPatch, given: Collection[str]
) -> None:
	narrower = False
	if patch.is_active is not None and patch.is_active != member.is_active:
		if not patch.is_active and member.user_id == work.principal.user_id:
			raise NotYourself(_("You cannot switch off your own access; ask somebody else."))
		narrower = not patch.is_active
		if narrower:
			await sessions.end_here(work, member.user_id, "switched_off")
		member.is_active = patch.is_active
		event = UserJoined if patch.is_active else UserLeft
		work.publish(event(user_id=member.user_id))
	if "valid_until" in given and patch.valid_until != member.valid_until:
		narrower = narrower or patch.valid_until is not None
		member.valid_until = patch.valid_until
	if narrower:
		await keep_administrator_if_one(work, member)


async def keep_administrator_if_one(work: Work, member: Membership) -> None:
	"""Raises LastAdministrator when the member was the only one left."""
	await work.flush()
	if await work.scalar(
		select(func.count())
		.where(Membership.id == member.id)
		.where(Membership.id.in_(roles.members_in(roles.ADMINISTRATOR)))
	):
		await roles.keep_an_administrator(work)


async def remove(work: Work, user_id: str) -> None:
	"""Ends the membership; the account stays, and so does what the person did."""
	sessions.noticed(work)
	member = await membership_of(work, user_id, lock=True)
	work.expect(str(member.version + (await user_of(work, user_id)).version))
	if user_id == work.principal.user_id:
		raise NotYourself(_("You cannot remove yourself; ask somebody else."))
	was_administrator = roles.ADMINISTRATOR in await roles.give(work, member.id, ())
	member.is_active = False
	# So that neither comes to life again when the person is invited anew.
	await sessions.end_here(work, user_id, "left")
	await api_keys.revoke_all_of(work, user_id)
	if was_administrator:
		await roles.keep_an_administrator(work)
	work.publish(UserLeft(user_id=user_id))


async def erase(work: Work, user_id: str) -> None:
	"""Forgets the person everywhere: the id stays, and nothing else. Cannot be undone.

	Raises NotAtHome where the account was made elsewhere, LastAdministrator.
	"""
	sessions.noticed(work)
	member = await membership_of(work, user_id, lock=True)
	user = await user_of(work, user_id)
	if user.home_tenant_id != work.principal.tenant_id:
		raise NotAtHome(_("Only the company that made this account can erase it."))
	if user_id == work.principal.user_id:
		raise NotYourself(_("You cannot erase yourself; ask somebody else."))
	if roles.ADMINISTRATOR in await roles.give(work, member.id, ()):
		await roles.keep_an_administrator(work)
	await work.flush()
	await work.execute(select(func.user_erase(literal(user_id, id_type))))
	work.session.expire_all()
	work.publish(UserLeft(user_id=user_id))


# -- the person himself -------------------------------------------------------------------------


async def set_password_hash(
	work: Work, user_id: str, password_hash: str, *, changed: bool = False
) -> None:
	"""Puts a hash in place; `changed` when the person chose another password."""
	user = await user_of(work, user_id, lock=True)
	user.password_hash = password_hash
	if changed:
		user.password_changed_at = utc_now()
		user.must_change_password = False
