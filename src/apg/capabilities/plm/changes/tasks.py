"""What changes do by themselves: releases at their time, reminders, substitutes, expiry."""

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from apg.capabilities.plm.changes import implementing, package, service, telling
from apg.capabilities.plm.changes.models import Approval, ApprovalStage, Change
from apg.capabilities.plm.changes.schemas import ImplementIn, NoteIn
from apg.capabilities.plm.permissions import CHANGES_IMPLEMENT
from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.change_states import (
	IN_REVIEW,
	ChangeKind,
	ChangeStatus,
)
from apg.contracts.identity import Identity, RolesChanged, UserLeft
from apg.contracts.plm import ProductUpdated, StructureChanged
from apg.kernel.errors import AppError, NotFound
from apg.kernel.stamps import utc_now
from apg.kernel.tasks import task
from apg.kernel.work import Work

if TYPE_CHECKING:
	from apg.kernel.worker import Run

REMIND_BEFORE = timedelta(days=1)


@task(key="{change_id}", name=package.REFRESH_TASK)
async def refresh_package(work: Work, change_id: str) -> None:
	"""The hash of what a draft would do now; whoever calculates with it is told."""
	try:
		change = await service.held(work, change_id)
	except NotFound:
		return
	if change.status == ChangeStatus.DRAFT:
		await package.refresh(work, change)


@task(name="plm.changes.release_due")
async def release_due(work: Work) -> None:
	"""Asks for the release of every approved change whose time has come."""
	due = await work.scalars(
		select(Change.id)
		.where(
			Change.status == ChangeStatus.APPROVED,
			Change.scheduled_at <= utc_now(),
			Change.refused.is_(None),
		)
		.order_by(Change.scheduled_at)
	)
	for change_id in due:
		work.enqueue(release_scheduled, change_id=change_id)


@task(key="{change_id}", name=package.RELEASE_TASK, steps=True)
async def release_scheduled(run: "Run", change_id: str) -> None:
	"""One release in one transaction; refused, the change says why and people are told."""
	try:
		async with run.open() as work:
			change = await service.held(work, change_id, structures=True)
			if change.status != ChangeStatus.APPROVED or change.scheduled_at is None:
				return
			await implementing.implement(work, change_id, ImplementIn())
	except AppError as refused:
		reason = "; ".join(one.message for one in refused.problems) or refused.message
		async with run.open() as work:
			change = await service.held(work, change_id)
			change.refused = reason[:2_000]
			await work.flush()
			await telling.release_refused(work, change, reason)


@task(name="plm.changes.remind_approvers")
async def remind_approvers(work: Work) -> None:
	"""Whoever is asked hears of it a day before and every day after; past the day those who run
	changes do. Who is away is replaced."""
	now = utc_now()
	for change_id in await work.scalars(
		select(Change.id).where(Change.status.in_(IN_REVIEW)).order_by(Change.id)
	):
		await service.refill(work, change_id)
	rows = await work.execute(
		select(ApprovalStage, Change)
		.join(Change, Change.id == ApprovalStage.change_id)
		.where(
			ApprovalStage.state == "open",
			ApprovalStage.due_at <= now + REMIND_BEFORE,
			Change.status.in_(IN_REVIEW),
		)
		.order_by(ApprovalStage.due_at)
	)
	managers: list[str] | None = None
	for stage, change in rows.all():
		people = await work.scalars(
			select(Approval.user_id).where(
				Approval.stage_id == stage.id, Approval.decision == "pending"
			)
		)
		await telling.reminded(work, change, people, now.date().isoformat())
		if stage.due_at <= now and stage.escalated_at is None:
			if managers is None:
				managers = await work.port(Identity).members_with(work, CHANGES_IMPLEMENT)
			await telling.escalated(work, change, managers, stage.name)
			stage.escalated_at = now


@task(name="plm.changes.end_deviations")
async def end_deviations(work: Work) -> None:
	"""Closes deviations whose day has passed."""
	over = await work.scalars(
		select(Change.id).where(
			Change.kind == ChangeKind.DEVIATION,
			Change.status == ChangeStatus.IMPLEMENTED,
			Change.valid_until <= utc_now(),
		)
	)
	for change_id in over:
		await implementing.close(work, change_id, NoteIn())


async def refresh_after(work: Work, event: StructureChanged | ProductUpdated) -> None:
	"""The content of an order's working revision changed: what the order would do is another thing."""
	if event.revision_id is None:
		return
	change_id = await work.scalar(
		select(Change.id)
		.join(Revision, Revision.change_id == Change.id)
		.where(Revision.id == event.revision_id, Change.status == ChangeStatus.DRAFT)
	)
	if change_id is not None:
		work.enqueue(refresh_package, change_id=change_id)


async def refill_after(work: Work, event: UserLeft | RolesChanged) -> None:
	"""Somebody left or has other roles: open approvals go to who has the role now."""
	for change_id in await work.scalars(
		select(Change.id).where(Change.status.in_(IN_REVIEW)).order_by(Change.id)
	):
		work.enqueue(refill_change, change_id=change_id)


@task(key="{change_id}", name="plm.changes.refill")
async def refill_change(work: Work, change_id: str) -> None:
	await service.refill(work, change_id)


TASKS = (
	*(refresh_package, release_due, release_scheduled),
	*(remind_approvers, end_deviations, refill_change),
)
