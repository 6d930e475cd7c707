"""Answers of auth to other capabilities: the providers of the ports of `contracts.identity`."""

from collections.abc import Collection, Mapping

from apg.contracts.identity import Person
from apg.kernel.permissions import Permission
from apg.kernel.web.forms import checked
from apg.kernel.work import Work
from apg.platform.auth.confirmations import service as confirmations
from apg.platform.auth.confirmations.schemas import ConfirmIn
from apg.platform.auth.roles import service as roles
from apg.platform.auth.users import people, standing


class IdentityPort:
	"""Questions about members of the bound tenant."""

	async def check_permission(self, work: Work, user_id: str, resource: str, action: str) -> bool:
		return await standing.is_authorised(work, user_id, action, resource)

	async def get_user_roles(self, work: Work, user_id: str) -> list[str]:
		return await standing.roles_of(work, user_id)

	async def people(self, work: Work, user_ids: Collection[str]) -> Mapping[str, Person]:
		default = await people.locale_of_tenant(work)
		return {
			row.id: Person(
				row.id,
				row.username,
				row.display_name or row.username,
				row.email,
				row.locale or default,
				row.is_active,
			)
			for row in await people.people(work, user_ids)
		}

	async def members_with(self, work: Work, permission: Permission) -> list[str]:
		return await people.members_with(work, permission)

	async def members_in_role(self, work: Work, role: str) -> list[str]:
		return await people.members_in_role(work, role)

	async def seed_roles(self, work: Work) -> None:
		await roles.seed_roles(work)


class ConfirmationsPort:
	"""Proofs of presence, for whatever a person signs."""

	async def give(
		self, work: Work, subject: str, *, password: str | None = None, code: str | None = None
	) -> str:
		given = checked(ConfirmIn, {"subject": subject, "password": password, "code": code})
		return (await confirmations.confirm(work, given)).text

	async def take(self, work: Work, proof: str, subject: str) -> str | None:
		return await confirmations.take(work, proof, subject)
