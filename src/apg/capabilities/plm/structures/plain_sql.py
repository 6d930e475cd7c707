"""Queries that are written as SQL: recursive walks and set questions about structures."""

from typing import Any

from apg.kernel.work import Work


async def fetched(work: Work, query: str, *given: Any) -> list[Any]:
	"""The rows as the driver gives them; `given` are the values of $1 …"""
	await work.flush()
	return await (await work.driver()).fetch(query, *given)


async def mapped(work: Work, query: str, *given: Any) -> list[dict[str, Any]]:
	"""The rows by the names of their columns."""
	return [dict(row) for row in await fetched(work, query, *given)]


async def named(work: Work, query: str, *given: Any) -> list[Any]:
	"""The rows with their columns as attributes."""
	await work.flush()
	found = await (await work.connection()).exec_driver_sql(query, given or None)
	return list(found.all())
