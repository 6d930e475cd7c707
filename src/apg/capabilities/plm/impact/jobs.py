"""Impact is calculated by itself: after each edit of a package, and when what it rests on moves."""

from typing import TYPE_CHECKING

from sqlalchemy import select

from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import service
from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.change_states import ChangeKind, ChangeStatus
from apg.contracts.changes import ChangeImplemented, ChangePackageEdited
from apg.contracts.esg import (
	ActivitiesMoved,
	ActivitiesRecorded,
	ActivityCorrected,
	ActivityRecorded,
	ActivityWithdrawn,
	FactorsApproved,
	FactorsWithdrawn,
	MaterialChanged,
	SupplierFootprintChanged,
)
from apg.contracts.plm import ProductReleased, ProductUpdated, StructureChanged
from apg.contracts.reference import ExchangeRateChanged
from apg.kernel.rows import texts
from apg.kernel.stamps import is_id
from apg.kernel.tasks import task
from apg.kernel.work import Work

if TYPE_CHECKING:
	from apg.kernel.worker import Run

# Fields of a product's event by what they mean for the figures of others.
PRICES = frozenset({"current_cost", "prices"})
CONTENT = {
	"materials": frozenset({"mass", "mass_unit", "material"}),
	"structure": frozenset({"product_type", "unit_of_measure", "is_deleted"}),
}
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
	"""Asks for the impact of every open order again, because something they rest on moved."""
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
	"""The prediction becomes a record beside what is so now; other orders stand on another base."""
	work.enqueue(compare, change_id=event.change_id)
	work.enqueue(renew, cause="structure")


async def after_factors(work: Work, event: FactorsApproved | FactorsWithdrawn) -> None:
	"""Other factors hold."""
	work.enqueue(renew, cause="factors")


async def after_material(work: Work, event: MaterialChanged) -> None:
	"""Another activity stands for a material."""
	work.enqueue(renew, cause="materials")


async def after_rate(work: Work, event: ExchangeRateChanged) -> None:
	"""The company changes money at another rate."""
	work.enqueue(renew, cause="rates")


async def after_statement(work: Work, event: SupplierFootprintChanged) -> None:
	"""A supplier says another figure, or none any more."""
	work.enqueue(renew, cause="footprints")


async def after_record(
	work: Work, event: ActivityRecorded | ActivityCorrected | ActivityWithdrawn
) -> None:
	"""What is recorded for a product is part of its carbon."""
	if event.product_id is not None:
		work.enqueue(renew, cause="footprints")


async def after_records(work: Work, event: ActivitiesRecorded | ActivitiesMoved) -> None:
	"""Many records at once; the event does not say whether products are among them."""
	work.enqueue(renew, cause="footprints")


async def after_product(work: Work, event: ProductUpdated) -> None:
	"""A price, or what other structures take from a product outside of every order."""
	fields = set(event.fields)
	if fields & PRICES:
		work.enqueue(renew, cause="prices")
	for cause, names in CONTENT.items():
		if fields & names and not await _of_order(work, event.revision_id):
			work.enqueue(renew, cause=cause)


async def after_structure(work: Work, event: StructureChanged | ProductReleased) -> None:
	"""Lines that stand in no order moved, or a revision was released without one."""
	if not await _of_order(work, event.revision_id):
		work.enqueue(renew, cause="structure")


async def _of_order(work: Work, revision_id: str | None) -> bool:
	"""Whether the revision belongs to a change: an edit of it is that change's, and nobody else
	stands on it before the release."""
	if revision_id is None:
		return False
	return (
		await work.scalar(select(Revision.change_id).where(Revision.id == revision_id)) is not None
	)


@task(name="plm.impact.look_again")
async def look_again(work: Work) -> None:
	"""Each night: prices, published rates, factors and evidence begin and end on their days."""
	work.enqueue(renew, cause="day")


TASKS = (calculate, compare, renew, look_again)
