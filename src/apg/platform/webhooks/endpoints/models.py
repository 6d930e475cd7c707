"""A webhook: an address that is told of events, for the person who owns it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint, case, func, select
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.tenancy import Protect, TenantOwned


class Endpoint(TenantOwned, Base):
	"""Secrets are encrypted under a key that never enters the database; the previous one signs
	beside the new one until `previous_until`. What is sent is what the owner may read."""

	__tablename__ = "webhook_endpoints"
	__human__ = "webhook"
	# An address may carry a password of the other side in its path.
	__protect__ = Protect(redact=("url", "secret", "previous_secret"))

	name: Mapped[str] = mapped_column()
	url: Mapped[str] = mapped_column()
	events: Mapped[list[str]] = mapped_column()
	owner_id: Mapped[Id] = mapped_column(id_type, index=True)
	is_active: Mapped[bool] = mapped_column(default=True, server_default="true")
	secret: Mapped[str] = mapped_column(deferred=True)
	previous_secret: Mapped[str | None] = mapped_column(deferred=True)
	previous_until: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		CheckConstraint("length(name) between 1 and 100", name="name"),
		CheckConstraint("length(url) between 1 and 2000", name="url"),
		CheckConstraint(
			"jsonb_typeof(events) = 'array' and jsonb_array_length(events) between 1 and 50",
			name="events",
		),
		CheckConstraint(
			"(previous_secret is null) = (previous_until is null)", name="previous_secret"
		),
	)


class Standing(TenantOwned, Base):
	"""How an endpoint is doing: written by the sender at every delivery, so it stands apart from
	what people change. `open_until` is set while the circuit is open."""

	__tablename__ = "webhook_standings"
	__human__ = "standing of a webhook"
	__protect__ = Protect(audited=False)

	endpoint_id: Mapped[Id] = reference("webhook_endpoints", ondelete="CASCADE", index=False)
	failures: Mapped[int] = mapped_column(default=0, server_default="0")
	openings: Mapped[int] = mapped_column(default=0, server_default="0")
	open_until: Mapped[datetime | None] = mapped_column()
	retry_credit: Mapped[float] = mapped_column(default=100.0, server_default="100")
	credited_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
	claimed_at: Mapped[datetime | None] = mapped_column()
	succeeded_at: Mapped[datetime | None] = mapped_column()
	last_failure: Mapped[str | None] = mapped_column()

	__table_args__ = (UniqueConstraint("tenant_id", "endpoint_id"),)


def select_endpoints() -> Any:
	"""Webhooks in their wire form, without secrets; `standing` is ok, failing, paused or off."""
	e, s = Endpoint, Standing
	standing = case(
		(e.is_active.is_(False), "off"),
		(s.open_until.is_not(None), "paused"),
		(s.failures > 0, "failing"),
		else_="ok",
	)
	return (
		select(
			e.id,
			e.name,
			e.url,
			e.events,
			e.owner_id,
			e.is_active,
			standing.label("standing"),
			s.last_failure,
			s.succeeded_at.label("last_success_at"),
			e.previous_until.label("previous_secret_until"),
			e.created_at,
			e.updated_at,
			e.version,
			e.version.label("etag"),
		)
		.join(s, s.endpoint_id == e.id)
		.where(e.tenant_id == s.tenant_id)
	)
