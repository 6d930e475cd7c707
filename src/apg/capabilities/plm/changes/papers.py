"""A change on paper: head, package, affected products, impact, redline, signatures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.changes import answers, framing
from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.exports import file_name
from apg.capabilities.plm.paper.printing import printed
from apg.capabilities.plm.paper.sheets import (
	Block,
	Facts,
	Heading,
	Paragraph,
	Said,
	Sheet,
	Table,
	Words,
	words,
)
from apg.capabilities.plm.permissions import role_title
from apg.kernel.database import load_json
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text, moment_text
from apg.kernel.work import Work

MOST_PRODUCTS, MOST_LINES, MOST_END_ITEMS = 200, 3_000, 200
SIGNS = {"added": "+", "removed": "−", "changed": "±"}
Row = dict[str, Any]


async def pdf_of(work: Work, change_id: str) -> tuple[str, bytes]:
	"""Name and bytes of the PDF. Raises ChangeNotFound, Unavailable.

	Printed are 200 affected products and 3,000 differences; where there are more, the paper says how
	many are left out, and that the hash is over all of them.
	"""
	sheet = await sheet_of(work, change_id)
	return sheet.name, await printed(sheet)


async def sheet_of(work: Work, change_id: str) -> Sheet:
	"""What is printed, with everything that this reader may see."""
	change = await framing.change_of(work, change_id)
	items: list[Row] = load_json(await answers.items(work, change_id))
	stages: list[Row] = load_json(await answers.approvals(work, change_id))
	people = {change[one] for one in ("created_by", "owner_id", "submitted_by", "implemented_by")}
	people |= {
		a[one] for s in stages for a in s["approvals"] for one in ("user_id", "delegated_by")
	}
	names = await framing.names_of(work, people)
	package = str(change["package_hash"] or "")
	sheet = Sheet(
		name=file_name(change["change_number"], package[:8] or "draft", form="pdf"),
		title=f"{change['change_number']} {change['change_title']}",
		author=work.principal.tenant_name,
		foot=_(
			"{number} {package} · printed {time} by {who}",
			number=change["change_number"],
			package=package[:16] or _("draft"),
			time=when(moment_text(utc_now())),
			who=work.principal.display_name or work.principal.username,
		),
		# Filled in page by page, where nothing is translated any more.
		page=_("Page {n} of {m}", n="{n}", m="{m}"),
		language=work.principal.locale,
	)
	sheet.blocks.extend(_head(work, change, names))
	sheet.blocks.extend(_affected(items))
	shown = await work.port(Assessment).shown(work, change_id)
	sheet.blocks.extend(_impact(shown))
	sheet.blocks.extend(await _redline(work, change_id, items))
	sheet.blocks.extend(_signatures(change, stages, names))
	return sheet


def when(text: str | None) -> str:
	"""A moment of the wire in UTC, to the second."""
	if not text:
		return "—"
	return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _said(value: Any) -> str:
	"""A word of the wire as a person reads it."""
	return _(str(value).replace("_", " ")) if value else "—"


def _head(work: Work, change: Row, names: Mapping[str, str]) -> list[Block]:
	def who(one: str) -> str:
		return names.get(change[one] or "", "—")

	estimate = change["cost_impact"]
	money = "—" if estimate is None else f"{amount_text(Decimal(estimate))} {change['currency']}"
	rows: list[tuple[str, Words]] = [
		(_("Company"), words(work.principal.tenant_name)),
		(_("State"), words(_said(change["status"]), "strong")),
		(_("Kind"), words(f"{_said(change['kind'])} · {_said(change['change_type'])}")),
		(
			_("Priority"),
			words(
				f"{_said(change['priority'])} · {_said(change['urgency'])} · "
				+ _("{track} track", track=_said(change["track"]))
			),
		),
		(_("Raised"), words(f"{when(change['created_at'])} · {who('created_by')}")),
		(_("Owner"), words(who("owner_id"))),
		(_("Submitted"), words(f"{when(change['submitted_at'])} · {who('submitted_by')}")),
		(_("Approved"), words(when(change["approved_at"]))),
		(_("Released"), words(f"{when(change['implemented_at'])} · {who('implemented_by')}")),
		(_("Effective from"), words(when(change["effective_from"]))),
		(_("Description"), words(change["change_description"])),
		(_("Why"), words(change["reason_for_change"])),
		(_("Business"), words(change["business_impact"])),
		(_("Cost impact, estimated"), words(money)),
		(_("Package (SHA-256)"), words(change["package_hash"], "small")),
	]
	if change["valid_until"]:
		rows.insert(-1, (_("Ends"), words(when(change["valid_until"]))))
	found: list[Block] = [Facts(tuple(rows))]
	if change["single_person"]:
		text = _("Single person: in this company an author may approve his own change.")
		found.append(Paragraph(words(text, "strong"), boxed=True))
	return found


def _affected(items: Sequence[Row]) -> list[Block]:
	if not items:
		return []
	headings = (
		_("Product"),
		_("Name"),
		_("Action"),
		_("From → to"),
		_("Pieces of the old revision"),
	)
	rows = [
		(
			words(row["product_number"], "strong"),
			words(row["product_name"]),
			words(_said(row["action"])),
			words(_way(row)),
			words(_decisions(row)),
		)
		for row in items[:MOST_PRODUCTS]
	]
	found: list[Block] = [
		Heading(_("Affected products ({n})", n=len(items))),
		Table(headings, rows, (18, 28, 14, 18, 32)),
	]
	if len(items) > MOST_PRODUCTS:
		found.append(_left_out(len(items) - MOST_PRODUCTS))
	return found


def _left_out(count: int) -> Paragraph:
	text = _("{n} more are not printed; the hash of the package is over them too.", n=count)
	return Paragraph(words(text, "muted"))


def _way(row: Row) -> str:
	way = f"{row['from_revision'] or '–'} → {row['to_revision'] or '–'}"
	return way + (f"\n→ {_said(row['new_phase'])}" if row["new_phase"] else "")


def _decisions(row: Row) -> str:
	told = [
		f"{_said(place)}: {_said(held['decision'])}" + (" ✓" if held.get("done_at") else "")
		for place, held in row["dispositions"].items()
	]
	if row["interchangeable"]:
		told.append(_("interchangeable: {how}", how=_said(row["interchangeable"])))
	return "\n".join(told)


# -- impact -------------------------------------------------------------------------------------


def _impact(shown: Row) -> list[Block]:
	impact = shown.get("impact")
	if not impact or impact["status"] != "calculated":
		return []
	rested = _(
		"Calculated {time}, prices of {day}, in {currency}.",
		time=when(_moment(impact["calculated_at"])),
		day=impact["price_day"],
		currency=impact["currency"],
	)
	if impact["stale"]:
		rested += " " + _("It is of an earlier package; the present one is being calculated.")
	found: list[Block] = [Heading(_("Impact")), Paragraph(words(rested, "muted"))]
	found += [
		Paragraph(
			(Said(f"{_('Policy')} “{one['name']}” ", "strong"), Said(_fired(one))), boxed=True
		)
		for one in impact["policies"]
	]
	titles = dict(shown["columns"])
	rows = [
		_figure(end, title, name, figure)
		for end in impact["end_items"][:MOST_END_ITEMS]
		for name, title in titles.items()
		if (figure := end["figures"].get(name)) is not None
	]
	headings = (_("End item"), _("Figure"), _("Before"), _("After"), _("Difference"), _("Known"))
	if rows:
		found.append(Table(headings, rows, (20, 15, 18, 18, 24, 15), frozenset({2, 3, 4})))
	if len(impact["end_items"]) > MOST_END_ITEMS:
		found.append(_left_out(len(impact["end_items"]) - MOST_END_ITEMS))
	named = {"cost": _("Cost"), "co2e": _("CO2e")}
	found += [
		Paragraph(words(f"{named.get(name, name)}: {reason}", "muted"))
		for name, reason in impact["absent"].items()
	]
	return found


def _moment(value: Any) -> str | None:
	return moment_text(value) if isinstance(value, datetime) else value


def _fired(policy: Row) -> str:
	meant = {
		"warn": _("warns"),
		"stage": _("asks {role} as well", role=role_title(policy["role"])),
		"block": _("blocks"),
	}
	told = f"{meant[policy['effect']]}: {policy['expression']}"
	return "\n".join([told, *policy["because"]])


def _figure(end: Row, title: str, name: str, figure: Row) -> tuple[Words, ...]:
	product = words(end["product_number"], "strong")
	if name == "compliance":
		before, after = _said(figure["before_word"]), _said(figure["after_word"])
		same = "=" if before == after else f"{before} → {after}"
		return (product, words(title), words(before), words(after), words(same), words(""))

	def amount(value: Any) -> str:
		return "—" if value is None else f"{amount_text(Decimal(value))} {figure['unit']}"

	delta = figure["delta"]
	if delta is None:
		changed = _("not known")
	else:
		mark = "▲ +" if delta > 0 else "▼ −" if delta < 0 else ""
		changed = f"{mark}{amount(abs(delta))}"
		if figure["percent"] is not None:
			changed += f" ({amount_text(Decimal(figure['percent']))} %)".replace("-", "−")
	return (
		product,
		words(title),
		words(amount(figure["before"])),
		words(amount(figure["after"])),
		words(changed, "strong"),
		words(_known(figure)),
	)


def _known(figure: Row) -> str:
	told: list[str] = []
	if figure["after_coverage"] is not None:
		told.append(f"{Decimal(figure['after_coverage']) * 100:.0f} %")
	if figure["missing_after"]:
		told.append(_("{n} missing", n=figure["missing_after"]))
	if figure["estimated"]:
		told.append(_("estimated"))
	if not figure["certain"]:
		told.append(_("not certain"))
	return ", ".join(told)


# -- redline ------------------------------------------------------------------------------------


async def _redline(work: Work, change_id: str, items: Sequence[Row]) -> list[Block]:
	found: list[Block] = [Heading(_("Redline"))] if items else []
	room, left_out = MOST_LINES, 0
	for start in range(0, min(len(items), MOST_PRODUCTS), 100):
		page = await answers.redline(work, change_id, offset=start, limit=100)
		for row, one in zip(items[start : start + 100], page["items"], strict=True):
			difference = one["difference"]
			if difference is None:
				continue
			found.append(Heading(f"{row['product_number']} · {_way(row)}", 3))
			if difference["identical"]:
				found.append(Paragraph(words(_("Nothing is changed."), "muted")))
				continue
			fields = [_field_row(each) for each in difference["attributes"]]
			lines = [_line_row(each) for each in difference["lines"][: max(0, room - len(fields))]]
			left_out += len(difference["lines"]) - len(lines)
			room -= len(fields) + len(lines)
			headings = ("", _("Find"), _("Product"), _("What changed"))
			found.append(Table(headings, fields + lines, (5, 8, 32, 65), frozenset({1})))
			if difference["truncated"]:
				text = _("This product has more differences than are compared at once.")
				found.append(Paragraph(words(text, "muted")))
	if left_out:
		found.append(_left_out(left_out))
	return found


def _field_row(field: Row) -> tuple[Words, ...]:
	return (words("±"), words(" "), words(_("the revision itself")), _change(field))


def _line_row(line: Row) -> tuple[Words, ...]:
	tone = line["change"] if line["change"] in ("added", "removed") else ""
	changes: list[Said] = []
	for each in line["fields"]:
		changes += [*([Said("\n")] if changes else []), *_change(each)]
	return (
		words(SIGNS[line["change"]], "strong"),
		words(line["find_number"]),
		words(f"{line['product_number']} {line['product_name']}", tone)
		+ (() if line["view"] == "engineering" else words(f" · {_said(line['view'])}", "muted")),
		tuple(changes) or words(" "),
	)


def _change(field: Row) -> Words:
	name = _(
		field["field"]
		.removeprefix("custom_attributes.")
		.removeprefix("documents.")
		.replace("_", " ")
	)
	old, new = (
		framing.shown(field["field"], field["old"]),
		framing.shown(field["field"], field["new"]),
	)
	told = [Said(f"{name} ", "muted")]
	if old is not None:
		told.append(Said(str(old), "removed"))
	if old is not None and new is not None:
		told.append(Said(" → "))
	if new is not None:
		told.append(Said(str(new), "added"))
	return tuple(told)


# -- signatures ---------------------------------------------------------------------------------


def _signatures(change: Row, stages: Sequence[Row], names: Mapping[str, str]) -> list[Block]:
	found: list[Block] = [Heading(_("Approvals"))]
	if not stages:
		return [*found, Paragraph(words(_("Nobody is asked yet."), "muted"))]
	meaning = {
		"approved": _("approves the package of this hash"),
		"rejected": _("decides against the package"),
		"delegated": _("handed on"),
		"pending": _("asked, not decided"),
		"not_needed": _("asked, not needed any more"),
		"void": _("void: the package was changed or returned"),
	}
	headings = (
		_("Who"),
		_("As"),
		_("Meaning"),
		_("When, UTC"),
		_("Proved by"),
		_("Package (SHA-256)"),
	)
	rows: list[tuple[Words, ...]] = []
	for stage in stages:
		stands = stage["round"] == stages[0]["round"] and stage["state"] != "void"
		for one in stage["approvals"]:
			who = names.get(one["user_id"], one["user_id"])
			if one["delegated_by"]:
				who += "\n" + _("for {name}", name=names.get(one["delegated_by"], "—"))
			means = meaning[one["decision"]] if stands else meaning["void"]
			told = f"{means}\n“{one['comments']}”" if one["comments"] else means
			rows.append(
				(
					words(who, "strong" if stands else "muted"),
					words(
						f"{stage['name']} ({role_title(stage['role'])})\n"
						+ _("round {n}", n=stage["round"])
					),
					words(told),
					words(when(one["decided_at"]) if one["decided_at"] else None),
					words(_said(one["method"])),
					words(one["package_hash"], "small"),
				)
			)
	found.append(Table(headings, rows, (17, 22, 24, 17, 12, 26)))
	if change["package_hash"] and change["approved_at"]:
		text = _(
			"Every signature that is not void is bound to the package {hash}.",
			hash=change["package_hash"],
		)
		found.append(Paragraph(words(text, "muted")))
	return found
