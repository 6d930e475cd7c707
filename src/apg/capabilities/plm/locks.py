"""Locks that several features take, in one order: the structures of a tenant before any row."""

from sqlalchemy import text

from apg.kernel.work import Work

_LOCK = text("select pg_advisory_xact_lock(hashtextextended('plm_structure ' || :tenant, 0))")


async def lock_structures(work: Work) -> None:
	"""Takes the tenant's structure lock for this transaction; before any row is locked."""
	await work.execute(_LOCK, {"tenant": work.principal.tenant_id})
