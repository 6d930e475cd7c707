"""Impact is calculated by itself: after each edit of a package, and when what it rests on moves."""

from typing import TYPE_CHECKING

from sqlalchemy import select

from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import service
from apg.capabilities.plm.rows import texts
from apg.capabilities.plm.shared.change_states import ChangeKind, ChangeStatus
from apg.contracts.changes import ChangeImplemented, ChangePackageEdited
from apg.contracts.esg import FactorsApproved, FactorsWithdrawn
from apg.contracts.plm import ProductUpdated
from apg.kernel.stamps import is_id
from apg.kernel.tasks import task
from apg.kernel.work import Work

if TYPE_CHECKING:
	from apg.kernel.worker import Run

FINISHED = (ChangeStatus.IMPLEMENTED, ChangeStatus.CLOSED)


@task(key="{change_id}/impact", name="plm.impact.calculate", steps=True)
async def calculate(run: "Run", change_id: str, cause: str) -> None:
	"""The impact of the package as it stands when the task begins; progress in two steps."""
	async with run.open() as work:
		change = await work.find(Change, change_id) if is_id(change_id) else None
		if change is None or change.status not in service.OPEN or change.package_hash is None:
			return
		known = await service.latest(work, change_id, change.package_hash)
		if known is not None and cause == "edited":
			return
		await run.report(work, 0, 1)
		await service.record(work, change, cause)
		await run.report(work, 1, 1)


@task(key="{change_id}/actual", name="plm.impact.compare")
async def compare(work: Work, change_id: str) -> None:
	"""What came of a released change, beside what was predicted; once."""
	change = await work.find(Change, change_id) if is_id(change_id) else None
	if change is None or change.status not in FINISHED:
		return
	if await service.latest(work, change_id, change.package_hash, released=True) is None:
		await service.record_released(work, change)


@task(key="{cause}", name="plm.impact.renew")
async def renew(work: Work, cause: str) -> None:
	"""Asks for the impact of every open order again, because prices or factors are others now."""
	for change_id in await work.scalars(
		select(Change.id)
		.where(
			Change.kind == ChangeKind.CHANGE_ORDER,
			Change.status == texts(str(one) for one in service.OPEN),
			Change.package_hash.is_not(None),
		)
		.order_by(Change.id)
	):
		work.enqueue(calculate, change_id=change_id, cause=cause)


async def after_edit(work: Work, event: ChangePackageEdited) -> None:
	"""Another package: its impact."""
	work.enqueue(calculate, change_id=event.change_id, cause="edited")


async def after_release(work: Work, event: ChangeImplemented) -> None:
	"""The prediction becomes a record beside what is so now."""
	work.enqueue(compare, change_id=event.change_id)


async def after_factors(work: Work, event: FactorsApproved | FactorsWithdrawn) -> None:
	"""Other factors hold."""
	work.enqueue(renew, cause="factors")


async def after_price(work: Work, event: ProductUpdated) -> None:
	"""A price was recorded."""
	if "current_cost" in event.fields:
		work.enqueue(renew, cause="prices")


TASKS = (calculate, compare, renew)
