"""Which changes of a tenant's structures and prices somebody has seen, and what is new since then.

Each transaction that changes lines, revisions, items or prices leaves a row in `plm_structure_changes`
and names what it touched in `plm_structure_touched`; triggers see to it. Rows are only ever added (and
removed after two days). A mark is the moment of a look: everything below the oldest transaction then
running is settled, and of those above it the ones that were visible are named. So a transaction that
began earlier and committed later is not missed, no writer waits for another, and asking costs one
look into an index, however much was changed before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apg.capabilities.plm.structures.plain_sql import fetched
from apg.kernel.work import Work

MOST_TOUCHED = 2_000
"""More than this is not followed one by one: what is kept is read anew."""

KINDS = ("lines", "revision", "item", "cost")


@dataclass(frozen=True, slots=True)
class Mark:
	"""All changes below `horizon` and those in `seen` were visible. `own`: so were changes of this very
	transaction, so what it sees is nobody else's yet."""

	horizon: int
	seen: frozenset[int]
	own: bool = False


@dataclass(frozen=True, slots=True)
class News:
	"""`any`: something was changed since a mark. `touched`: the ids by kind; None: too much for that."""

	any: bool
	touched: Mapping[str, frozenset[str]] | None = field(default_factory=dict[str, frozenset[str]])

	def of(self, kind: str) -> frozenset[str]:
		return (self.touched or {}).get(kind, frozenset())


_NOW = """
	now as materialized (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon),
	new as (select xid from plm_structure_changes c where c.xid >= (select horizon from now))
	select (select horizon from now), array(select xid from new),
		coalesce(pg_current_xact_id_if_assigned()::text::bigint = any(array(select xid from new)), false)
"""
_MARK = f"with {_NOW}"
_SINCE = f"""
	with {_NOW}, exists (select from plm_structure_changes c
			where c.xid >= $1::bigint and c.xid <> all($2::bigint[])),
		array(select distinct t.kind || ' ' || t.id from plm_structure_touched t
			where t.xid >= $1::bigint and t.xid <> all($2::bigint[]) limit {MOST_TOUCHED + 1})
"""  # noqa: S608 - constants of ours


async def mark_of(work: Work) -> Mark:
	"""What this Work sees now."""
	return _mark((await fetched(work, _MARK))[0])


async def since(work: Work, mark: Mark) -> tuple[Mark, News]:
	"""What is new since a mark, and the mark of now."""
	row = (await fetched(work, _SINCE, mark.horizon, sorted(mark.seen)))[0]
	named: list[str] = row[4]
	found: dict[str, set[str]] = {}
	for each in named:
		kind, _blank, name = each.partition(" ")
		found.setdefault(kind, set()).add(name)
	lost = len(named) > MOST_TOUCHED or "all" in found
	touched = None if lost else {kind: frozenset(ids) for kind, ids in found.items()}
	return _mark(row), News(bool(row[3]), touched)


def _mark(row: Any) -> Mark:
	return Mark(int(row[0]), frozenset(row[1]), bool(row[2]))
