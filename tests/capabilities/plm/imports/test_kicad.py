"""KiCad: equal components in one line, whatever way their values are written; what is not fitted is told."""

from decimal import Decimal
from pathlib import Path

import pytest

from apg.capabilities.plm.imports import kicad
from apg.capabilities.plm.imports.bom_rows import read_bom
from apg.capabilities.plm.imports.columns import guess
from apg.capabilities.plm.imports.neutral import ImportedBom
from apg.capabilities.plm.imports.readers import read_csv
from apg.kernel.file_kinds import Unreadable

GIVEN = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "plm" / "kicad"


def component(
	reference: str, value: str = "10k", more: str = "", footprint: str = "L:R_0402"
) -> str:
	return (
		f'<comp ref="{reference}"><value>{value}</value><footprint>{footprint}</footprint>'
		f'{more}<libsource lib="Device" part="R" description="Resistor"/></comp>'
	)


def netlist(tmp_path: Path, *components: str, head: str = "", title: str = "Board") -> Path:
	path = tmp_path / "file"
	path.write_text(
		f"<?xml version='1.0'?>{head}<export version='E'><design><sheet><title_block>"
		f"<title>{title}</title></title_block></sheet></design>"
		f"<components>{''.join(components)}</components></export>"
	)
	return path


def bom_of(path: Path) -> ImportedBom:
	table, title = kicad.read_netlist(path)
	return read_bom(table, guess(table), title=title, scheme="kicad")


def lines(bom: ImportedBom) -> list[tuple[str | None, Decimal, tuple[str, ...], str | None]]:
	names = {part.source_key: part.name for part in bom.parts}
	return [(names[x.child_key], x.quantity, x.designators, x.note) for x in bom.lines]


@pytest.mark.skipif(not GIVEN.exists(), reason="the given data is not beside the checkout")
def test_the_given_netlist() -> None:
	"""Counted by hand in the schematic: R1 is 10000, R2 to R5 are 10K; C1 to C4 are all 10 nF."""
	bom = bom_of(GIVEN / "kibom-test.xml")
	assert lines(bom) == [
		("R 10 kΩ R_0805_2012Metric", Decimal(5), ("R1", "R2", "R3", "R4", "R5"), None),
		("R 4.7 kΩ R_0805_2012Metric", Decimal(2), ("R7", "R8"), "Config: DNC (R7)"),
		("R 4.7 kΩ R_0603_1608Metric", Decimal(2), ("R9", "R10"), None),
		("C 10 nF C_0603_1608Metric", Decimal(4), ("C1", "C2", "C3", "C4"), None),
	]
	assert [(each.row, each.value) for each in bom.problems] == [(6, "R6")]
	assert "Config: DNF" in bom.problems[0].reason
	assert {line.parent_key for line in bom.lines} == {"KiBom Test Schematic"}


@pytest.mark.parametrize(
	("one", "other", "prefix"),
	[
		("10k", "10000", "R"),
		("4K7", "4.7k", "R"),
		("4R7", "4.7", "R"),
		("1M", "1000k", "R"),
		("1 Meg", "1M", "R"),
		("10 kOhm", "10K", "R"),
		("10n", "0.01uF", "C"),
		("100nF", "0.1µF", "C"),
		("2u2", "2.2µ", "C"),
		("1mH", "1000uH", "L"),
	],
)
def test_values_that_are_one(one: str, other: str, prefix: str) -> None:
	assert kicad.same_value(one, prefix) == kicad.same_value(other, prefix)


@pytest.mark.parametrize(
	("one", "other", "prefix"),
	[("1m", "1M", "R"), ("10k", "10k 1%", "R"), ("LM358", "LM358N", "U"), ("10k", "10", "R")],
)
def test_values_that_differ(one: str, other: str, prefix: str) -> None:
	assert kicad.same_value(one, prefix) != kicad.same_value(other, prefix)


def test_fields_name_parts_and_keep_them_apart(tmp_path: Path) -> None:
	def with_maker(number: str) -> str:
		return (
			f'<fields><field name="MPN">{number}</field><field name="Manufacturer">Vishay</field>'
			"</fields>"
		)

	bom = bom_of(
		netlist(
			tmp_path,
			component("R1", more=with_maker("A-1")),
			component("R2", more=with_maker("A-1")),
			component("R3", more=with_maker("B-1")),
		)
	)
	assert [(x.scheme, x.value, x.issuer) for part in bom.parts for x in part.identifiers] == [
		("mpn", "A-1", "Vishay"),
		("mpn", "B-1", "Vishay"),
	]
	assert [line.designators for line in bom.lines] == [("R1", "R2"), ("R3",)]


def test_marks_of_newer_versions(tmp_path: Path) -> None:
	path = netlist(
		tmp_path,
		component("R1"),
		component("R2", more='<property name="dnp"/>'),
		component("H1", "Hole", more='<property name="exclude_from_bom"/>'),
		component(
			"R3", more='<property name="Sheetname" value="x"/><property name="ki_x" value="y"/>'
		),
	)
	bom = bom_of(path)
	assert [line.designators for line in bom.lines] == [("R1", "R3")]
	assert [each.value for each in bom.problems] == ["R2"]
	assert "H1" in " ".join(bom.notes)


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
	("head", "value", "reason"),
	[
		(LAUGHS, "&b;", "declares a document type"),
		(EXTERNAL, "&a;", "declares a document type"),
		('<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">', "1", "declares a document type"),
		("", "&undefined;", "cannot be read"),
		("", "<" * 10, "cannot be read"),
		("", "<a>" * 200 + "</a>" * 200, "nested deeper than 100"),
	],
)
def test_hostile_xml_is_refused(tmp_path: Path, head: str, value: str, reason: str) -> None:
	with pytest.raises(Unreadable, match=reason) as told:
		kicad.read_netlist(netlist(tmp_path, component("R1", value), head=head))
	assert told.value.remedy


def test_other_xml_is_refused(tmp_path: Path) -> None:
	with pytest.raises(Unreadable, match="no KiCad netlist with components"):
		kicad.read_netlist(netlist(tmp_path))


def test_too_many_fields_and_components_are_refused(
	tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(kicad, "COMPONENTS", 3)
	with pytest.raises(Unreadable, match="more than 3 components"):
		kicad.read_netlist(netlist(tmp_path, *(component(f"R{n}") for n in range(4))))
	fields = "".join(f'<field name="f{n}">x</field>' for n in range(201))
	with pytest.raises(Unreadable, match="more than 200 fields"):
		kicad.read_netlist(netlist(tmp_path, component("R1", more=f"<fields>{fields}</fields>")))


@pytest.mark.parametrize(
	"text",
	[
		'"Reference";"Value";"Footprint";"Qty";"DNP"\n"R1-R3";"10k";"L:R_0402";"3";""\n'
		'"C1";"DNP";"L:C_0402";"1";""\n"C2";"10n";"L:C_0402";"1";"DNP"\n',
		"Source:,board.sch\nDate:,today\nTool:,Eeschema\nComponent Count:,5\n\n"
		"Ref,Qnty,Value,Footprint,DNP\n"
		'"R1,R2,R3",3,10k,L:R_0402,\nC1,1,DNP,L:C_0402,\nC2,1,10n,L:C_0402,1\n',
	],
)
def test_lists_of_components_name_parts_by_value_and_footprint(text: str) -> None:
	table = kicad.with_names(read_csv(text.encode()))
	bom = read_bom(table, guess(table), parent="PCB-1")
	assert [(x.quantity, x.designators) for x in bom.lines] == [(Decimal(3), ("R1", "R2", "R3"))]
	assert {part.name for part in bom.parts if part.name} == {"10k R_0402"}
	assert [each.value for each in bom.problems if "not fitted" in each.reason] == ["C1", "C2"]


def test_any_other_table_is_as_it_was() -> None:
	table = read_csv(b"Number,Name,Value,Footprint,Reference\nA-1,x,1,2,R1\n")
	assert kicad.with_names(table) is table
