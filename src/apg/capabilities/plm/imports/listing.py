"""The lists of the pages about imports: the imports, and what one of them says row by row."""

from typing import Any

from apg.capabilities.plm.imports import reading
from apg.capabilities.plm.imports.columns import Field
from apg.capabilities.plm.imports.models import Import, ImportState
from apg.kernel.database import load_json
from apg.kernel.json_rows import Page
from apg.kernel.rows import texts
from apg.kernel.texts import _
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.work import Work

KINDS = [("added", "Added"), ("changed", "Changed"), ("removed", "Removed")]
LINE_KINDS = [*KINDS, ("kept", "Kept, made by hand")]
IMPORTS = ListSpec(
	columns=(
		Column("file_name", "File", sortable=True),
		Column("state", "State", sortable=True, kind="state"),
		Column("parts", "Products"),
		Column("lines", "Lines"),
		Column("problem_count", "Problems", kind="number"),
		Column("file_size", "Size", sortable=True, kind="number", unit="kB"),
		Column("created_at", "Uploaded", sortable=True, kind="datetime"),
		Column("finished_at", "Finished", sortable=True, kind="datetime", default_visible=False),
	),
	filters=(
		Filter(
			"state",
			"State",
			"choice",
			[(str(one), one.value.capitalize()) for one in ImportState],
			many=True,
		),
	),
	default_sort="-created_at",
	max_page_size=100,
)
PROBLEMS = ListSpec(
	columns=(
		Column("severity", "Kind"),
		Column("row", "Row", kind="number"),
		Column("column", "Column"),
		Column("value", "Value"),
		Column("reason", "What is wrong"),
		Column("remedy", "What to do"),
	),
	filters=(Filter("severity", "Kind", "choice", [("error", "Errors"), ("warning", "Warnings")]),),
)
MATCHES = ListSpec(
	columns=(
		Column("row", "Row", kind="number"),
		Column("label", "In the file"),
		Column("product", "Taken for"),
		Column("matched_by", "Found by"),
		Column("choice", "Something else?"),
	),
	filters=(
		Filter(
			"outcome",
			"State",
			"choice",
			[("ambiguous", "Undecided"), ("new", "New"), ("matched", "Recorded")],
		),
	),
)
PARTS = ListSpec(
	columns=(
		Column("kind", "Change"),
		Column("label", "Product"),
		Column("changes", "Old → new"),
		Column("matched_by", "Found by"),
		Column("row", "Row", kind="number"),
	),
	filters=(Filter("kind", "Change", "choice", KINDS),),
)
LINES = ListSpec(
	columns=(
		Column("kind", "Change"),
		Column("parent", "In"),
		Column("label", "Part"),
		Column("changes", "Old → new"),
		Column("row", "Row", kind="number"),
	),
	filters=(Filter("kind", "Change", "choice", LINE_KINDS),),
)
_SORTABLE: dict[str, Any] = {
	"file_name": Import.file_name,
	"state": Import.state,
	"file_size": Import.file_size,
	"created_at": Import.created_at,
	"finished_at": Import.finished_at,
}

# what a column can mean, as a person reads it; the groups are those of the menu
FIELDS: tuple[tuple[str, tuple[tuple[Field, str], ...]], ...] = (
	(
		"The part",
		(
			(Field.NUMBER, "Number"),
			(Field.NAME, "Name"),
			(Field.SOURCE_KEY, "Key in the other system"),
			(Field.DESCRIPTION, "Description"),
			(Field.REVISION, "Revision"),
			(Field.TYPE, "Type"),
			(Field.CLASS, "Class"),
			(Field.TAGS, "Tags"),
			(Field.UNIT, "Unit"),
			(Field.MASS, "Mass"),
			(Field.MASS_UNIT, "Unit of the mass"),
			(Field.MPN, "Manufacturer's part number"),
			(Field.MANUFACTURER, "Manufacturer"),
			(Field.ATTRIBUTE, "Attribute named by the heading"),
		),
	),
	(
		"Its price",
		(
			(Field.PRICE, "Price"),
			(Field.CURRENCY, "Currency"),
			(Field.PRICE_QUANTITY, "Price from quantity"),
			(Field.SUPPLIER, "Supplier"),
			(Field.SKU, "Supplier's part number"),
		),
	),
	(
		"The assembly it is in",
		(
			(Field.PARENT, "Parent's number"),
			(Field.PARENT_NAME, "Parent's name"),
			(Field.PARENT_KEY, "Parent's key"),
			(Field.PARENT_REVISION, "Parent's revision"),
			(Field.LEVEL, "Level"),
		),
	),
	(
		"The line",
		(
			(Field.QUANTITY, "Quantity"),
			(Field.FIND_NUMBER, "Find number"),
			(Field.DESIGNATORS, "Designators"),
			(Field.NOTE, "Note"),
			(Field.ATTRITION, "Attrition"),
			(Field.SUBSTITUTES, "Substitutes"),
			(Field.OPTIONAL, "Optional"),
			(Field.CONSUMABLE, "Consumable"),
			(Field.ALLOW_VARIANTS, "Variants allowed"),
		),
	),
)


async def imports(work: Work, state: ListState) -> Page:
	"""The imports that the address asks for."""
	statement = reading.select_imports()
	if states := state.values("state"):
		statement = statement.where(Import.state == texts(states))
	for key in state.sort:
		column = _SORTABLE[key.name]
		statement = statement.order_by(column.desc().nulls_last() if key.descending else column)
	statement = statement.order_by(Import.id.desc())
	return await work.read_list(statement, limit=state.page_size, offset=state.offset)


async def problems(work: Work, state: ListState, import_id: str) -> Page:
	severity = state["severity"]
	statement = reading.select_problems(import_id, str(severity) if severity else None)
	return await work.read_list(statement, limit=state.page_size, offset=state.offset)


async def matches(work: Work, state: ListState, import_id: str) -> Page:
	outcome = state["outcome"]
	statement = reading.select_matches(import_id, str(outcome) if outcome else None)
	return await work.read_list(statement, limit=state.page_size, offset=state.offset)


async def changes(work: Work, state: ListState, import_id: str, subject: str) -> Page:
	kind = state["kind"]
	statement = reading.select_changes(import_id, subject, str(kind) if kind else None)
	return await work.read_list(statement, limit=state.page_size, offset=state.offset)


def rows_of(page: Page) -> list[dict[str, Any]]:
	return load_json(page.body)


def field_name(name: str) -> str:
	"""A changed field as people call it: `attributes.Colour` → `Colour`, `class_path` → `Class`."""
	base, dot, rest = name.partition(".")
	if dot and base == "attributes":
		return rest
	if dot:
		return rest.upper() if rest in ("mpn", "sku", "gtin") else _("Key in {system}", system=rest)
	return _(_WORDS.get(base, base.replace("_", " ").capitalize()))


_WORDS = {"class_path": "Class", "prices": "Price", "setup": "Setup quantity"}
