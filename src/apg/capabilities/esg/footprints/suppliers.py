"""Footprints as suppliers state them: recorded, read, withdrawn; never changed."""

from sqlalchemy import select

from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.footprints.models import SupplierFootprint
from apg.capabilities.esg.footprints.own import KILOGRAM
from apg.capabilities.esg.footprints.schemas import SupplierFootprintIn
from apg.contracts.esg import SupplierFootprintChanged
from apg.contracts.plm import Contents
from apg.contracts.reference import Units
from apg.kernel.database import AnySelect
from apg.kernel.errors import Conflict, Invalid
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work


class StatementWithdrawn(Conflict):
	"""It was withdrawn before."""

	code = "STATEMENT_WITHDRAWN"


def select_statements(product_id: str | None = None) -> AnySelect:
	row = SupplierFootprint
	statement = select(
		row.id.label("id"),
		row.product_id.label("product_id"),
		row.product_number.label("product_number"),
		row.supplier.label("supplier"),
		row.carbon.label("carbon"),
		row.biogenic.label("biogenic"),
		row.amount.label("amount"),
		row.unit.label("unit"),
		row.boundary.label("boundary"),
		row.gwp_set.label("gwp_set"),
		row.valid_from.label("valid_from"),
		row.valid_to.label("valid_to"),
		row.primary_share.label("primary_share"),
		row.low.label("low"),
		row.high.label("high"),
		row.verification.label("verification"),
		row.verified_by.label("verified_by"),
		row.evidence.label("evidence"),
		row.withdrawn_at.label("withdrawn_at"),
		row.created_at.label("created_at"),
		row.updated_at.label("updated_at"),
		row.created_by.label("created_by"),
		row.updated_by.label("updated_by"),
		row.version.label("etag"),
	)
	return statement.where(row.product_id == product_id) if product_id else statement


async def page(
	work: Work, *, product_id: str | None = None, limit: int = 50, offset: int = 0
) -> Page:
	row = SupplierFootprint
	ordered = select_statements(product_id).order_by(row.created_at.desc(), row.id)
	return await work.read_list(ordered, limit=limit, offset=offset)


async def read(work: Work, statement_id: str) -> One:
	await work.get(SupplierFootprint, statement_id)
	return await work.read_one(
		select_statements().where(SupplierFootprint.id == statement_id), SupplierFootprint
	)


async def create(work: Work, new: SupplierFootprintIn) -> SupplierFootprint:
	"""Raises Invalid for an unknown product, set or unit, and for a unit that fits neither the
	product's own nor a mass."""
	named = new.product_id or new.product_number or ""
	content = (await work.port(Contents).of_products(work, [named])).get(named)
	field = "product_id" if new.product_id else "product_number"
	if content is None:
		raise Invalid.one(field, _("There is no product {name}.", name=named), "unknown")
	await factors.gwp_set(work, new.gwp_set)
	units = work.port(Units)
	unit = units.symbol(new.unit)
	known = units.factors({(unit, content.unit), (unit, KILOGRAM)})
	if not known:
		raise Invalid.one(
			"unit",
			_(
				"{unit} leads neither to {base}, in which the product is counted, nor to kg.",
				unit=unit,
				base=content.unit,
			),
			"unit",
		)
	given = new.model_dump(exclude={"product_id", "product_number", "unit"})
	made = work.add(
		SupplierFootprint(
			product_id=content.product_id, product_number=content.number, unit=unit, **given
		)
	)
	await work.flush()
	work.publish(SupplierFootprintChanged(statement_id=made.id, product_id=made.product_id))
	return made


async def withdraw(work: Work, statement_id: str) -> None:
	"""It no longer counts; footprints that used it stand. Raises NotFound, StatementWithdrawn."""
	held = await work.edit(SupplierFootprint, statement_id)
	if held.withdrawn_at is not None:
		raise StatementWithdrawn(_("This statement was withdrawn already."))
	held.withdrawn_at = utc_now()
	await work.flush()
	work.publish(
		SupplierFootprintChanged(statement_id=held.id, product_id=held.product_id, withdrawn=True)
	)
