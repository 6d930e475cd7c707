"""The provider of the port Contents: what revisions say of their products, many at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.permissions import COSTS_READ
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.structures.exact import decimal_of
from apg.capabilities.plm.structures.fixed_rows import words
from apg.capabilities.plm.structures.plain_sql import fetched, mapped
from apg.capabilities.plm.structures.prices import Costs, price_lists
from apg.contracts import plm as contract
from apg.kernel.later import numpy as np
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.work import Work

ESTIMATED = "estimated"
"""The custom attribute that lists fields of a revision which somebody estimated."""

_CONTENT = f"""
	select r.id::text as revision_id, i.id::text as product_id, r.version, i.number, r.name,
		r.label as revision, i.product_type, i.unit_of_measure as unit, r.mass, r.mass_unit,
		r.material, r.attributes->'{ESTIMATED}' as estimated
"""
_OF_REVISIONS = (
	_CONTENT
	+ """
	from unnest($1::uuid[]) u (id) join plm_revisions r on r.id = u.id
	join plm_items i on i.id = r.item_id
"""
)
_OF_PRODUCTS = (
	_CONTENT
	+ """
	from plm_items i join plm_revisions r on r.id = i.current_revision_id
	where (i.id = any($1::uuid[]) or i.number = any($2::text[])) and not i.is_deleted
"""
)
_MATERIALS = """
	select r.material, count(*), count(*) filter (where r.mass is null)
	from plm_items i join plm_revisions r on r.id = i.current_revision_id
	where r.material is not null and r.material <> '' and not i.is_deleted
	group by r.material order by 2 desc, 1
"""


class ContentsOfPlm:
	"""Contents as PLM holds them."""

	async def of_revisions(
		self, work: Work, revision_ids: Collection[str]
	) -> Mapping[str, contract.Content]:
		wanted = [one for one in dict.fromkeys(revision_ids) if is_id(one)]
		rows = await mapped(work, _OF_REVISIONS, wanted) if wanted else []
		return {row["revision_id"]: _content(row) for row in rows}

	async def of_products(
		self, work: Work, names: Collection[str]
	) -> Mapping[str, contract.Content]:
		ids = [name for name in names if is_id(name)]
		rows = await mapped(work, _OF_PRODUCTS, ids, list(names)) if names else []
		wanted = set(names)
		found: dict[str, contract.Content] = {}
		for row in rows:
			content = _content(row)
			for name in (content.product_id, content.number):
				if name in wanted:
					found[name] = content
		return found

	async def materials(self, work: Work) -> Sequence[contract.MaterialUse]:
		return [contract.MaterialUse(*row) for row in await fetched(work, _MATERIALS)]

	async def costs(self, work: Work, product_ids: Collection[str]) -> Mapping[str, Decimal]:
		wanted = sorted({one for one in product_ids if is_id(one)})
		if not wanted or not work.principal.may(COSTS_READ):
			return {}
		raw = b"".join(bytes.fromhex(one.replace("-", "")) for one in wanted)
		lists = await price_lists(
			work,
			words(np.frombuffer(raw, "V16")),
			Costs(work),
			currency=default_currency(work),
			day=utc_now().date(),
		)
		prices = lists.choose(np.ones(len(wanted)))
		return {
			product: decimal_of(prices.exact(place), 6)
			for place, product in enumerate(wanted)
			if prices.known[place]
		}


def _content(row: dict[str, Any]) -> contract.Content:
	given = row.pop("estimated")
	fields = frozenset(str(name) for name in given) if isinstance(given, list) else frozenset()  # pyright: ignore
	return contract.Content(**row, estimated=fields)
