"""One thing that is sent to one endpoint."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.tenancy import Protect, TenantOwned
from apg.platform.webhooks.endpoints.models import Endpoint

ANSWER_LIMIT = 200


class State(StrEnum):
	"""Where a delivery is. `withheld`: the owner may not read this any more, so nothing was sent;
	`replayed`: it was given up and then sent again as another one."""

	WAITING = "waiting"
	SENDING = "sending"
	DELIVERED = "delivered"
	DEAD = "dead"
	WITHHELD = "withheld"
	REPLAYED = "replayed"


class Delivery(TenantOwned, Base):
	"""`key` is the event's place in the log, so an event makes one delivery per endpoint however
	often a reader starts over; a replay or test has a key of its own. While a worker sends,
	`next_at` is the end of its lease: a worker that dies leaves the row due again."""

	__tablename__ = "webhook_deliveries"
	__human__ = "delivery"
	__protect__ = Protect(audited=False, keep="30 days")

	endpoint_id: Mapped[Id] = reference("webhook_endpoints", ondelete="CASCADE", index=False)
	key: Mapped[str] = mapped_column()
	event: Mapped[str] = mapped_column()
	position: Mapped[str | None] = mapped_column()
	body: Mapped[dict[str, Any]] = mapped_column()
	occurred_at: Mapped[datetime] = mapped_column()
	actor_id: Mapped[Id | None] = mapped_column(id_type)
	replay_of: Mapped[Id | None] = mapped_column(id_type)
	state: Mapped[str] = mapped_column(default=State.WAITING, server_default=State.WAITING)
	attempts: Mapped[int] = mapped_column(default=0, server_default="0")
	next_at: Mapped[datetime] = mapped_column()
	tried_at: Mapped[datetime | None] = mapped_column()
	delivered_at: Mapped[datetime | None] = mapped_column()
	status_code: Mapped[int | None] = mapped_column()
	answer: Mapped[str | None] = mapped_column()
	failure: Mapped[str | None] = mapped_column()
	duration_ms: Mapped[int | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "endpoint_id", "key"),
		CheckConstraint(
			"state in ('waiting', 'sending', 'delivered', 'dead', 'withheld', 'replayed')",
			name="state",
		),
		CheckConstraint(f"length(answer) <= {ANSWER_LIMIT}", name="answer"),
		Index(
			"ix_webhook_deliveries_due",
			"tenant_id",
			"endpoint_id",
			"next_at",
			postgresql_where=text("state in ('waiting', 'sending')"),
		),
		Index("ix_webhook_deliveries_latest", "tenant_id", "created_at", "id"),
	)


def select_deliveries() -> Any:
	"""Deliveries in their wire form; never what was in them."""
	d = Delivery
	return (
		select(
			d.id,
			d.endpoint_id.label("webhook_id"),
			Endpoint.name.label("webhook"),
			d.event,
			d.position,
			d.state,
			d.attempts,
			d.status_code,
			d.answer,
			d.failure,
			d.duration_ms,
			d.replay_of,
			d.occurred_at,
			d.created_at,
			d.tried_at,
			d.delivered_at,
			d.next_at,
		)
		.join(Endpoint, Endpoint.id == d.endpoint_id)
		.where(Endpoint.tenant_id == d.tenant_id)
	)
