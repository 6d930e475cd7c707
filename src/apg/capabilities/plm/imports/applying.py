"""Carries a plan out: all of it in the caller's transaction, in a few statements per table."""

from collections.abc import Awaitable, Callable
from typing import Any

from apg.capabilities.plm.imports.differences import QUIET, Change, Kind, LineDiff, PartDiff
from apg.capabilities.plm.imports.matching import identity
from apg.capabilities.plm.imports.neutral import ImportedIdentifier, ImportedPart, ImportedPrice
from apg.capabilities.plm.imports.planning import make_plan
from apg.capabilities.plm.imports.plans import Plan, in_revision
from apg.capabilities.plm.imports.recording import KINDS, price_lists
from apg.capabilities.plm.products import bulk as products
from apg.capabilities.plm.products.bulk import PartWrites, RecordedPart
from apg.capabilities.plm.revisions import service as revisions
from apg.capabilities.plm.revisions.schemas import RevisionIn
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.capabilities.plm.structures import bulk as structures
from apg.capabilities.plm.structures.bulk import LineWrites
from apg.contracts.plm import ProductCreated, ProductUpdated, StructureChanged
from apg.kernel.stamps import new_id
from apg.kernel.work import Work

Report = Callable[[int, int], Awaitable[None]]


async def carry_out(work: Work, plan: Plan, report: Report | None = None) -> None:
	"""Writes what the plan says and nothing else; an empty plan writes nothing.

	Released revisions are followed by new ones first, and the file is compared with those.
	`report(done, total)` hears how far it is, in parts and lines.
	"""
	if plan.reopened:
		stated = {each.id: plan.file_parts[each.key].revision for each in plan.diff.parts}
		for item_id, recorded in plan.reopened.items():
			label = stated.get(item_id)
			planned = RevisionIn(revision=label if label != recorded.label else None)
			await revisions.open_revision(work, item_id, planned)
		await work.flush()
		plan = await make_plan(
			work,
			plan.read,
			plan.source,
			choices=plan.choices,
			keep_hand_made=plan.keep_hand_made,
			lock=True,
		)
	await _apply(work, plan, report)


async def _apply(work: Work, plan: Plan, report: Report | None) -> None:
	new = [each for each in plan.diff.parts if each.kind is Kind.ADDED]
	changed = [each for each in plan.diff.parts if each.kind is Kind.CHANGED]
	lines = [each for each in plan.diff.lines if each.kind not in QUIET]
	total = len(new) + len(changed) + len(lines)
	ids = {each.key: (new_id(), new_id()) for each in new}
	writes = PartWrites()
	numbers, types, parts = await _numbers(work, plan, new), _types(plan), plan.file_parts
	for each in new:
		part = parts[each.key]
		number = part.number or numbers[each.key]
		_new_part(plan, part, ids[each.key], number, types[each.key], writes)
	for each in changed:
		_changed_part(plan, parts[each.key], each, writes)
	for each in lines:
		# Lines are content of their parent's revision: its version grows with every change of one.
		if id_ := plan.matches[each.parent].id:
			writes.revisions.setdefault(plan.parts[id_].revision_id, {})
	await products.write_parts(work, writes)
	if report is not None:
		await report(len(new) + len(changed), total)
	await _write_lines(work, plan, lines, ids)
	if report is not None:
		await report(total, total)
	_publish(work, plan, ids, changed, lines)


async def _numbers(work: Work, plan: Plan, new: list[PartDiff]) -> dict[str, str]:
	"""Numbers of the series for new parts that have none, never one that the file itself uses."""
	parts = plan.file_parts
	missing = [each.key for each in new if not parts[each.key].number]
	wanted: dict[str, int] = {}
	for key in missing:
		path = _path(parts[key]) or ""
		wanted[path] = wanted.get(path, 0) + 1
	used = {part.number for part in plan.bom.parts if part.number}
	free: dict[str, list[str]] = {path: [] for path in wanted}
	while short := {p: n - len(free[p]) for p, n in wanted.items() if len(free[p]) < n}:
		for path, block in (await products.reserve_numbers(work, short)).items():
			free[path].extend(number for number in block if number not in used)
	queues = {path: iter(block) for path, block in free.items()}
	return {key: next(queues[_path(parts[key]) or ""]) for key in missing}


def _path(part: ImportedPart) -> str | None:
	return part.class_path[0] if part.class_path else None


def _types(plan: Plan) -> dict[str, str]:
	"""What the file says of each part, else by its lines: with lines it is made, without bought."""
	parents = {line.parent_key for line in plan.bom.lines}
	children = {line.child_key for line in plan.bom.lines}
	found: dict[str, str] = {}
	for part in plan.bom.parts:
		made = "subassembly" if part.source_key in children else "manufactured"
		found[part.source_key] = part.type or (made if part.source_key in parents else "purchased")
	return found


def _new_part(
	plan: Plan,
	part: ImportedPart,
	ids: tuple[str, str],
	number: str,
	product_type: str,
	writes: PartWrites,
) -> None:
	item_id, revision_id = ids
	writes.new.append(
		{
			"item_id": item_id,
			"revision_id": revision_id,
			"number": number,
			"product_type": product_type,
			"class_path": _path(part),
			"unit_of_measure": part.unit or "each",
			"lifecycle_phase": LifecyclePhase.CONCEPT,
			"tags": list(part.tags),
			"is_active": part.active,
			"content": {
				"label": part.revision,
				"name": part.name or number,
				"description": part.description,
				"attributes": {name: value.text for name, value in part.attributes.items()},
				"mass": part.mass,
				"mass_unit": part.mass_unit,
			},
		}
	)
	known: set[tuple[str, ...]] = set()
	for identifier in part.identifiers:
		if identity(identifier) not in known:
			known.add(identity(identifier))
			writes.identifiers.append(_identifier(item_id, identifier))
	for price in part.prices:
		writes.new_prices.append(_price(plan, item_id, price))


def _identifier(item_id: str, identifier: ImportedIdentifier) -> dict[str, Any]:
	# Only makers' and sellers' numbers are told apart by who gave them.
	issuer = (identifier.issuer or "") if identifier.scheme in ("mpn", "sku") else ""
	return {
		"item_id": item_id,
		"scheme": identifier.scheme,
		"value": identifier.value,
		"issuer": issuer,
	}


def _price(plan: Plan, item_id: str, price: ImportedPrice) -> dict[str, Any]:
	return {
		"item_id": item_id,
		"kind": KINDS[price.kind],
		"supplier": price.supplier or "",
		"sku": price.sku or "",
		"valid_from": plan.today,
		"quantity_break": price.from_quantity,
		"amount": price.amount,
		"currency": price.currency,
		"source": plan.source,
	}


def _changed_part(plan: Plan, part: ImportedPart, each: PartDiff, writes: PartWrites) -> None:
	recorded = plan.parts[each.id or ""]
	item: dict[str, Any] = {}
	content: dict[str, Any] = {}
	known: set[tuple[str, ...]] = set()
	for change in each.changes:
		match change.field:
			case "number" | "type" | "unit" | "active" | "class_path" | "tags":
				item |= _item_column(change, part)
			case "name" | "description":
				content[change.field] = change.after
			case "revision":
				content["label"] = change.after
			case "mass":
				content["mass"], content["mass_unit"] = change.after
			case field if field.startswith("attributes."):
				attributes = content.setdefault("attributes", dict(recorded.attributes))
				attributes[field.removeprefix("attributes.")] = change.after.text
			case field if field.startswith("identifiers."):
				if identity(change.after) not in known:
					known.add(identity(change.after))
					writes.identifiers.append(_identifier(recorded.item_id, change.after))
			case _:
				pass
	if item:
		writes.items[recorded.item_id] = item
	if content:
		writes.revisions[recorded.revision_id] = content
	if any(change.field == "prices" for change in each.changes):
		_changed_prices(plan, part, recorded, each.changes, writes)


def _item_column(change: Change, part: ImportedPart) -> dict[str, Any]:
	match change.field:
		case "type":
			return {"product_type": change.after}
		case "unit":
			return {"unit_of_measure": change.after}
		case "active":
			return {"is_active": change.after}
		case "class_path":
			return {"class_path": _path(part)}
		case "tags":
			return {"tags": list(change.after)}
		case _:
			return {change.field: change.after}


def _changed_prices(
	plan: Plan,
	part: ImportedPart,
	recorded: RecordedPart,
	changes: tuple[Change, ...],
	writes: PartWrites,
) -> None:
	"""A list that changed is written anew from today, since a newer list replaces an older one as a
	whole; one of today is corrected in place; one that the file no longer has is taken away."""
	held = price_lists(recorded, plan.today)
	touched = {
		(KINDS[price.kind], price.supplier or "", price.sku or "")
		for change in changes
		if change.field == "prices"
		for price in (change.before, change.after)
		if price is not None
	}
	for key in sorted(touched):
		wanted = {
			price.from_quantity: price
			for price in part.prices
			if (KINDS[price.kind], price.supplier or "", price.sku or "") == key
		}
		rows = held.get(key, [])
		if not wanted:
			writes.gone_prices.extend(
				row.id
				for row in recorded.prices
				if row.list_key == key and row.source == plan.source
			)
			continue
		if not rows or rows[0].valid_from < plan.today:
			writes.new_prices.extend(
				_price(plan, recorded.item_id, price) for price in wanted.values()
			)
			continue
		for row in rows:
			price = wanted.pop(row.quantity_break, None)
			if price is None:
				writes.gone_prices.append(row.id)
			elif (price.amount, price.currency) != (row.amount, row.currency):
				writes.prices[row.id] = {
					"amount": price.amount,
					"currency": price.currency,
					"source": plan.source,
				}
		writes.new_prices.extend(_price(plan, recorded.item_id, price) for price in wanted.values())


async def _write_lines(
	work: Work, plan: Plan, lines: list[LineDiff], ids: dict[str, tuple[str, str]]
) -> None:
	item_of = {
		key: each.id or ids[key][0] for key, each in plan.matches.items() if each.id or key in ids
	}
	revision_of = {
		key: plan.parts[each.id].revision_id if each.id else ids[key][1]
		for key, each in plan.matches.items()
		if each.id or key in ids
	}
	writes = LineWrites()
	for each in lines:
		if each.kind is Kind.REMOVED:
			writes.gone.append(each.id or "")
		elif each.kind is Kind.ADDED and each.line is not None:
			line, line_id = each.line, new_id()
			writes.new.append(
				{
					"id": line_id,
					"parent_revision_id": revision_of[each.parent],
					"child_item_id": item_of[each.child],
					"find_number": int(line.find_number) if line.find_number else None,
					"quantity": line.quantity,
					"quantity_kind": "per",
					"unit": line.unit or "each",
					"attrition": line.attrition,
					"setup_quantity": line.setup,
					"designators": list(line.designators),
					"note": line.note,
					"is_optional": line.optional,
					"is_consumable": line.consumable,
					"allow_variants": line.allow_variants,
					"source": plan.source,
				}
			)
			if line.substitutes:
				writes.substitutes[line_id] = [item_of[key] for key in line.substitutes]
		elif each.line is not None and each.id is not None:
			writes.lines[each.id] = dict(_line_column(change) for change in each.changes) | {
				"source": plan.source
			}
			if "substitutes" in writes.lines[each.id]:
				del writes.lines[each.id]["substitutes"]
				writes.substitutes[each.id] = [item_of[key] for key in each.line.substitutes]
	await structures.write_lines(work, writes, plan.lines)


_LINE_COLUMNS = {
	"optional": "is_optional",
	"consumable": "is_consumable",
	"setup": "setup_quantity",
}


def _line_column(change: Change) -> tuple[str, Any]:
	value = change.after
	if change.field == "find_number":
		value = int(value)
	elif change.field == "designators":
		value = list(value)
	return _LINE_COLUMNS.get(change.field, change.field), value


def _publish(
	work: Work,
	plan: Plan,
	ids: dict[str, tuple[str, str]],
	changed: list[PartDiff],
	lines: list[LineDiff],
) -> None:
	for item_id, revision_id in ids.values():
		work.publish(ProductCreated(product_id=item_id, revision_id=revision_id))
	for each in changed:
		recorded = plan.parts[each.id or ""]
		shows = any(in_revision(change) for change in each.changes)
		work.publish(
			ProductUpdated(
				product_id=recorded.item_id,
				revision_id=recorded.revision_id if shows else None,
				fields=sorted({change.field.partition(".")[0] for change in each.changes}),
			)
		)
	parents: dict[str, int] = {}
	for each in lines:
		parents[each.parent] = parents.get(each.parent, 0) + 1
	for key, count in parents.items():
		id_ = plan.matches[key].id
		item_id, revision_id = (id_, plan.parts[id_].revision_id) if id_ else ids[key]
		work.publish(StructureChanged(product_id=item_id, revision_id=revision_id, lines=count))
