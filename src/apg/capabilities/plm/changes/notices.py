"""The notice that customers get of an approved change: their products, what is different, from when.

Nothing of the inside is in it: no lines, no costs, no carbon, no names of approvers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apg.capabilities.plm.changes import answers, framing
from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.changes.papers import when
from apg.capabilities.plm.exports import file_name
from apg.capabilities.plm.paper.printing import printed
from apg.capabilities.plm.paper.sheets import Block, Facts, Heading, Paragraph, Sheet, Table, words
from apg.capabilities.plm.shared.change_states import ChangeKind, ChangeStatus
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import moment_text
from apg.kernel.work import Work

SETTLED = (ChangeStatus.APPROVED, ChangeStatus.IMPLEMENTED, ChangeStatus.CLOSED)
MOST = 1_000
# The customer's own number of a product; its issuer is the customer.
_NUMBERS = """
	select i.id::text as product_id, i.number, coalesce(r.name, '') as name, n.issuer, n.value
	from plm_identifiers n join plm_items i on i.id = n.item_id
	left join plm_revisions r on r.id = i.current_revision_id
	where n.scheme = 'customer' and n.item_id = any($1::uuid[]) and not i.is_deleted
	order by n.issuer, i.number, n.value
"""
Row = dict[str, Any]


class NotYetDecided(Conflict):
	"""Customers are told of what is approved, not of what may come."""

	code = "NOT_YET_DECIDED"


async def pdf_of(work: Work, change_id: str, customer: str | None) -> tuple[str, bytes]:
	"""Name and bytes of the notice; with `customer` only what has a number of that customer.

	Raises ChangeNotFound, NotYetDecided, Invalid for a customer without any such number, Unavailable.
	"""
	sheet = await sheet_of(work, change_id, customer)
	return sheet.name, await printed(sheet)


async def sheet_of(work: Work, change_id: str, customer: str | None) -> Sheet:
	"""What stands on the notice."""
	change = await framing.change_of(work, change_id)
	if change["kind"] != ChangeKind.CHANGE_ORDER or change["status"] not in SETTLED:
		text = _(
			"{number} is {status}; customers are told of approved change orders.",
			number=change["change_number"],
			status=change["status"],
		)
		raise NotYetDecided(text)
	items: list[Row] = load_json(await answers.items(work, change_id))
	numbers = await _numbers(work, change_id, items)
	if customer is not None:
		numbers = [row for row in numbers if row["issuer"] == customer]
		if not numbers:
			text = _("No product of this change has a number of {customer}.", customer=customer)
			raise Invalid.one("customer", text, "unknown")
		theirs = {row["product_id"] for row in numbers}
		items = [row for row in items if row["product_id"] in theirs]
	number = str(change["change_number"])
	sheet = Sheet(
		name=file_name(number, "notice", *([customer] if customer else []), form="pdf"),
		title=_("Product change notice {number}", number=number),
		author=work.principal.tenant_name,
		foot=_(
			"{company} · {number} · {time}",
			company=work.principal.tenant_name,
			number=number,
			time=when(moment_text(utc_now())),
		),
		page=_("Page {n} of {m}", n="{n}", m="{m}"),
		language=work.principal.locale,
	)
	sheet.blocks.extend(_head(work, change, customer))
	sheet.blocks.extend(_products(items))
	sheet.blocks.extend(_yours(numbers, items))
	return sheet


async def _numbers(work: Work, change_id: str, items: Sequence[Row]) -> list[Row]:
	"""Customers' numbers of what the order changes and of the end items that contain it."""
	shown = await work.port(Assessment).shown(work, change_id)
	impact: Mapping[str, Any] = shown.get("impact") or {}
	wanted = {row["product_id"] for row in items}
	wanted |= {row["product_id"] for row in impact.get("end_items", ())}
	return await mapped(work, _NUMBERS, sorted(wanted))


def _head(work: Work, change: Row, customer: str | None) -> list[Block]:
	effective = change["effective_from"] or change["implemented_at"] or change["scheduled_at"]
	rows = [
		(_("From"), words(work.principal.tenant_name, "strong")),
		(_("To"), words(customer or _("all customers of these products"))),
		(_("Subject"), words(change["change_title"], "strong")),
		(_("Kind of change"), words(_(change["change_type"].replace("_", " ")))),
		(_("What changes"), words(change["change_description"])),
		(_("Why"), words(change["reason_for_change"])),
		(_("Approved"), words(when(change["approved_at"]))),
		(_("Effective from"), words(when(effective))),
		(_("Reference"), words(f"{change['change_number']} {change['package_hash'][:16]}")),
	]
	return [Facts(tuple(rows))]


def _products(items: Sequence[Row]) -> list[Block]:
	if not items:
		return []
	fits = {
		"yes": _("old and new fit for each other"),
		"forward": _("the new one fits for the old one"),
		"backward": _("the old one fits for the new one"),
		"no": _("old and new do not fit for each other"),
		None: _("not said"),
	}
	rows = [
		(
			words(row["product_number"], "strong"),
			words(row["product_name"]),
			words(f"{row['from_revision'] or '–'} → {row['to_revision'] or '–'}"),
			words(
				_("is discontinued")
				if row["action"] == "obsolete"
				else fits[row["interchangeable"]]
			),
			words(when(row["effective_from"]) if row["effective_from"] else None),
		)
		for row in items[:MOST]
	]
	headings = (_("Product"), _("Name"), _("Revision"), _("Interchangeable"), _("Effective from"))
	return [Heading(_("Changed products")), Table(headings, rows, (18, 28, 14, 26, 20))]


def _yours(numbers: Sequence[Row], items: Sequence[Row]) -> list[Block]:
	if not numbers:
		text = _("No customer's own number is recorded for these products or what contains them.")
		return [Paragraph(words(text, "muted"))]
	changed = {row["product_id"] for row in items}
	rows = [
		(
			words(row["issuer"] or None),
			words(row["value"], "strong"),
			words(row["number"]),
			words(row["name"]),
			words(
				_("is changed") if row["product_id"] in changed else _("contains a changed product")
			),
		)
		for row in numbers[:MOST]
	]
	headings = (_("Customer"), _("Your number"), _("Our number"), _("Name"), _("What it is to it"))
	return [Heading(_("By your numbers")), Table(headings, rows, (18, 18, 18, 28, 20))]
