"""Policies of a company: an expression over the impact of a change, and what follows."""

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

EFFECTS = ("warn", "stage", "block")


class Policy(TenantOwned, Base):
	"""`tree` is what was parsed from the expression and prints back to it.

	effect: warn shows it; stage asks `role` in `step` as well; block lets nobody submit or approve.
	"""

	__tablename__ = "plm_policies"
	__human__ = "policy"
	__protect__ = Protect()

	name: Mapped[str] = mapped_column()
	explanation: Mapped[str | None] = mapped_column()
	tree: Mapped[dict[str, Any]] = mapped_column(JSONB)
	effect: Mapped[str] = mapped_column(default="warn")
	role: Mapped[str | None] = mapped_column()
	step: Mapped[int] = mapped_column(Integer, default=2, server_default="2")
	due_days: Mapped[int] = mapped_column(Integer, default=5, server_default="5")
	is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"name",
			name="uq_plm_policies_name",
			info=human("POLICY_EXISTS", "There is a policy of this name.", "name"),
		),
		CheckConstraint(f"effect in {EFFECTS}", name="effect"),
		CheckConstraint("(effect = 'stage') = (role is not null)", name="role"),
		CheckConstraint("step between 1 and 20", name="step"),
		CheckConstraint("due_days between 1 and 365", name="due_days"),
	)
