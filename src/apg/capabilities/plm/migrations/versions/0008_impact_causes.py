"""Impact is calculated again for more reasons."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
	op.drop_constraint("ck_plm_impacts_cause", "plm_impacts", type_="check")
	op.create_check_constraint(
		op.f("ck_plm_impacts_cause"),
		"plm_impacts",
		"cause in ('edited', 'prices', 'rates', 'factors', 'materials', 'footprints', "
		"'compliance', 'structure', 'day', 'asked', 'released')",
	)
