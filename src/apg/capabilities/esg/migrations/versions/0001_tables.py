"""Tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0001"
down_revision = None


def upgrade() -> None:
	op.create_table(
		"esg_metrics",
		sa.Column("framework_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("code", sa.Text(), nullable=False),
		sa.Column("metric_type", sa.Text(), nullable=False),
		sa.Column("category", sa.Text(), nullable=False),
		sa.Column("subcategory", sa.Text(), nullable=True),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column("calculation_method", sa.Text(), nullable=True),
		sa.Column(
			"data_sources",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("target_value", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("baseline_value", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("measurement_period", sa.Text(), nullable=False),
		sa.Column("aggregation", sa.Text(), nullable=False),
		sa.Column("polarity", sa.Text(), nullable=False),
		sa.Column("source", sa.Text(), nullable=False),
		sa.Column("is_kpi", sa.Boolean(), nullable=False),
		sa.Column("is_public", sa.Boolean(), nullable=False),
		sa.Column("is_automated", sa.Boolean(), nullable=False),
		sa.Column("is_active", sa.Boolean(), nullable=False),
		sa.Column("enable_ai_predictions", sa.Boolean(), nullable=False),
		sa.Column(
			"automation_config",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"validation_rules",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("scope_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("deleted_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"aggregation in ('sum', 'mean', 'last')", name=op.f("ck_esg_metrics_aggregation")
		),
		sa.CheckConstraint(
			"metric_type in ('environmental', 'social', 'governance')",
			name=op.f("ck_esg_metrics_metric_type"),
		),
		sa.CheckConstraint(
			"polarity in ('higher_is_better', 'lower_is_better', 'neutral')",
			name=op.f("ck_esg_metrics_polarity"),
		),
		sa.CheckConstraint(
			"source in ('manual', 'import', 'activity', 'inventory')",
			name=op.f("ck_esg_metrics_source"),
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_metrics")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_metrics_tenant_id_id")),
	)
	op.create_index(
		"ix_esg_metrics_kpi",
		"esg_metrics",
		["tenant_id", "updated_at"],
		unique=False,
		postgresql_where=sa.text("is_kpi and is_active"),
	)
	op.create_index(
		"ix_esg_metrics_type", "esg_metrics", ["tenant_id", "metric_type", "category"], unique=False
	)
	op.create_index(
		"ix_esg_metrics_updated", "esg_metrics", ["tenant_id", "updated_at", "id"], unique=False
	)
	op.create_index(
		"uq_esg_metrics_code",
		"esg_metrics",
		["tenant_id", "code"],
		unique=True,
		postgresql_where=sa.text("not is_deleted"),
	)
	op.create_table(
		"esg_measurements",
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("measurement_date", sa.DateTime(timezone=True), nullable=False),
		sa.Column("metric_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("value", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("period_start", sa.DateTime(timezone=True), nullable=True),
		sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
		sa.Column("data_source", sa.Text(), nullable=True),
		sa.Column("collection_method", sa.Text(), nullable=True),
		sa.Column("evidence", sa.Text(), nullable=True),
		sa.Column(
			"metadata",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("validation_score", sa.Numeric(precision=5, scale=2), nullable=True),
		sa.Column("anomaly_score", sa.Numeric(precision=5, scale=2), nullable=True),
		sa.Column("quality_score", sa.Numeric(precision=5, scale=2), nullable=True),
		sa.Column(
			"quality_flags",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("notes", sa.Text(), nullable=True),
		sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
		sa.Column("supersedes_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("superseded_by_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("correction_reason", sa.Text(), nullable=True),
		sa.Column("withdrawal_reason", sa.Text(), nullable=True),
		sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("period_end > period_start", name=op.f("ck_esg_measurements_period")),
		sa.ForeignKeyConstraint(
			["tenant_id", "metric_id"],
			["esg_metrics.tenant_id", "esg_metrics.id"],
			name=op.f("fk_esg_measurements_tenant_id_metric_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint(
			"tenant_id", "id", "measurement_date", name=op.f("pk_esg_measurements")
		),
		sa.UniqueConstraint(
			"tenant_id",
			"metric_id",
			"measurement_date",
			"data_source",
			"period_start",
			"period_end",
			"revision",
			name="uq_esg_measurements_reading",
			postgresql_nulls_not_distinct=True,
		),
		postgresql_partition_by="RANGE (measurement_date)",
	)
	op.create_index(
		"ix_esg_measurements_metric_date",
		"esg_measurements",
		["tenant_id", "metric_id", "measurement_date"],
		unique=False,
	)
	op.create_table(
		"esg_metric_states",
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("metric_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("measurement_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("current_value", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("current_date", sa.DateTime(timezone=True), nullable=True),
		sa.Column("data_quality_score", sa.Numeric(precision=5, scale=2), nullable=True),
		sa.Column(
			"trend_analysis",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"ai_predictions",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
		sa.ForeignKeyConstraint(
			["tenant_id", "metric_id"],
			["esg_metrics.tenant_id", "esg_metrics.id"],
			name=op.f("fk_esg_metric_states_tenant_id_metric_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("tenant_id", "metric_id", name=op.f("pk_esg_metric_states")),
	)
	op.create_index(
		"ix_esg_metric_states_ai_predictions",
		"esg_metric_states",
		["ai_predictions"],
		unique=False,
		postgresql_using="gin",
	)
	protect(op, "esg_metrics")
	protect(op, "esg_measurements", audited=False)
	protect(op, "esg_metric_states", audited=False)
