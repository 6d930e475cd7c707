"""Instruments."""

import sqlalchemy as sa
from alembic import op
from apg.kernel.tenancy import protect

revision = "0001"
down_revision = None


def upgrade() -> None:
	op.create_table(
		"calibration_instruments",
		sa.Column("number", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("keeper_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("interval_months", sa.Integer(), nullable=False),
		sa.Column("calibrated_on", sa.Date(), nullable=True),
		sa.Column("due_on", sa.Date(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"length(number) between 1 and 50", name=op.f("ck_calibration_instruments_number")
		),
		sa.CheckConstraint(
			"length(name) between 1 and 200", name=op.f("ck_calibration_instruments_name")
		),
		sa.CheckConstraint(
			"interval_months between 1 and 120",
			name=op.f("ck_calibration_instruments_interval_months"),
		),
		sa.CheckConstraint(
			"(calibrated_on is null) = (due_on is null)",
			name=op.f("ck_calibration_instruments_due_on"),
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration_instruments")),
		sa.UniqueConstraint(
			"tenant_id", "number", name=op.f("uq_calibration_instruments_tenant_id_number")
		),
		sa.UniqueConstraint(
			"tenant_id", "id", name=op.f("uq_calibration_instruments_tenant_id_id")
		),
	)
	op.create_index(
		op.f("ix_calibration_instruments_keeper_id"), "calibration_instruments", ["keeper_id"]
	)
	protect(op, "calibration_instruments")
