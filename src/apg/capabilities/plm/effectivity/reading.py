"""The select behind answers about effectivity."""

from typing import Any

from sqlalchemy import case, func, text
from sqlalchemy import select as _select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from apg.capabilities.plm.effectivity.models import Effectivity
from apg.capabilities.plm.products.models import Item, Revision
from apg.kernel.database import AnySelect

_UTC = 'YYYY-MM-DD"T"HH24:MI:SS'


def _place(of: Any) -> Any:
	"""A bound as JSON: a moment in UTC or a number, null where there is none."""
	moment: Any = of(Effectivity.dates)
	utc = func.timezone("UTC", moment)
	fraction = func.rtrim(func.rtrim(func.to_char(utc, ".US"), "0"), ".")
	written = func.to_jsonb(func.concat(func.to_char(utc, _UTC), fraction, "Z"))
	return func.coalesce(
		case((moment.is_not(None), written), else_=None),
		func.to_jsonb(of(Effectivity.units)),
		func.to_jsonb(of(Effectivity.lots)),
		type_=JSONB,
	)


def select_effectivities(product_id: str) -> AnySelect:
	"""All ranges of a product: those of every context first, then by kind and beginning."""
	context = aliased(Item)
	return (
		_select(
			Effectivity.id.label("effectivity_id"),
			Effectivity.item_id.label("product_id"),
			Effectivity.revision_id.label("revision_id"),
			Revision.label.label("revision"),
			case(
				(Effectivity.dates.is_not(None), "dates"),
				(Effectivity.units.is_not(None), "units"),
				else_="lots",
			).label("kind"),
			_place(func.lower).label("from"),
			_place(func.upper).label("to"),
			Effectivity.context_item_id.label("context_product_id"),
			context.number.label("context_product_number"),
			(Effectivity.context_item_id == Effectivity.item_id).label("every_context"),
			Effectivity.change_id.label("change_id"),
			Effectivity.created_at.label("created_at"),
			Effectivity.updated_at.label("updated_at"),
			Effectivity.version.label("etag"),
		)
		.join(Revision, Revision.id == Effectivity.revision_id)
		.join(context, context.id == Effectivity.context_item_id)
		.where(Effectivity.item_id == product_id)
		.order_by(
			(Effectivity.context_item_id != Effectivity.item_id),
			context.number,
			text("5"),
			func.lower(Effectivity.dates),
			func.coalesce(func.lower(Effectivity.units), func.lower(Effectivity.lots)),
			Effectivity.id,
		)
	)
