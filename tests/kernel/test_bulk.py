"""What must hold of every table that takes bulk. How an import goes: capabilities/esg/*/test_ingest."""

import pytest
from sqlalchemy import text

from apg.capabilities.esg.activities.ingest import TARGET as RECORDS
from apg.capabilities.esg.measurements.ingest import TARGET as READINGS
from apg.kernel.bulk import Target
from apg.kernel.work import Work

COLUMNS = text("""
	select column_name, data_type, is_nullable = 'NO' and column_default is null as needed,
		is_generated = 'ALWAYS' as computed
	from information_schema.columns where table_name = :table
""")


@pytest.mark.parametrize("target", [READINGS, RECORDS], ids=lambda target: target.table)
async def test_staging_holds_all_that_the_table_needs(work: Work, target: Target) -> None:
	table = (await work.execute(COLUMNS, {"table": target.table})).all()
	staged = (await work.execute(COLUMNS, {"table": f"{target.table}_staged"})).all()
	kinds = {row.column_name: row.data_type for row in table if not row.computed}
	assert {row.column_name: row.data_type for row in staged} == kinds | {"place": "bigint"}
	sent = {*target.arrays, *target.fixed}
	assert {row.column_name for row in table if row.needed and not row.computed} <= sent
	assert target.mark in target.fixed
	unlogged = text("select relpersistence from pg_class where relname = :name")
	assert await work.scalar(unlogged, {"name": f"{target.table}_staged"}) == b"u"
