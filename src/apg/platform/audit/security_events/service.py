"""Search in the security events."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.audit.security_events.models import EVENTS, select_events
from apg.platform.audit.trail.service import day_start, named


@dataclass(frozen=True, slots=True)
class Found:
	"""One page of events as plain values, and how many there are."""

	rows: list[dict[str, Any]]
	total: int
	estimated: bool


async def listed(work: Work, state: ListState) -> Found:
	"""One page of the tenant's security events, newest first unless asked otherwise."""
	c = EVENTS.c
	query = select_events()
	for name, column in (("kind", c.kind), ("risk", c.risk)):
		if values := state.values(name):
			query = query.where(column == any_(bindparam(None, list(values), ARRAY(Text()))))
	if (user := state["user"]) is not None:
		if not is_id(str(user)):
			raise Invalid.one("user", _("must be the id of a person"))
		query = query.where(c.user_id == str(user))
	for name, days in (("from", 0), ("to", 1)):
		if isinstance(day := state[name], date):
			moment = day_start(day, after=days)
			query = query.where(c.last_at >= moment if days == 0 else c.last_at < moment)
	columns: dict[str, Any] = {"last_at": c.last_at, "times": c.times}
	query = state.window(query, columns, c.id).limit(None).offset(None)
	page = await work.read_list(query, limit=state.page_size, offset=state.offset)
	rows: list[dict[str, Any]] = load_json(page.body)
	return Found(await named(work, rows), page.total, page.estimated)
