"""How far the trail is sealed, and verification on demand."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import text

from apg.kernel import tasks
from apg.kernel.merkle import Head
from apg.kernel.sealing import AFTER_HEAD, HEAD
from apg.kernel.work import Work
from apg.platform.audit.sealing.proofs import head_row

KEY, TASK = "audit-seal", "audit.seal.verify"
COUNTED = 10_000  # unsealed entries that are counted; a worker takes 5,000 at a time
_LAST = f"select {HEAD} from audit_heads h order by h.number desc limit 1"
_SINCE = f"""select count(*) as entries, min(w.occurred_at) as first_at, max(w.occurred_at) as last_at
	from (select a.occurred_at from audit_entries a left join (
		select * from audit_heads order by number desc limit 1) h on true
	where h.last is null or {AFTER_HEAD} limit {COUNTED}) w"""


async def standing(work: Work) -> dict[str, Any]:
	"""The last head, what waits, and the last verification."""
	last = (await work.execute(text(_LAST))).mappings().first()
	head = Head.of_row(cast(Mapping[str, Any], last)) if last else None
	window = (await work.execute(text(_SINCE))).mappings().one()
	told = await tasks.progress(work, KEY)
	return {
		"sealed": head.size if head else 0,
		"head": head_row(head) if head else None,
		"unsealed": dict(window),
		"verification": None
		if told is None
		else {"state": told.state, "done": told.done, "total": told.total, "report": told.report},
	}


def verify_soon(work: Work) -> None:
	"""Has a worker verify the whole trail of the company; once, however often it is asked for."""
	tasks_of_all = (one for c in work.runtime.composition.capabilities for one in c.tasks)
	work.enqueue(next(one for one in tasks_of_all if one.name == TASK))


async def heads(work: Work, *, after: int, limit: int) -> list[dict[str, str]]:
	"""Heads with a number above `after`, in order: for a witness of one's own."""
	rows = await work.execute(
		text(
			f"select {HEAD} from audit_heads h where h.number > :after order by h.number limit :n"
		),
		{"after": after, "n": limit},
	)
	return [head_row(Head.of_row(row)) for row in rows.mappings()]


async def latest(work: Work, limit: int = 20) -> list[Mapping[str, Any]]:
	"""The latest heads as rows, for the page."""
	rows = await work.execute(
		text(
			"select h.number, h.size, h.size - coalesce(lag(h.size) over (order by h.number), 0) as added, "
			"encode(h.root, 'hex') as root, h.kid, h.sealed_at from (select * from audit_heads "
			"order by number desc limit :n) h order by h.number desc"
		),
		{"n": limit + 1},
	)
	return [cast(Mapping[str, Any], row) for row in rows.mappings()][:limit]
