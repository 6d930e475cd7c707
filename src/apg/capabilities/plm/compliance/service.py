"""What a company records about compliance, and what follows for a product and all it contains."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.compliance import evaluating
from apg.capabilities.plm.compliance.models import (
	ComplianceRecord,
	Declaration,
	ListedSubstance,
	Regulation,
)
from apg.capabilities.plm.compliance.schemas import (
	DeclarationIn,
	RegulationIn,
	RegulationPatch,
	StatusIn,
)
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.compliance_math import Basis, Declared, Status
from apg.capabilities.plm.shared.impact_math import worst
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.reading import facts_of
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import snapshot_of
from apg.contracts.plm import ProductUpdated
from apg.kernel.database import AnySelect
from apg.kernel.errors import Invalid, NotFound
from apg.kernel.json_rows import One
from apg.kernel.later import numpy as np
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST_REASONS = 20


# -- regulations --------------------------------------------------------------------------------


def select_regulations() -> AnySelect:
	"""Regulations as the wire shows them, by code."""
	names = ("code", "name", "kind", "source", "basis", "list_version", "is_active")
	return select(
		Regulation.id.label("regulation_id"),
		*(getattr(Regulation, name).label(name) for name in names),
		Regulation.created_at.label("created_at"),
		Regulation.updated_at.label("updated_at"),
		Regulation.version.label("etag"),
	).order_by(Regulation.code)


async def read_regulation(work: Work, regulation_id: str) -> One:
	chosen = select_regulations().where(Regulation.id == regulation_id)
	return await work.read_one(chosen, Regulation)


async def add_regulation(work: Work, new: RegulationIn) -> Regulation:
	"""One more. Raises Invalid for a basis without a list, Conflict for a known code."""
	if (new.basis != Basis.NONE) != (new.list_version is not None):
		text = _(
			"A regulation about substances names the version of its list, another one does not."
		)
		raise Invalid.one("list_version", text)
	made = work.add(Regulation(id=new_id(), **new.model_dump()))
	await work.flush()
	return made


async def change_regulation(work: Work, regulation_id: str, patch: RegulationPatch) -> Regulation:
	"""Changes what is named. Raises NotFound, PreconditionFailed, Invalid."""
	found = await work.edit(Regulation, regulation_id)
	given = patch.model_dump(exclude_unset=True)
	for name, value in given.items():
		if value is None and name != "source":
			raise Invalid.one(name, _("This field cannot be emptied."))
		setattr(found, name, value)
	await work.flush()
	return found


async def _by_code(work: Work, code: str) -> Regulation:
	found = await work.scalars(select(Regulation).where(Regulation.code == code))
	if not found:
		text = _("There is no regulation {code}; add it first.", code=code)
		raise Invalid.one("regulation", text, "unknown")
	return found[0]


# -- declarations -------------------------------------------------------------------------------


def select_declarations(product_id: str) -> AnySelect:
	"""What is declared about a product, by regulation."""
	names = ("list_version", "substance", "material", "share", "exemption", "exempt_until")
	return (
		select(
			Declaration.id.label("declaration_id"),
			Declaration.item_id.label("product_id"),
			Regulation.code.label("regulation"),
			*(getattr(Declaration, name).label(name) for name in names),
			Declaration.evidence.label("evidence"),
			Declaration.declared_on.label("declared_on"),
			Declaration.manufacturer_part_id.label("manufacturer_part_id"),
			Declaration.created_at.label("created_at"),
			Declaration.updated_at.label("updated_at"),
			Declaration.version.label("etag"),
		)
		.join(Regulation, Regulation.id == Declaration.regulation_id)
		.where(Declaration.item_id == product_id)
		.order_by(Regulation.code, Declaration.substance, Declaration.material, Declaration.id)
	)


async def read_declaration(work: Work, product_id: str, declaration_id: str) -> One:
	await work.get(Item, product_id)
	chosen = select_declarations(product_id).where(Declaration.id == declaration_id)
	return await work.read_one(chosen, Declaration)


async def declare(work: Work, product_id: str, new: DeclarationIn) -> Declaration:
	"""One line of a declaration. Raises NotFound, Invalid, Conflict for one that is there."""
	await work.get(Item, product_id)
	regulation = await _by_code(work, new.regulation)
	if regulation.basis == Basis.NONE:
		text = _("This regulation has no list of substances; record a status instead.")
		raise Invalid.one("regulation", text)
	if (new.substance is None) != (new.share is None):
		raise Invalid.one(
			"share", _("A substance goes with its share, and neither without the other.")
		)
	if (new.exemption is None) != (new.exempt_until is None):
		raise Invalid.one("exempt_until", _("An exemption has a day it ends."))
	if new.substance is not None and not await work.scalar(
		select(ListedSubstance.id)
		.where(
			ListedSubstance.regulation_id == regulation.id,
			ListedSubstance.substance == new.substance,
		)
		.limit(1)
	):
		text = _("The lists of {code} name no “{name}”.", code=new.regulation, name=new.substance)
		raise Invalid.one("substance", text, "unknown")
	given = new.model_dump(exclude={"regulation", "list_version"})
	made = work.add(
		Declaration(
			id=new_id(),
			item_id=product_id,
			regulation_id=regulation.id,
			list_version=new.list_version or regulation.list_version,
			**given,
		)
	)
	await work.flush()
	_tell(work, product_id)
	return made


async def withdraw(work: Work, product_id: str, declaration_id: str) -> None:
	"""Takes a line away; the trail keeps it. Raises NotFound."""
	found = await work.edit(Declaration, declaration_id)
	if found.item_id != product_id:
		raise NotFound(_("{what} not found", what=_("declaration of substances")))
	await work.delete(found)
	_tell(work, product_id)


def _tell(work: Work, product_id: str) -> None:
	work.publish(
		ProductUpdated(product_id=product_id, revision_id=None, fields=["compliance_records"])
	)


# -- status -------------------------------------------------------------------------------------


async def _revision_of(work: Work, product_id: str, revision: str | None) -> Revision:
	"""A revision of the product, the current one by default. Raises NotFound."""
	item = await work.get(Item, product_id)
	found = await work.find(Revision, revision or item.current_revision_id)
	if found is None or found.item_id != product_id:
		raise NotFound(_("{what} not found", what=_("revision")))
	return found


async def record(
	work: Work, product_id: str, code: str, given: StatusIn, revision: str | None = None
) -> None:
	"""The status of a product's revision (default: the current one). Raises NotFound, Invalid."""
	found = await _revision_of(work, product_id, revision)
	regulation = await _by_code(work, code)
	if given.status != Declared.PENDING and given.evidence is None:
		raise Invalid.one("evidence", _("Say what shows it: a certificate, a report, a test."))
	if given.status == Declared.EXEMPT and given.valid_until is None:
		raise Invalid.one("valid_until", _("An exemption has a day it ends."))
	present = await work.scalars(
		select(ComplianceRecord)
		.where(
			ComplianceRecord.revision_id == found.id,
			ComplianceRecord.regulation_id == regulation.id,
		)
		.with_for_update()
	)
	row = present[0] if present else work.add(
		ComplianceRecord(
			id=new_id(), item_id=product_id, revision_id=found.id, regulation_id=regulation.id,
			status=str(given.status),
		)
	)  # fmt: skip
	row.status, row.evidence = str(given.status), given.evidence
	row.valid_until, row.note = given.valid_until, given.note
	await work.flush()
	_tell(work, product_id)


_RECORDED = """
	select r.code, c.status, c.evidence, c.valid_until from plm_compliance_records c
	join plm_regulations r on r.id = c.regulation_id where c.revision_id = $1::uuid
"""


async def of_product(
	work: Work, product_id: str, revision: str | None = None, *, day: date | None = None
) -> list[dict[str, Any]]:
	"""Every regulation in force: recorded, own, and joined with all that is below, with what decides.

	Raises NotFound, StructureCycle.
	"""
	root = (await _revision_of(work, product_id, revision)).id
	when = day or utc_now().date()
	snapshot = await snapshot_of(work, root, Rule.DEFAULT, View.ENGINEERING)
	structure = snapshot.structure
	top = structure.index(root)
	reached = structure.descendants(np.array([top]))
	items = snapshot.items
	named = sorted({items[int(snapshot.item[node])].decode() for node in reached.tolist()})
	standing = await evaluating.standing_of(work, named)
	recorded = {row["code"]: row for row in await mapped(work, _RECORDED, root)}
	found: list[dict[str, Any]] = []
	for rule in standing.rules:
		nodes = evaluating.of_nodes(standing, rule, snapshot, when)
		whole = worst(structure, nodes.own, nodes.stopped)
		status = Status(int(whole[top]))
		row = recorded.get(rule.code, {})
		deciding = [
			node
			for node in reached.tolist()
			if status is not Status.COMPLIANT and nodes.own[node] == status
		][:MOST_REASONS]
		facts = await facts_of(work, [structure.name(node) for node in deciding])
		found.append(
			{
				"regulation": rule.code,
				"name": rule.name,
				"recorded": row.get("status"),
				"evidence": row.get("evidence"),
				"valid_until": row.get("valid_until"),
				"own": Status(int(nodes.own[top])).word,
				"whole": status.word,
				"because": sorted(
					(
						{
							"product_id": one["product_id"],
							"product_number": one["product_number"],
							"product_name": one["product_name"],
						}
						for one in facts.values()
					),
					key=lambda one: one["product_number"],
				),
			}
		)
	return found
