"""How long business data are kept: days for each class that a capability names; for good unless set.

A nightly task of each company removes what is older, in short transactions bound to the company, so
that policies hold and the trail records each removal. The trail itself is of no class.
"""

import re
from typing import TYPE_CHECKING

from sqlalchemy import text

from apg.kernel.tasks import Schedule, every, task

if TYPE_CHECKING:
	from apg.kernel.capability import Retained
	from apg.kernel.composition import Composition
	from apg.kernel.worker import Run

CHUNK = 5_000  # rows removed in one transaction
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def classes(composition: "Composition") -> dict[str, "Retained"]:
	"""Every class by its full name, such as `esg.measurements`."""
	return {
		f"{capability.short}.{one.name}": one
		for capability in composition.capabilities
		for one in capability.retained
	}


@task(name="kernel.retention.remove_expired", key="all", steps=True)
async def remove_expired(run: "Run") -> None:
	"""Removes of one company what outlived its class."""
	known = classes(run.runtime.composition)
	removed = 0
	for name, days in sorted(run.runtime.settings.retention_days.items()):
		if (one := known.get(name)) is None:
			continue  # `apg doctor` names it
		if not (_NAME.fullmatch(one.table) and _NAME.fullmatch(one.after)):
			raise ValueError(f"{one.table}.{one.after} names no column")
		# The tenant stands here although the policy says it: the index begins with it.
		statement = text(
			f"delete from {one.table} where tenant_id = :tenant and id in (select id from {one.table} "
			f"where tenant_id = :tenant and {one.after} < clock_timestamp() - make_interval(days => :days) "
			f"order by {one.after} limit {CHUNK}) "
			f"and {one.after} < clock_timestamp() - make_interval(days => :days)"
		)
		values = {"tenant": run.principal.tenant_id, "days": days}
		count = CHUNK
		while count == CHUNK:
			async with run.open() as work:
				result = await (await work.connection()).execute(statement, values)
				count = result.rowcount
				removed += count
				await run.report(work, removed)


TASKS = (remove_expired,)
SCHEDULES: tuple[Schedule, ...] = (every("41 3 * * *", remove_expired),)
