"""What the database refuses, whatever the code forgets."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.people import Person

from apg.capabilities.esg.activities import service
from apg.capabilities.esg.activities.models import ActivityRecord
from apg.capabilities.esg.activities.schemas import ActivityIn
from apg.capabilities.esg.shared.activity_words import Kind
from apg.kernel.work import Work


@pytest.fixture
async def total(work: Work) -> ActivityRecord:
	return await service.record(
		work,
		ActivityIn(
			kind=Kind.REPORTED_TOTAL,
			activity_code="reported.heat",
			quantity=Decimal("12.5"),
			unit="tCO2e",
			period_start=datetime(2024, 1, 1, tzinfo=UTC),
			period_end=datetime(2025, 1, 1, tzinfo=UTC),
		),
	)


@pytest.mark.parametrize(
	"statement",
	[
		"update esg_activity_records set quantity = 1 where id = :id",
		"update esg_activity_records set unit = 'kgCO2e' where id = :id",
		"update esg_activity_records set period_end = now() where id = :id",
		"update esg_activity_records set content_hash = 'x' where id = :id",
		"update esg_activity_records set reason = 'x' where id = :id",
		"update esg_activity_records set created_by = null, revision = 2 where id = :id",
	],
)
async def test_the_figures_of_a_version_never_change(
	work: Work, total: ActivityRecord, statement: str
) -> None:
	with pytest.raises(DBAPIError, match="does not change; correct it"):
		await work.execute(text(statement), {"id": total.id})


async def test_a_record_is_never_deleted(work: Work, total: ActivityRecord) -> None:
	with pytest.raises(DBAPIError, match="permission denied"):
		await work.execute(
			text("delete from esg_activity_records where id = :id"), {"id": total.id}
		)


async def test_what_no_longer_stands_does_not_come_back(
	work: Work, total: ActivityRecord, alice: Person
) -> None:
	await service.withdraw(work, total.record_id, "entered twice")
	with pytest.raises(DBAPIError, match="no longer stands"):
		await work.execute(
			text("update esg_activity_records set withdrawn_at = null where id = :id"),
			{"id": total.id},
		)


async def test_a_locked_record_cannot_be_closed_past_the_service(
	work: Work, total: ActivityRecord
) -> None:
	await work.execute(
		text("update esg_activity_records set state = 'locked' where id = :id"), {"id": total.id}
	)
	with pytest.raises(DBAPIError, match="is locked"):
		await work.execute(
			text("update esg_activity_records set superseded_at = now() where id = :id"),
			{"id": total.id},
		)


async def test_the_trail_tells_of_records_and_of_their_moves(
	work: Work, total: ActivityRecord
) -> None:
	await work.flush()
	rows = (
		await work.execute(
			text(
				"select operation, after ->> 'rows' from audit_entries "
				"where table_name = 'esg_activity_records' order by seq"
			)
		)
	).all()
	assert [tuple(row) for row in rows] == [("bulk", "1")]
