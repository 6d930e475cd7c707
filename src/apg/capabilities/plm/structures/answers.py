"""Reads for programs and pages alike: who asks, in which currency, and what he gets."""

from collections.abc import Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products.models import Item
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.structures import comparing, exporting, totals, tree
from apg.capabilities.plm.structures.models import Line
from apg.capabilities.plm.structures.reading import HeadRow, head_of, select_lines
from apg.capabilities.plm.structures.rules import PLAIN, AnyRule, Rule, View
from apg.capabilities.plm.structures.tree import Asked
from apg.capabilities.plm.structures.where_used import uses_of
from apg.contracts.reference import ExchangeRates
from apg.kernel.errors import Invalid, NotFound
from apg.kernel.json_rows import One
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work

LACKS_IN_TREE = 50


async def structure(
	work: Work,
	product_id: str,
	*,
	revision: str | None = None,
	rule: AnyRule = Rule.DEFAULT,
	view: View = View.ENGINEERING,
	depth: int = 1,
	flat: bool = False,
	whole: Sequence[str] = (),
	rollup: bool = False,
	quantity: Decimal = Decimal(1),
	lot: int = 1,
	currency: str | None = None,
	date: Date | None = None,
	limit: int = 5_000,
) -> tuple[dict[str, Any], str]:
	"""The tree to a depth, or the flat list, and the product's entity tag. Raises NotFound, Invalid."""
	head = await head_of(work, product_id, revision=revision, rule=rule)
	priced = await _currency(work, currency) if rollup else None
	asked = Asked(rule, view, depth, quantity, lot, rollup, priced, date, limit)
	if flat:
		found = await tree.flat(work, head, asked, frozenset(whole))
	else:
		found = await tree.indented(work, head, asked)
	answer: dict[str, Any] = {"product": head.wire(), **asked.wire()}
	if not flat:
		answer["depth"] = depth
	answer |= {
		"truncated": found.truncated,
		"products" if flat else "lines": found.rows,
		"rollup": None
		if found.rolled is None
		else await totals.summary(work, head, asked, found.rolled, limit=LACKS_IN_TREE),
	}
	return answer, head.etag


async def rollup(
	work: Work,
	product_id: str,
	*,
	revision: str | None = None,
	rule: AnyRule = Rule.DEFAULT,
	view: View = View.ENGINEERING,
	quantity: Decimal = Decimal(1),
	lot: int = 1,
	currency: str | None = None,
	date: Date | None = None,
	limit: int = 200,
) -> tuple[dict[str, Any], str]:
	"""Totals of cost and mass with what is missing. Raises NotFound, Invalid."""
	head = await head_of(work, product_id, revision=revision, rule=rule)
	priced = await _currency(work, currency)
	asked = Asked(rule, view, 1, quantity, lot, True, priced, date)
	return await totals.answer(work, head, asked, limit=limit), head.etag


async def where_used(
	work: Work,
	product_id: str,
	*,
	rule: Rule = Rule.DEFAULT,
	view: View = View.ENGINEERING,
	depth: int | None = None,
) -> dict[str, Any]:
	"""Products that contain this one, up to the end items. Raises NotFound, Invalid."""
	if rule not in PLAIN:
		names = ", ".join(PLAIN)
		raise Invalid.one("rule", _("Where a product is used is known for {names}.", names=names))
	head = await head_of(work, product_id, rule=rule)
	found = await uses_of(work, head, rule, view, depth=depth)
	return {
		"product": head.wire(),
		"view": str(view),
		"depth": depth,
		"count": len(found.rows),
		"end_count": found.ends,
		"uses": found.rows,
	}


async def comparison(
	work: Work,
	product_id: str,
	*,
	other: str | None = None,
	revision: str | None = None,
	rule: AnyRule = Rule.DEFAULT,
	with_rule: AnyRule | None = None,
	view: View = View.ENGINEERING,
	depth: int = 1,
) -> dict[str, Any]:
	"""From `other` (a revision of the product, or another product) to the product; without one from
	the product as `with_rule` reads it. Raises NotFound."""
	after = await head_of(work, product_id, revision=revision, rule=rule)
	before_rule = with_rule or rule
	if other is None:
		before = await head_of(work, product_id, rule=before_rule)
	else:
		before = await _other(work, product_id, other, before_rule)
	return await comparing.compared(
		work, before, after, rules=(before_rule, rule), view=view, depth=depth
	)


async def _other(work: Work, product_id: str, name: str, rule: AnyRule) -> HeadRow:
	try:
		return await head_of(work, product_id, revision=name, rule=rule)
	except NotFound:
		chosen = (Item.id == name) if is_id(name) else (Item.number == name)
		found = await work.scalar(select(Item.id).where(chosen, ~Item.is_deleted))
		if found is None:
			raise NotFound(
				_("There is neither a revision nor a product {name} to compare with.", name=name)
			) from None
		return await head_of(work, found, rule=rule)


async def export(
	work: Work,
	product_id: str,
	*,
	format: exporting.Format,
	flat: bool = False,
	raw: bool = False,
	revision: str | None = None,
	rule: AnyRule = Rule.DEFAULT,
	view: View = View.ENGINEERING,
	depth: int = 50,
	whole: Sequence[str] = (),
	rollup: bool = False,
	quantity: Decimal = Decimal(1),
	lot: int = 1,
	currency: str | None = None,
	date: Date | None = None,
) -> tuple[str, bytes]:
	"""The name of the file and its content. Raises NotFound, Invalid."""
	head = await head_of(work, product_id, revision=revision, rule=rule)
	priced = await _currency(work, currency) if rollup else None
	most = exporting.MOST_ROWS
	asked = Asked(rule, view, depth, quantity, lot, rollup, priced, date, most)
	if flat:
		found = await tree.flat(work, head, asked, frozenset(whole))
	else:
		found = await tree.indented(work, head, asked)
	name = exporting.file_name(head, format, flat=flat)
	return name, exporting.as_file(head, found, format, flat=flat, raw=raw)


async def lines(work: Work, product_id: str, revision: str | None = None) -> bytes:
	"""All lines of one revision as JSON: the open one, else the current one. Raises NotFound."""
	return await work.read_json(select_lines(await _recorded_in(work, product_id, revision)))


async def line(work: Work, product_id: str, line_uid: str, revision: str | None = None) -> One:
	"""One line as JSON, its entity tag the product's. Raises NotFound."""
	chosen = await _recorded_in(work, product_id, revision)
	if not is_id(line_uid):
		raise NotFound(_("{what} not found", what=_("line")))
	return await work.read_one(select_lines(chosen).where(Line.line_uid == line_uid), Line)


async def _recorded_in(work: Work, product_id: str, revision: str | None) -> str:
	head = await head_of(work, product_id, revision=revision, rule=Rule.LATEST_WORKING)
	return head.revision_id


async def _currency(work: Work, wanted: str | None) -> str | None:
	"""The currency of costs; None for a reader who may not see them. Raises Invalid."""
	if not work.principal.may(may.COSTS_READ):
		return None
	currency = wanted or default_currency(work)
	if wanted is not None and wanted not in await work.port(ExchangeRates).known(work):
		raise Invalid.one(
			"currency",
			_("{code} is no currency of ISO 4217; see the list.", code=wanted),
			"unknown",
		)
	return currency
