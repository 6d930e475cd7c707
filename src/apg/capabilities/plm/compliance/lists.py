"""A new list of substances comes into force."""

from sqlalchemy import select

from apg.capabilities.plm.compliance.jobs import evaluate_again
from apg.capabilities.plm.compliance.models import ListedSubstance, Regulation
from apg.capabilities.plm.compliance.schemas import ListIn
from apg.capabilities.plm.shared.compliance_math import Basis
from apg.kernel.errors import Conflict, Invalid
from apg.kernel.rows import insert_rows
from apg.kernel.texts import _
from apg.kernel.work import Work


async def load_list(work: Work, regulation_id: str, given: ListIn) -> Regulation:
	"""A new version of the list comes into force; a task looks at every product again.

	Raises NotFound, Conflict for a regulation without a list or a version that was there.
	"""
	found = await work.edit(Regulation, regulation_id)
	if found.basis == Basis.NONE:
		raise Conflict(_("This regulation has no list of substances."), code="NO_LIST")
	known = await work.scalar(
		select(ListedSubstance.id)
		.where(
			ListedSubstance.regulation_id == regulation_id,
			ListedSubstance.list_version == given.list_version,
		)
		.limit(1)
	)
	if known is not None:
		raise Conflict(_("This version of the list is there already."), code="LIST_EXISTS")
	names = [one.substance for one in given.substances]
	if len(set(names)) < len(names):
		raise Invalid.one("substances", _("A substance stands in the list twice."), "twice")
	await insert_rows(
		work,
		ListedSubstance,
		[
			{
				"regulation_id": regulation_id,
				"list_version": given.list_version,
				"substance": one.substance,
				"cas": one.cas,
				"limit_share": one.limit_share,
			}
			for one in given.substances
		],
	)
	found.list_version = given.list_version
	await work.flush()
	work.enqueue(evaluate_again, regulation_id=regulation_id)
	return found
