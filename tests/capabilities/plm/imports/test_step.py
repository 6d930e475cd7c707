"""STEP assemblies: who uses whom and how often, whatever the form; what is damaged is refused."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.plm.imports import part21, step
from apg.capabilities.plm.imports.neutral import ImportedBom
from apg.capabilities.plm.imports.part21 import decoded
from apg.embedded.confined import confined
from apg.kernel.file_kinds import Unreadable

GIVEN = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "plm" / "step"
HEAD = "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nENDSEC;\nDATA;\n"
END = "ENDSEC;\nEND-ISO-10303-21;\n"


def product(at: int, number: str, name: str = "", revision: str = "") -> str:
	"""Product, formation and definition as #at, #at+1, #at+2."""
	return (
		f"#{at}=PRODUCT('{number}','{name or number}','',(#900));\n"
		f"#{at + 1}=PRODUCT_DEFINITION_FORMATION('{revision}','',#{at});\n"
		f"#{at + 2}=PRODUCT_DEFINITION('design','',#{at + 1},#901);\n"
	)


def usage(at: int, parent: int, child: int, designator: str = "$") -> str:
	return f"#{at}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{at}','u','',#{parent},#{child},{designator});\n"


def read(tmp_path: Path, body: str, raw: bytes | None = None) -> ImportedBom:
	path = tmp_path / "file"
	path.write_bytes(raw if raw is not None else (HEAD + body + END).encode())
	return step.read_step(path)


def counted(bom: ImportedBom) -> list[tuple[str, str, Decimal]]:
	return sorted((line.parent_key, line.child_key, line.quantity) for line in bom.lines)


@pytest.mark.skipif(not GIVEN.exists(), reason="the given data is not beside the checkout")
def test_the_given_assembly_is_read_as_it_was_counted() -> None:
	expected = json.loads((GIVEN / "as1_expected.json").read_text())
	bom = step.read_step(GIVEN / "as1-oc-214.stp")
	assert counted(bom) == sorted((p, c, Decimal(n)) for p, c, n in expected["lines"])
	assert len(bom.parts) == expected["products"]
	assert bom.problems == ()
	assert f"{expected['usages']} usages" in bom.notes[0]
	assert [(part.number, part.row) for part in bom.parts][:2] == [
		("as1", 18),
		("rod-assembly", 56),
	]


def test_usages_are_counted_and_their_designators_kept(tmp_path: Path) -> None:
	bom = read(
		tmp_path,
		product(1, "TOP-1", "Top") + product(11, "SUB-1", "Sub", "B")
		+ usage(21, 3, 13, "'R1'") + usage(22, 3, 13, "'R2'") + usage(23, 3, 13, "'R3'"),
	)  # fmt: skip
	(line,) = bom.lines
	assert (line.quantity, line.designators) == (Decimal(3), ("R1", "R2", "R3"))
	assert [(part.number, part.name, part.revision) for part in bom.parts] == [
		("TOP-1", "Top", None),
		("SUB-1", "Sub", "B"),
	]


def test_quantities_of_quantified_and_complex_usages(tmp_path: Path) -> None:
	bom = read(
		tmp_path,
		product(1, "TOP-1") + product(11, "OIL-1") + product(31, "GLUE-1")
		+ "#21=QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('1','q','',#3,#13,$,#22);\n"
		"#22=MEASURE_WITH_UNIT(VOLUME_MEASURE(2.5),#23);\n"
		"#24=(ASSEMBLY_COMPONENT_USAGE('X7')NEXT_ASSEMBLY_USAGE_OCCURRENCE()\n"
		"PRODUCT_DEFINITION_RELATIONSHIP('2','c','',#3,#33)PRODUCT_DEFINITION_USAGE()\n"
		"QUANTIFIED_ASSEMBLY_COMPONENT_USAGE(#25));\n"
		"#25=MEASURE_WITH_UNIT(COUNT_MEASURE(4.),#23);\n"
		"#26=(PRODUCT_DEFINITION_RELATIONSHIP('3','other','',#33,#13)NAME_OF_ANOTHER());\n",
	)  # fmt: skip
	assert counted(bom) == [
		("TOP-1", "GLUE-1", Decimal(4)),
		("TOP-1", "OIL-1", Decimal("2.5")),
	]
	assert [line.designators for line in bom.lines if line.child_key == "GLUE-1"] == [("X7",)]


def test_files_it_refers_to_are_named(tmp_path: Path) -> None:
	bom = read(
		tmp_path,
		product(1, "TOP-1") + product(11, "SUB-1") + usage(21, 3, 13)
		+ "#31=DOCUMENT_FILE('sub-1.stp','','',#32,'',$);\n"
		"#33=APPLIED_DOCUMENT_REFERENCE(#31,'',(#13));\n",
	)  # fmt: skip
	assert "sub-1.stp" in bom.notes[1]
	assert {part.number: [v.text for v in part.attributes.values()] for part in bom.parts} == {
		"TOP-1": [],
		"SUB-1": ["sub-1.stp"],
	}


@pytest.mark.parametrize(
	("written", "meant"),
	[
		(r"Geh\X2\00E4\X0\use", "Gehäuse"),
		(r"\X2\03A903B1\X0\!", "Ωα!"),
		(r"\X4\0001F600\X0\.", "😀."),
		(r"Geh\X\E4use", "Gehäuse"),
		(r"Geh\S\duse", "Gehäuse"),
		(r"\PE\\S\P", "\u0430"),
		("it''s", "it's"),
		(r"C:\\parts", r"C:\parts"),
		(r"one\N\two", "one two"),
		("", ""),
	],
)
def test_strings_are_decoded(written: str, meant: str) -> None:
	assert decoded(written) == meant


def test_names_in_every_encoding_reach_the_part(tmp_path: Path) -> None:
	text = HEAD + product(1, "A-1", r"Geh\X2\00E4\X0\use") + product(11, "B-1", "Öl; (#1)") + END
	for raw in (text.encode(), text.encode("latin-1")):
		bom = read(tmp_path, "", raw)
		assert [part.name for part in bom.parts] == ["Gehäuse", "Öl; (#1)"]


def test_comments_strings_and_spaces_do_not_mislead(tmp_path: Path) -> None:
	bom = read(
		tmp_path,
		"/* #1=PRODUCT('NO','NO','',()); */\n#5 = DESCRIPTIVE('#6=PRODUCT(''NO'',''NO'','''',());');\n"
		"#1 = /* here */ PRODUCT ( 'YES-1' ,\n\t'Yes' , $ , ( #900 , #901 ) ) ;\n"
		"#2=PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE('A','',#1,.MADE.);\n"
		"#3=PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS('design','',#2,#901,());\n",
	)
	assert [(part.number, part.name, part.revision) for part in bom.parts] == [
		("YES-1", "Yes", "A")
	]


def test_two_definitions_of_one_product(tmp_path: Path) -> None:
	twice = product(1, "TOP-1") + product(11, "SUB-1") + product(21, "TOP-1")
	bom = read(tmp_path, twice + usage(31, 3, 13) + usage(32, 23, 13))
	assert (counted(bom), bom.problems) == ([("TOP-1", "SUB-1", Decimal(1))], ())
	bom = read(tmp_path, twice + usage(31, 3, 13) + usage(32, 23, 13) + usage(33, 23, 13))
	assert [problem.reason for problem in bom.problems] == [
		"“TOP-1” is defined twice, with different parts."
	]


def test_numbers_that_are_none_become_keys(tmp_path: Path) -> None:
	bom = read(tmp_path, product(1, "1", "Bracket") + product(11, "x" * 60, "Long"))
	assert [(part.number, part.name, part.identifiers[0].value[:4]) for part in bom.parts] == [
		(None, "Bracket", "1"),
		(None, "Long", "xxxx"),
	]


def test_an_assembly_that_holds_itself_is_a_problem(tmp_path: Path) -> None:
	parts = product(1, "AAA-1") + product(11, "BBB-1")
	bom = read(tmp_path, parts + usage(21, 3, 13) + usage(22, 13, 3))
	assert "contain each other" in bom.problems[0].reason


DEEP = "".join(product(10 * n + 1, f"P-{n:05}") for n in range(1_000)) + "".join(
	usage(20_000 + n, 10 * n + 3, 10 * n + 13) for n in range(999)
)


@pytest.mark.parametrize(
	("body", "reason"),
	[
		("#1=CARTESIAN_POINT('',(0.,0.,0.));\n", "holds no product"),
		(product(1, "A-1") + "#9=PRODUCT('open", "ends in the middle"),
		(product(1, "A-1") + "/* open", "ends in the middle"),
		("#1=PRODUCT(" + "(" * 40 + ");\n", "nested deeper than 32"),
		("#1=PRODUCT(" + "(" * 100_000 + ")" * 100_000 + ");\n", "nested deeper than 32"),
		("#1=PRODUCT('a',=);\n", "cannot be read"),
		("#1=PRODUCT('" + "x" * 5_000_000 + "');\n", "more than 4000000 bytes"),
		(DEEP, "more than 200 levels"),
	],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, body: str, reason: str) -> None:
	with pytest.raises(Unreadable, match=reason) as told:
		read(tmp_path, body)
	assert told.value.remedy


def test_a_file_without_its_end_is_refused(tmp_path: Path) -> None:
	with pytest.raises(Unreadable, match="ends in the middle"):
		read(tmp_path, "", (HEAD + product(1, "A-1")).encode())


def test_too_many_instances_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(part21, "INSTANCES", 100)
	with pytest.raises(Unreadable, match="more than 100 instances"):
		read(tmp_path, "".join(f"#{n}=DIRECTION('',(1.,0.,0.));\n" for n in range(1, 102)))


def test_a_usage_of_something_missing_is_a_problem(tmp_path: Path) -> None:
	bom = read(tmp_path, product(1, "TOP-1") + usage(21, 3, 777))
	assert [problem.row for problem in bom.problems] == [9]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
	path = Path("/tmp") / f"apg-step-{id(content)}"
	path.write_bytes(HEAD.encode() + content + END.encode())
	try:
		step.read_step(path)
	except Unreadable as refusal:
		assert refusal.remedy  # noqa: PT017
	finally:
		path.unlink()


@pytest.mark.slow
def test_three_hundred_megabytes_are_read_within_the_memory_limit(tmp_path: Path) -> None:
	path = tmp_path / "large.stp"
	with path.open("w") as file:
		file.write(HEAD)
		for n in range(200):
			file.write(product(10 * n + 1, f"P-{n:05}"))
		for n in range(1, 200):
			file.write(usage(10_000 + n, 3, 10 * n + 3))
		at = 20_000
		while file.tell() < 299_000_000:
			file.writelines(
				f"#{at + n}=CARTESIAN_POINT('',({n * 0.123456789},{n * 0.987654321},-12.5));\n"
				for n in range(10_000)
			)
			at += 10_000
		file.write(END)
	bom = asyncio.run(confined(step.read_step, 1_000_000_000, 300, path))
	assert (len(bom.parts), len(bom.lines)) == (200, 199)
