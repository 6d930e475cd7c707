"""What compliance does by itself: reminders before evidence ends, a new look after a new list."""

from datetime import timedelta

from sqlalchemy import select

from apg.capabilities.plm.compliance.models import ComplianceRecord, Regulation
from apg.capabilities.plm.permissions import COMPLIANCE_UPDATE
from apg.capabilities.plm.products.models import Item, Revision
from apg.contracts.identity import Identity
from apg.contracts.notifications import Message, Notifications, Priority
from apg.contracts.plm import ProductUpdated
from apg.kernel.stamps import utc_now
from apg.kernel.tasks import task
from apg.kernel.texts import _
from apg.kernel.work import Work

REMIND_DAYS = (90, 30)
IMPACT = "plm.impact.renew"  # impact stands above compliance


@task(name="plm.compliance.remind")
async def remind(work: Work) -> None:
	"""Evidence of current revisions that ends within 90 or 30 days: told once for each bound."""
	today = utc_now().date()
	rows = await work.execute(
		select(ComplianceRecord, Item.number, Regulation.name)
		.join(Item, Item.id == ComplianceRecord.item_id)
		.join(Regulation, Regulation.id == ComplianceRecord.regulation_id)
		.join(Revision, Revision.id == ComplianceRecord.revision_id)
		.where(
			Item.current_revision_id == ComplianceRecord.revision_id,
			~Item.is_deleted,
			Regulation.is_active,
			ComplianceRecord.valid_until >= today,
			ComplianceRecord.valid_until <= today + timedelta(days=max(REMIND_DAYS)),
		)
		.order_by(ComplianceRecord.valid_until, ComplianceRecord.id)
	)
	people = await work.port(Identity).members_with(work, COMPLIANCE_UPDATE)
	for record, number, regulation in rows.all():
		left = (record.valid_until - today).days
		bound = min(days for days in REMIND_DAYS if left <= days)
		messages = [
			Message(
				recipient_id=one,
				kind="compliance_evidence_ends",
				subject=_(
					"{regulation} of {number} ends soon", regulation=regulation, number=number
				),
				message=_(
					"The evidence ends on {day}, in {n} days.",
					day=record.valid_until.isoformat(),
					n=left,
				),
				action_url=f"/plm/products/{record.item_id}/compliance",
				priority=Priority.HIGH if bound == min(REMIND_DAYS) else Priority.NORMAL,
				key=f"compliance/{record.id}/{record.valid_until.isoformat()}/{bound}",
			)
			for one in sorted(people)
		]
		if messages:
			await work.port(Notifications).send(work, *messages)


@task(key="{regulation_id}", name="plm.compliance.evaluate_again")
async def evaluate_again(work: Work, regulation_id: str) -> None:
	"""Another list holds: open orders get their compliance anew, and those who mind it are told."""
	found = await work.find(Regulation, regulation_id)
	if found is None:
		return
	work.enqueue(IMPACT, cause="compliance")
	people = await work.port(Identity).members_with(work, COMPLIANCE_UPDATE)
	messages = [
		Message(
			recipient_id=one,
			kind="compliance_list_changed",
			subject=_("A new list of {name} is in force", name=found.name),
			message=_(
				"List {version}: what was declared against the list before is unknown now.",
				version=found.list_version or "",
			),
			action_url="/plm/compliance",
			key=f"compliance/{found.id}/{found.list_version}",
		)
		for one in sorted(people)
	]
	if messages:
		await work.port(Notifications).send(work, *messages)


async def after_status(work: Work, event: ProductUpdated) -> None:
	"""A status or a declaration is another one: open orders are looked at again."""
	if "compliance_records" in event.fields:
		work.enqueue(IMPACT, cause="compliance")


TASKS = (remind, evaluate_again)
