"""Currencies, published rates with their first content, and the rates of a tenant."""

import sqlalchemy as sa
from alembic import op

from apg.kernel.tenancy import grant_platform, protect
from apg.platform.reference.rates.loading import load_ecb_rates

revision = "0001"
down_revision = None


def upgrade() -> None:
	op.create_table(
		"currencies",
		sa.Column("code", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("digits", sa.SmallInteger(), nullable=False),
		sa.Column("is_active", sa.Boolean(), nullable=False),
		sa.CheckConstraint("code ~ '^[A-Z]{3}$'", name=op.f("ck_currencies_code")),
		sa.PrimaryKeyConstraint("code", name=op.f("pk_currencies")),
	)
	op.create_table(
		"exchange_rate_files",
		sa.Column("id", sa.SmallInteger(), autoincrement=True, nullable=False),
		sa.Column("sha256", sa.Text(), nullable=False),
		sa.Column("source", sa.Text(), nullable=False),
		sa.Column("publisher", sa.Text(), nullable=False),
		sa.Column("licence", sa.Text(), nullable=False),
		sa.Column("edition", sa.Text(), nullable=False),
		sa.Column("rows", sa.Integer(), nullable=False),
		sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_rate_files")),
		sa.UniqueConstraint("sha256", name=op.f("uq_exchange_rate_files_sha256")),
	)
	op.create_table(
		"exchange_rates",
		sa.Column("currency", sa.Text(), nullable=False),
		sa.Column("date", sa.Date(), nullable=False),
		sa.Column("units_per_eur", sa.Numeric(precision=20, scale=10), nullable=False),
		sa.Column("file_id", sa.SmallInteger(), nullable=False),
		sa.CheckConstraint("units_per_eur > 0", name=op.f("ck_exchange_rates_positive")),
		sa.PrimaryKeyConstraint("currency", "date", name=op.f("pk_exchange_rates")),
	)
	op.create_index(
		"ix_exchange_rates_newest",
		"exchange_rates",
		[sa.literal_column("date desc"), "currency"],
		unique=False,
	)
	op.create_table(
		"tenant_exchange_rates",
		sa.Column("currency", sa.Text(), nullable=False),
		sa.Column("date", sa.Date(), nullable=False),
		sa.Column("valid_until", sa.Date(), nullable=True),
		sa.Column("units_per_eur", sa.Numeric(precision=20, scale=10), nullable=False),
		sa.Column("source", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("currency <> 'EUR'", name=op.f("ck_tenant_exchange_rates_not_the_euro")),
		sa.CheckConstraint(
			"length(source) between 1 and 200", name=op.f("ck_tenant_exchange_rates_source")
		),
		sa.CheckConstraint("units_per_eur > 0", name=op.f("ck_tenant_exchange_rates_positive")),
		sa.CheckConstraint("valid_until >= date", name=op.f("ck_tenant_exchange_rates_period")),
		sa.ForeignKeyConstraint(
			["currency"], ["currencies.code"], name=op.f("fk_tenant_exchange_rates_currency")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_exchange_rates")),
		sa.UniqueConstraint(
			"tenant_id",
			"currency",
			"date",
			name=op.f("uq_tenant_exchange_rates_tenant_id_currency_date"),
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_tenant_exchange_rates_tenant_id_id")),
	)
	protect(op, "tenant_exchange_rates")
	for table in ("currencies", "exchange_rate_files", "exchange_rates"):
		grant_platform(op, table)
	load_ecb_rates(op.get_bind())
