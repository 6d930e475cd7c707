"""What auth finds in the search over everything."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select

from apg.kernel.capability import Hit, SearchProvider
from apg.kernel.work import Work
from apg.platform.auth.permissions import USERS_READ
from apg.platform.auth.users.models import Membership, User


async def members(work: Work, text: str, limit: int) -> Sequence[Hit]:
	"""Members of the tenant by their name or user name."""
	wanted = text.lower()
	rows = await work.execute(
		select(User.id, User.username, User.display_name)
		.join(Membership, Membership.user_id == User.id)
		.where(
			Membership.tenant_id == work.principal.tenant_id,
			or_(
				func.lower(User.display_name).contains(wanted, autoescape=True),
				func.lower(User.username).contains(wanted, autoescape=True),
			),
		)
		.order_by(User.display_name, User.id)
		.limit(limit)
	)
	return [Hit(row.display_name, f"/admin/users/{row.id}", row.username) for row in rows]


SEARCHES = (SearchProvider("People", members, USERS_READ, "/admin/users?q=", order=90),)
