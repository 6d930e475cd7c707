"""KiCad: the generic netlist (XML) and lists of components as CSV, brought into one grouped table.

Source: KiCad's own description of the intermediate netlist (eeschema, versions 4 to 9): `export`,
`components/comp` with `value`, `footprint`, `fields`, `property`; `design/sheet/title_block`.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from apg.capabilities.plm.imports.columns import normalised
from apg.capabilities.plm.imports.neutral import Problems
from apg.capabilities.plm.imports.readers import LIMITS, Row, RowKind, Table, Unreadable
from apg.kernel.texts import _

COMPONENTS, FIELDS, DEPTH = 200_000, 200, 100
DNF = frozenset({"dnf", "dnl", "dnp", "do not fit", "do not place", "do not load", "nofit", "nostuff", "noplace", "noload", "not fitted", "not loaded", "not placed", "no stuff"})  # fmt: skip
_CONFIG = frozenset({"config", "variant", "dnp", "dnf", "fitted", "populate"})
_UNSAID = frozenset({"", "~", "*"})
_VALUE = re.compile(
	r"(\d+(?:[.,]\d+)?)\s*(?:(p|n|u|µ|μ|m|k|K|M|G|R|Ω)|meg|Meg|MEG)?\s*(\d+)?\s*"
	r"(?:F|f|H|h|R|Ω|ohms?|Ohms?|OHMS?)?"
)
_STEPS = {"p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "k": 3, "K": 3, "M": 6, "G": 9}
_MEASURED = {"R": "Ω", "C": "F", "L": "H"}
_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
REFERENCES = frozenset({"reference", "references", "ref", "refs", "designator", "designators"})
VALUES = frozenset({"value", "designation", "val"})
FOOTPRINTS = frozenset({"footprint", "package"})


@dataclass(slots=True)
class Component:
	"""One symbol of the schematic; `row` is its place in the list, from 1."""

	row: int
	reference: str
	value: str = ""
	footprint: str = ""
	symbol: str = ""
	description: str = ""
	datasheet: str = ""
	fields: dict[str, str] = field(default_factory=dict[str, str])
	flags: set[str] = field(default_factory=set[str])

	@property
	def prefix(self) -> str:
		return self.reference.rstrip("0123456789?").upper()

	@property
	def config(self) -> dict[str, str]:
		"""Fields that say in which variant it is fitted."""
		return {name: text for name, text in self.fields.items() if normalised(name) in _CONFIG}

	@property
	def is_fitted(self) -> bool:
		words = {
			word.strip().lower()
			for text in (*self.config.values(), self.value)
			for word in text.split(",")
		}
		for name, text in self.config.items():
			if normalised(name) in ("dnp", "dnf") and text.strip().lower() in (
				"1",
				"x",
				"yes",
				"true",
			):
				return False
		return "dnp" not in self.flags and not words & DNF


def is_netlist(head: bytes) -> bool:
	return re.search(rb"<export\b", head) is not None


def read_netlist(path: Path) -> tuple[Table, str | None]:
	"""The grouped table, and the title of the schematic. Raises Unreadable."""
	components: list[Component] = []
	excluded: list[str] = []
	title: str | None = None
	current: Component | None = None
	depth = 0
	try:
		for event, element in iterparse(path, events=("start", "end"), forbid_dtd=True):
			depth += 1 if event == "start" else -1
			if depth > DEPTH:
				raise _damaged(_("Elements are nested deeper than {n}.", n=DEPTH))
			if event == "start":
				if element.tag == "comp":
					current = Component(len(components) + 1, element.get("ref", ""))
				continue
			if element.tag == "title" and title is None:
				title = (element.text or "").strip() or None
			if current is None:
				if depth <= 3:
					element.clear()
				continue
			_take(current, element)
			if element.tag == "comp":
				if "exclude_from_bom" in current.flags or not current.reference:
					excluded.append(current.reference or "?")
				else:
					components.append(current)
				current = None
				element.clear()
				if len(components) > COMPONENTS:
					raise _damaged(_("It has more than {n} components.", n=COMPONENTS))
	except DefusedXmlException as error:
		raise Unreadable(
			_("The XML file declares a document type or entities."),
			_("Export the netlist from KiCad again; such declarations are never read."),
		) from error
	except ElementTree.ParseError as error:
		raise _damaged(
			_("Line {line}: {reason}.", line=error.position[0], reason=error.msg)
		) from error
	if not components:
		raise Unreadable(
			_("This XML file is no KiCad netlist with components."),
			_("In KiCad's schematic choose Tools, Generate Bill of Materials, which writes it."),
		)
	notes = [_("KiCad netlist with {n} components.", n=len(components) + len(excluded))]
	if excluded:
		notes.append(_("Excluded from the list in KiCad: {names}.", names=", ".join(excluded[:50])))
	return grouped(components, notes, "utf-8"), title


def _take(component: Component, element: ElementTree.Element) -> None:
	text = (element.text or "").strip()
	match element.tag:
		case "value" | "footprint" | "datasheet" | "description":
			if text not in _UNSAID:
				setattr(component, element.tag, text[: LIMITS.field])
		case "libsource":
			component.symbol = element.get("part", "")
			component.description = component.description or element.get("description", "")
		case "field":
			name = element.get("name", "").strip()
			if name and text not in _UNSAID and normalised(name) not in ("footprint", "datasheet"):
				component.fields[name[:200]] = text[: LIMITS.field]
		case "property":
			name, value = element.get("name", "").strip(), element.get("value", "").strip()
			if name in ("dnp", "exclude_from_bom"):
				component.flags.add(name)
			elif name and value not in _UNSAID and not name.startswith(("ki_", "Sheet")):
				component.fields.setdefault(name[:200], value[: LIMITS.field])
		case _:
			return
	if len(component.fields) > FIELDS:
		raise _damaged(_("{name} has more than {n} fields.", name=component.reference, n=FIELDS))


def _damaged(reason: str) -> Unreadable:
	return Unreadable(
		_("The KiCad netlist cannot be read. {reason}", reason=reason),
		_("Export it from KiCad again and check it."),
	)


# -- grouping ------------------------------------------------------------------------------------


def same_value(text: str, prefix: str) -> str | Decimal:
	"""10K, 10000 and 10k are one value of a resistor, 10n and 0.01uF one of a capacitor."""
	match = _VALUE.fullmatch(text.strip()) if prefix in _MEASURED else None
	if match is None:
		return text.strip().casefold()
	digits, step, behind = match[1].replace(",", "."), match[2], match[3]
	if behind:
		if "." in digits or not step:
			return text.strip().casefold()
		digits = f"{digits}.{behind}"
	power = _STEPS.get(step or "", 6 if "meg" in text.lower() else 0)
	return Decimal(digits).scaleb(power).normalize()


def _shown(component: Component) -> str:
	"""The value in one way of writing, so that a part keeps its name whichever symbol is first."""
	value = same_value(component.value, component.prefix)
	if isinstance(value, str):
		return component.value.strip()
	power = max(-12, min(9, (value.adjusted() // 3) * 3)) if value else 0
	text = f"{value.scaleb(-power).normalize():f}"
	unit = _MEASURED[component.prefix]
	return f"{text} {_PREFIXES[power]}{unit}"


def grouped(components: Sequence[Component], notes: Iterable[str], encoding: str) -> Table:
	"""Equal components in one row: value, footprint, symbol and the fields that name a part."""
	names = list(dict.fromkeys(n for c in components for n in c.fields if n not in c.config))
	groups: dict[tuple[object, ...], list[Component]] = {}
	for each in components:
		key = (
			same_value(each.value, each.prefix),
			each.footprint.casefold(),
			each.symbol.casefold(),
			each.is_fitted,
			tuple(each.fields.get(name, "").casefold() for name in names),
		)
		groups.setdefault(key, []).append(each)
	problems = Problems()
	headers = ("Designators", "Quantity", "Name", "Value", "Footprint", "Description", "Datasheet", "Note", *(n for n in names))  # fmt: skip
	rows: list[Row] = []
	for group in groups.values():
		first = group[0]
		told = _told(group)
		references = ", ".join(each.reference for each in group)
		if not first.is_fitted:
			problems.warn(
				_(
					"{names}: not fitted ({told}); no line is made of it.",
					names=references,
					told=told,
				),
				_("Take the mark away in KiCad if it belongs to the assembly."),
				row=first.row,
				value=references,
			)
		value = _shown(first)
		cells = (
			references,
			str(len(group)),
			name_of(first.symbol, value, first.footprint),
			value,
			first.footprint,
			first.description,
			first.datasheet,
			told,
			*(first.fields.get(name, "") for name in names),
		)
		kind = RowKind.DATA if first.is_fitted else RowKind.FOOTER
		rows.append(Row(first.row, cells, kind))
	return Table(
		_told_apart(headers), tuple(rows), encoding, ",", 0, problems.listed(), tuple(notes)
	)


def _told(group: Sequence[Component]) -> str:
	"""What the fields of variants say, with the designators they say it of."""
	said: dict[str, list[str]] = {}
	for each in group:
		marks = [f"{name}: {text}" for name, text in each.config.items()]
		marks += ["DNP"] if "dnp" in each.flags else []
		for mark in marks:
			said.setdefault(mark, []).append(each.reference)
	return "; ".join(
		mark if len(names) == len(group) else f"{mark} ({', '.join(names)})"
		for mark, names in said.items()
	)


def name_of(symbol: str, value: str, footprint: str) -> str:
	"""A name people know the part by: symbol, value and footprint without its library."""
	package = footprint.rpartition(":")[2]
	name = " ".join(each for each in dict.fromkeys((symbol, value, package)) if each)
	return name[:200] if len(name) > 2 else f"{_('Part')} {name}"


def _told_apart(headers: Sequence[str]) -> tuple[str, ...]:
	seen: Counter[str] = Counter()
	found: list[str] = []
	for header in headers:
		seen[header.casefold()] += 1
		number = seen[header.casefold()]
		found.append(header if number == 1 else f"{header} ({number})")
	return tuple(found)


# -- lists of components as CSV --------------------------------------------------------------------


def with_names(table: Table) -> Table:
	"""A list of KiCad names no part: it gets a column `Name` of value and footprint, and rows that
	are not fitted make no line. Any other table is as it was."""
	at = {normalised(heading): n for n, heading in reversed(list(enumerate(table.headers)))}
	reference, value, footprint = (_first(at, known) for known in (REFERENCES, VALUES, FOOTPRINTS))
	if reference is None or value is None or footprint is None or "name" in at:
		return table
	symbol = _first(at, frozenset({"cmp name", "symbol", "libpart", "part"}))
	marks = [n for heading, n in at.items() if heading in ("dnp", "dnf", "do not place")]
	problems, rows = Problems(), list[Row]()
	for row in table.rows:
		cells = row.cells
		name = name_of(cells[symbol] if symbol is not None else "", cells[value], cells[footprint])
		kind = row.kind
		told = cells[value].strip().lower() in DNF or any(
			cells[n].strip().lower() not in ("", "0", "no", "false") for n in marks
		)
		if kind is RowKind.DATA and told:
			kind = RowKind.FOOTER
			problems.warn(
				_("{names}: not fitted; no line is made of it.", names=cells[reference]),
				_("Take the mark away in KiCad if it belongs to the assembly."),
				row=row.number,
				value=cells[reference],
			)
		rows.append(Row(row.number, (*cells, name), kind))
	return Table(
		(*table.headers, "Name"),
		tuple(rows),
		table.encoding,
		table.delimiter,
		table.header_row,
		(*table.problems, *problems.listed()),
		(*table.guesses, _("A list of components: parts are named by value and footprint.")),
	)


def _first(at: Mapping[str, int], known: frozenset[str]) -> int | None:
	return next((n for heading, n in at.items() if heading in known), None)
