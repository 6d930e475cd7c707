"""Fields of one working revision, named: that of a change order, or the product's own."""

from typing import Any

from apg.capabilities.plm.classes.inheritance import accepted
from apg.capabilities.plm.products.models import Item
from apg.capabilities.plm.products.reading import named_revision
from apg.capabilities.plm.products.schemas import ProductPatch
from apg.capabilities.plm.products.service import NEVER_EMPTY, ON_REVISION, check_mass
from apg.contracts.plm import ProductUpdated
from apg.kernel.errors import Invalid, NotFound, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work


async def change_revision(work: Work, product_id: str, revision: str, patch: ProductPatch) -> str:
	"""Changes what the patch names in the revision of that label or id; answers its id.

	Raises NotFound, PreconditionFailed, RevisionNotWorking, and Invalid for what does not belong to a
	revision: number, type, phase, costs, tags and units are the product's.
	"""
	item = await work.edit(Item, product_id, compare=False)
	held = await work.session.scalar(
		named_revision(item.id, revision)
		.with_for_update()
		.execution_options(populate_existing=True)
	)
	if held is None:
		raise NotFound(_("The product has no revision {label}.", label=revision))
	wanted = (work.if_match or "").strip().removeprefix("W/").strip('"')
	own = str(held.version)
	work.expect(own if wanted == own else f"{item.version}-{held.version}")
	held.must_be_working()
	given = patch.model_dump(exclude_unset=True)
	_refuse(given)
	if given.get("custom_attributes") is not None:
		given["custom_attributes"] = await accepted(
			work, item.class_path, given["custom_attributes"]
		)
	changed = {name for name, value in given.items() if getattr(held, ON_REVISION[name]) != value}
	for name in changed:
		setattr(held, ON_REVISION[name], given[name])
	check_mass(held.mass, held.mass_unit)
	await work.flush()
	if changed:
		work.publish(
			ProductUpdated(product_id=item.id, revision_id=held.id, fields=sorted(changed))
		)
	return held.id


def _refuse(given: dict[str, Any]) -> None:
	problems = [
		Problem(
			name,
			_("This belongs to the product and not to a revision; change it without ?revision=."),
			"of_product",
		)
		for name in given
		if name not in ON_REVISION
	]
	problems += [
		Problem(name, _("This field cannot be emptied."))
		for name in given
		if name in NEVER_EMPTY and name in ON_REVISION and given[name] is None
	]
	if problems:
		raise Invalid(problems=problems)
