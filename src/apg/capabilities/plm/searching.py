"""What PLM finds in the search over everything."""

from collections.abc import Sequence

from sqlalchemy import and_, func, select

from apg.capabilities.plm.permissions import PRODUCTS_READ
from apg.capabilities.plm.products.models import Item, Revision
from apg.kernel.capability import Hit, SearchProvider
from apg.kernel.search import found_by
from apg.kernel.work import Work


async def products(work: Work, text: str, limit: int) -> Sequence[Hit]:
	"""Products whose number, name, description or tags hold the text; a number that fits first."""
	wanted = text.lower()
	number = func.lower(Item.number)
	rows = await work.execute(
		select(Item.id, Item.number, Revision.name, Item.product_type)
		.join(
			Revision,
			and_(Revision.tenant_id == Item.tenant_id, Revision.id == Item.current_revision_id),
		)
		.where(~Item.is_deleted, Item.id.in_(found_by("plm_items", {"q": text})))
		.order_by(
			(number == wanted).desc(),
			number.startswith(wanted, autoescape=True).desc(),
			func.lower(Revision.name).startswith(wanted, autoescape=True).desc(),
			Item.number,
			Item.id,
		)
		.limit(limit)
	)
	return [Hit(row.name, f"/plm/products/{row.id}", row.number) for row in rows]


SEARCHES = (SearchProvider("Products", products, PRODUCTS_READ, "/plm/products?search=", order=10),)
