"""Questions to the security events; the kernel writes them, one row per caller, route and minute."""

from typing import Any

from sqlalchemy import DateTime, Integer, Text, column, select, table

from apg.kernel.database import id_type

EVENTS = table(
	"security_events",
	column("id", id_type),
	column("kind", Text()),
	column("risk", Text()),
	column("subject", Text()),
	column("route", Text()),
	column("times", Integer()),
	column("user_id", id_type),
	column("address", Text()),
	column("agent", Text()),
	column("first_at", DateTime(timezone=True)),
	column("last_at", DateTime(timezone=True)),
)


def select_events() -> Any:
	"""Security events in their wire form, without the name of the person."""
	c = EVENTS.c
	return select(
		c.id, c.kind, c.risk, c.subject, c.route, c.times, c.user_id, c.address, c.agent,
		c.first_at, c.last_at,
	)  # fmt: skip
