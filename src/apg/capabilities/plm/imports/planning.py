"""Makes a plan: the file is brought into the record's form, matched and compared with the record."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from apg.capabilities.plm.imports.differences import ExistingLine, LineDiff, diff
from apg.capabilities.plm.imports.matching import NEW, ExistingPart, Match, match
from apg.capabilities.plm.imports.neutral import ImportedBom, ImportedPart
from apg.capabilities.plm.imports.plan_checks import check
from apg.capabilities.plm.imports.plans import Plan
from apg.capabilities.plm.imports.recording import (
	UNSTORABLE,
	as_recorded,
	line_of,
	part_of,
	price_lists,
)
from apg.capabilities.plm.products import bulk as products
from apg.capabilities.plm.products.bulk import RecordedPart
from apg.capabilities.plm.structures import bulk as structures
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work


async def make_plan(
	work: Work,
	read: ImportedBom,
	source: str,
	*,
	choices: Mapping[str, str] | None = None,
	keep_hand_made: bool = True,
	lock: bool = False,
) -> Plan:
	"""Compares the file with the record. `source` names the system it comes from, `choices` which
	products a person chose; `lock` holds what is compared until the transaction ends, so that the
	plan still holds when it is carried out."""
	choices = choices or {}
	bom = as_recorded(read)
	today = utc_now().date()
	if lock:
		# Also for lists without lines: of two files with the same new parts the second finds them.
		await structures.hold_structures(work)
	recorded = await products.find_parts(
		work,
		numbers=_spellings(part.number for part in bom.parts),
		names=_spellings(part.name for part in bom.parts),
		identifiers=_spellings(each.value for part in bom.parts for each in part.identifiers),
		item_ids={each for each in choices.values() if each != NEW},
		lock=lock,
	)
	by_id = {each.item_id: each for each in recorded}
	existing = [ExistingPart(each.item_id, part_of(each)) for each in recorded]
	matches = match(bom.parts, existing, choices)
	matched = {each.id: by_id[each.id] for each in matches.values() if each.id is not None}
	lines = await structures.load_lines(work, [each.revision_id for each in matched.values()])
	owner = {each.revision_id: each.item_id for each in matched.values()}
	found = diff(
		bom,
		matches,
		[
			ExistingPart(id_, _compared(by_id[id_], part, source, today))
			for id_, part in _by_match(bom, matches)
		],
		[
			ExistingLine(each.id, line_of(each, owner[each.revision_id]), each.source == source)
			for each in lines
		],
		keep_hand_made=keep_hand_made,
	)
	found = replace(found, lines=tuple(_with_units(found.lines, bom, matches, by_id)))
	plan = Plan(
		read,
		bom,
		source,
		today,
		matches,
		found,
		matched,
		{each.id: each for each in lines},
		bom.problems,
		choices,
		keep_hand_made,
		by_id,
	)
	plan.names = await _names(work, plan)
	await check(work, plan, by_id)
	return plan


def _spellings(values: Iterable[str | None]) -> set[str]:
	return {
		form
		for value in values
		if value and not UNSTORABLE.search(value)
		for form in (value.lower(), value.casefold())
	}


def _by_match(bom: ImportedBom, matches: Mapping[str, Match]) -> Iterable[tuple[str, ImportedPart]]:
	for part in bom.parts:
		if (id_ := matches[part.source_key].id) is not None:
			yield id_, part


def _compared(recorded: RecordedPart, part: ImportedPart, source: str, today: date) -> ImportedPart:
	"""The recorded part as far as the file can speak about it: with the prices it brought and those
	it names, and without the planned label where the file still has one that was released."""
	named = {(each.kind, each.supplier, each.sku) for each in part.prices}
	prices = [
		price
		for rows in price_lists(recorded, today).values()
		for price in rows
		if price.source == source
		or (part_of(recorded, [price]).prices[0].kind, price.supplier, price.sku) in named
	]
	shown_part = part_of(recorded, prices)
	if part.revision in recorded.fixed_labels:
		return replace(shown_part, revision=part.revision)
	return shown_part


def _with_units(
	lines: Iterable[LineDiff],
	bom: ImportedBom,
	matches: Mapping[str, Match],
	recorded: Mapping[str, RecordedPart],
) -> Iterable[LineDiff]:
	"""A new line without a unit counts in its part's own."""
	parts = {part.source_key: part for part in bom.parts}
	for each in lines:
		if each.line is None or each.line.unit:
			yield each
			continue
		id_ = matches[each.child].id
		own = recorded[id_].unit_of_measure if id_ else parts[each.child].unit
		yield replace(each, line=replace(each.line, unit=own or "each"))


async def _names(work: Work, plan: Plan) -> dict[str, str]:
	names = {key: part.number or part.name or key for key, part in plan.file_parts.items()}
	known = {id_: part.number for id_, part in plan.parts.items()}
	missing = {line.child_item_id for line in plan.lines.values()} | {
		item for line in plan.lines.values() for _row, item in line.substitutes
	}
	for part in await products.load_parts(work, sorted(missing - set(known))):
		known[part.item_id] = part.number
	return known | names
