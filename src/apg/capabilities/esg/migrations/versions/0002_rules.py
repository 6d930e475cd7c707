"""Partitions by year, the trail of readings, and the search of metrics."""

from alembic import op

from apg.kernel.log import definer
from apg.kernel.search import searchable

revision = "0002"
down_revision = "0001"

FIRST_YEAR = 1990
LAST_YEAR = 2028  # two years after the year of this step; a schedule makes the later ones
TEXT = "(code || ' ' || name || ' ' || category || ' ' || coalesce(description, ''))"


def upgrade() -> None:
	op.execute(
		f"select make_partition('esg_measurements', make_date(y, 1, 1), 'year') "
		f"from generate_series({FIRST_YEAR}, {LAST_YEAR}) y"
	)
	# One entry for each statement: count, first and last date, and a hash over the sorted rows.
	for verb, table in (("insert", "new table"), ("update", "new table"), ("delete", "old table")):
		op.execute(
			f"create trigger audit_{verb} after {verb} on esg_measurements "
			f"referencing {table} as changed for each statement "
			"execute function audit_statement('measurement_date')"
		)
	op.execute(
		"create index ix_esg_metrics_search on esg_metrics using gin "
		f"(tenant_id, {TEXT} gin_trgm_ops)"
	)
	searchable(
		op,
		"esg_metrics",
		{"q": f"select id from esg_metrics where tenant_id = {{tenant}} and {TEXT} ilike {{like}}"},
	)
	for statement in definer(
		"esg_active_metrics()",
		"table (tenant_id uuid, metric_type text, number bigint)",
		"begin return query select m.tenant_id, m.metric_type, count(*) from esg_metrics m "
		"where m.is_active and not m.is_deleted group by 1, 2; end",
		to="apg_app, apg_worker",
	):
		op.execute(statement)
