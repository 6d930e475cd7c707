"""The assembly in a STEP file: products, who uses whom and how often; geometry is not looked at.

Source: ISO 10303-41 (product_definition) and -44 (next_assembly_usage_occurrence), in the forms of
AP203, AP214 and AP242.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from apg.capabilities.plm.imports.checks import check_structure
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedLine,
	ImportedPart,
	ImportedValue,
	Problems,
)
from apg.capabilities.plm.imports.part21 import Instance, instances
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

SCHEME = "step"
NUMBER, NAME = (3, 50), (3, 200)
LEVELS = 200
_FORMATIONS = (
	"PRODUCT_DEFINITION_FORMATION",
	"PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE",
)
_DEFINITIONS = ("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
_USAGES = ("NEXT_ASSEMBLY_USAGE_OCCURRENCE", "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE")
_DOCUMENTS = ("APPLIED_DOCUMENT_REFERENCE", "CC_DESIGN_SPECIFICATION_REFERENCE")
_MEASURES = ("MEASURE_WITH_UNIT", "MEASURE_REPRESENTATION_ITEM")
_ENTITIES = (
	"PRODUCT", "DOCUMENT_FILE", "ASSEMBLY_COMPONENT_USAGE", "PRODUCT_DEFINITION_RELATIONSHIP",
	*_FORMATIONS, *_DEFINITIONS, *_USAGES, *_DOCUMENTS, *_MEASURES,
)  # fmt: skip
_NO_REVISION = frozenset({"", "none", "any", "null", "-", "$"})


@dataclass(slots=True)
class _Usage:
	parent: int
	child: int
	designator: str
	line: int
	quantity: Decimal = Decimal(1)


@dataclass(slots=True)
class _Found:
	products: dict[int, Instance] = field(default_factory=dict[int, Instance])
	formations: dict[int, Instance] = field(default_factory=dict[int, Instance])
	definitions: dict[int, int] = field(default_factory=dict[int, int])
	usages: dict[int, _Usage] = field(default_factory=dict[int, _Usage])
	relations: dict[int, _Usage] = field(default_factory=dict[int, _Usage])  # of complex instances
	components: dict[int, str] = field(default_factory=dict[int, str])  # and their designators
	measured: dict[int, int] = field(default_factory=dict[int, int])  # usage → its measure
	measures: dict[int, float] = field(default_factory=dict[int, float])
	files: dict[int, str] = field(default_factory=dict[int, str])
	referring: dict[int, set[int]] = field(default_factory=dict[int, set[int]])  # what → files


def read_step(path: Path, *, scheme: str = SCHEME) -> ImportedBom:
	"""Parts and lines of the assembly; equal usages are counted into one line. Raises Unreadable."""
	found = _Found()
	for each in instances(path, _ENTITIES):
		_take(found, each)
	for usage, relation in found.relations.items():
		if usage in found.components:
			relation.designator = found.components[usage]
			found.usages[usage] = relation
	for usage, measure in found.measured.items():
		if usage in found.usages and (count := found.measures.get(measure)):
			found.usages[usage].quantity = Decimal(str(count)).normalize()
	problems = Problems()
	parts = _parts(found, scheme, problems)
	if not parts:
		raise Unreadable(
			_("The STEP file holds no product."),
			_("Export it as AP203, AP214 or AP242 with its assembly structure."),
		)
	lines = _lines(found, problems)
	check_structure(list(parts.values()), lines, problems)
	_check_levels(lines)
	notes = [_("{n} products, {m} usages.", n=len(parts), m=len(found.usages))]
	if found.files:
		names = sorted(set(found.files.values()))
		shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
		notes.append(_("It refers to files that are not in it: {names}.", names=shown))
	return ImportedBom(
		source=SCHEME,
		parts=tuple(parts.values()),
		lines=tuple(lines),
		problems=problems.listed(),
		notes=tuple(notes),
		stated=frozenset({"name", "lines", "attributes", "identifiers", "designators"}),
		scheme=scheme,
	)


def _take(found: _Found, each: Instance) -> None:
	match each.name:
		case "PRODUCT":
			found.products[each.id] = each
		case "PRODUCT_DEFINITION_FORMATION" | "PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE":
			found.formations[each.id] = each
		case "PRODUCT_DEFINITION" | "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS":
			if (formation := each.reference(2)) is not None:
				found.definitions[each.id] = formation
			for document in each.references(4):
				found.referring.setdefault(each.id, set()).add(document)
		case "NEXT_ASSEMBLY_USAGE_OCCURRENCE" | "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE":
			_take_usage(found, each)
		case "PRODUCT_DEFINITION_RELATIONSHIP":
			parent, child = each.reference(3), each.reference(4)
			if parent is not None and child is not None:
				found.relations[each.id] = _Usage(parent, child, "", each.line)
		case "ASSEMBLY_COMPONENT_USAGE":
			found.components[each.id] = each.text(0)
		case "DOCUMENT_FILE":
			found.files[each.id] = each.text(0) or each.text(1) or f"#{each.id}"
		case "APPLIED_DOCUMENT_REFERENCE" | "CC_DESIGN_SPECIFICATION_REFERENCE":
			document = each.reference(0)
			items = each.references(2) or each.references(1)
			for item in items if document is not None else ():
				found.referring.setdefault(item, set()).add(document or 0)
		case "MEASURE_WITH_UNIT":
			value = each.parameters[:1]
			if value and isinstance(value[0], float):
				found.measures[each.id] = value[0]
			for inner in each.parameters[1:2]:  # COUNT_MEASURE(2.), #unit
				if isinstance(inner, list) and inner and isinstance(inner[0], float):
					found.measures[each.id] = inner[0]
		case _:
			pass


def _take_usage(found: _Found, each: Instance) -> None:
	if len(each.parameters) < 5:  # a part of a complex instance; its relationship stands beside it
		found.components.setdefault(each.id, "")
		if (measure := each.reference(0)) is not None:
			found.measured[each.id] = measure
		return
	parent, child = each.reference(3), each.reference(4)
	if parent is None or child is None:
		return
	found.usages[each.id] = _Usage(parent, child, each.text(5), each.line)
	measure = each.reference(6)
	if each.name == "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE" and measure is not None:
		found.measured[each.id] = measure


def _key(found: _Found, definition: int) -> str | None:
	"""The part a definition is of: products of one id are one part."""
	formation = found.formations.get(found.definitions.get(definition, 0))
	product = found.products.get(formation.reference(2) or 0) if formation else None
	if product is None:
		return None
	return product.text(0) or product.text(1) or f"#{product.id}"


def _parts(found: _Found, scheme: str, problems: Problems) -> dict[str, ImportedPart]:
	parts: dict[str, ImportedPart] = {}
	for definition, formation_id in found.definitions.items():
		key = _key(found, definition)
		if key is None:
			problems.add(
				_("Definition #{n} belongs to no product.", n=definition),
				_("Export the file again; part of it is missing."),
				value=f"#{definition}",
			)
			continue
		formation = found.formations[formation_id]
		product = found.products[formation.reference(2) or 0]
		names = {
			found.files[document]
			for each in (definition, formation_id, product.id)
			for document in found.referring.get(each, ())
			if document in found.files
		}
		if key not in parts:
			parts[key] = _part(key, product, formation, names, scheme)
	return parts


def _part(
	key: str, product: Instance, formation: Instance, files: set[str], scheme: str
) -> ImportedPart:
	number, name = product.text(0), product.text(1)
	fits = NUMBER[0] <= len(number) <= NUMBER[1]
	revision = formation.text(0)
	if not name or len(name) < NAME[0]:
		name = _("Part {name}", name=name or number or f"#{product.id}")
	return ImportedPart(
		source_key=key,
		number=number if fits else None,
		name=name[: NAME[1]],
		description=product.text(2)[:2000] or None,
		revision=revision if revision.lower() not in _NO_REVISION and len(revision) <= 10 else None,
		attributes=(
			{_("External file"): ImportedValue(", ".join(sorted(files))[:2000])} if files else {}
		),
		identifiers=() if fits or not number else (ImportedIdentifier(scheme, number[:100]),),
		row=product.line,
	)


def _lines(found: _Found, problems: Problems) -> list[ImportedLine]:
	"""One line for each child of a definition. Two definitions of one part must agree."""
	counted: dict[int, Counter[str]] = {}
	named: dict[tuple[int, str], list[str]] = {}
	rows: dict[tuple[int, str], int] = {}
	for usage in found.usages.values():
		child = _key(found, usage.child)
		if child is None or _key(found, usage.parent) is None:
			if usage.parent in found.definitions or usage.child in found.definitions:
				problems.add(
					_("A usage points to a product that is not in the file."),
					_("Export the file again, with all parts of the assembly."),
					row=usage.line,
				)
			continue
		counts = counted.setdefault(usage.parent, Counter())
		counts[child] += usage.quantity  # pyright: ignore[reportArgumentType]
		rows.setdefault((usage.parent, child), usage.line)
		if usage.designator:
			named.setdefault((usage.parent, child), []).append(usage.designator)
	lines: list[ImportedLine] = []
	first: dict[str, int] = {}
	for definition, counts in counted.items():
		parent = _key(found, definition) or ""
		if (other := first.setdefault(parent, definition)) != definition:
			if counted[other] != counts:
				problems.add(
					_("“{name}” is defined twice, with different parts.", name=parent),
					_("Give the two assemblies numbers of their own in the CAD system."),
					row=next(iter(rows.values())),
					value=parent,
				)
			continue
		for child, quantity in counts.items():
			lines.append(
				ImportedLine(
					parent_key=parent,
					child_key=child,
					quantity=Decimal(quantity),
					designators=tuple(named.get((definition, child), ())),
					row=rows[definition, child],
				)
			)
	return lines


def _check_levels(lines: list[ImportedLine]) -> None:
	"""Level by level from the top, so that a chain of any length ends it in time. Raises Unreadable."""
	children: dict[str, list[str]] = {}
	above: Counter[str] = Counter()
	for line in lines:
		children.setdefault(line.parent_key, []).append(line.child_key)
		above[line.child_key] += 1
	level, here = 0, [key for key in children if not above[key]]
	while here:
		level += 1
		if level > LEVELS:
			raise Unreadable(
				_("The assembly has more than {n} levels.", n=LEVELS),
				_("Export the sub-assemblies as files of their own."),
			)
		below: list[str] = []
		for key in here:
			for child in children.get(key, ()):
				above[child] -= 1
				if not above[child]:
					below.append(child)
		here = below
