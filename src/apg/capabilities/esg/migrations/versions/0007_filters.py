"""Filters of lists that read a company's every row: by index; materials by a search function."""

from alembic import op

from apg.kernel.search import searchable

revision = "0007"
down_revision = "0006"

# What few rows are is worth a partial index, which costs the others nothing.
INDEXES = (
	"ix_esg_metrics_inactive on esg_metrics (tenant_id, updated_at, id) "
	"where not is_active and not is_deleted",
	"ix_esg_metrics_key on esg_metrics (tenant_id, updated_at, id) where is_kpi and not is_deleted",
	"ix_esg_metrics_name on esg_metrics (tenant_id, name, id) where not is_deleted",
	"ix_esg_metrics_category on esg_metrics (tenant_id, category) where not is_deleted",
	"ix_esg_sites_country on esg_sites (tenant_id, country)",
	"ix_esg_sites_inactive on esg_sites (tenant_id, name, id) where not is_active",
	"ix_esg_activity_records_of_product on esg_activity_records (tenant_id, product_id) "
	"where product_id is not null",
	"ix_esg_activity_records_kind on esg_activity_records (tenant_id, kind, period_start)",
	"ix_esg_activity_records_end on esg_activity_records (tenant_id, period_end)",
	"ix_esg_activity_records_quality on esg_activity_records (tenant_id, quality, period_start)",
	"ix_esg_material_names_search on esg_material_names using gin (tenant_id, key gin_trgm_ops)",
	"ix_esg_materials_search on esg_materials using gin "
	"(tenant_id, lower(activity_code) gin_trgm_ops)",
)


def upgrade() -> None:
	for index in INDEXES:
		op.execute(f"create index {index}")
	searchable(
		op,
		"esg_materials",
		{
			"q": (
				"select material_id from esg_material_names "
				"where tenant_id = {tenant} and key like {like} "
				"union select id from esg_materials "
				"where tenant_id = {tenant} and lower(activity_code) like {like}"
			)
		},
	)
