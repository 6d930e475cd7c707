"""How columns were read is remembered for the next file with the same headings."""

from sqlalchemy import select

from apg.capabilities.plm.imports.columns import Column, ColumnMapping, Field
from apg.capabilities.plm.imports.models import ColumnMemory, Import
from apg.kernel.work import Work

MOST = 200  # the ones used last are offered to the reader


async def remembered(work: Work) -> dict[str, dict[str, str | None]]:
	"""Signature of headings → heading → field, of the tenant."""
	rows = await work.execute(
		select(ColumnMemory.signature, ColumnMemory.mapping)
		.order_by(ColumnMemory.updated_at.desc())
		.limit(MOST)
	)
	return {signature: dict(mapping) for signature, mapping in rows}


async def remember(work: Work, held: Import) -> None:
	"""Keeps the meaning of the columns of a file that is taken over, where a person gave one."""
	shown = held.preview.get("columns", [])
	if not held.signature or not held.mapping or not shown:
		return
	mapping = ColumnMapping(
		tuple(
			Column(n, each["heading"], Field(each["field"]) if each["field"] else None, 0)
			for n, each in enumerate(shown)
		)
	).choices
	known = await work.session.scalar(
		select(ColumnMemory).where(ColumnMemory.signature == held.signature)
	)
	if known is None:
		work.add(ColumnMemory(signature=held.signature, mapping=mapping))
	elif known.mapping != mapping:
		known.mapping = mapping
	await work.flush()
