"""A file end to end: compared, taken over, and again; what must not happen beside it."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.people import Person

from apg.capabilities.plm.imports import service
from apg.capabilities.plm.imports.applying import carry_out
from apg.capabilities.plm.imports.files import Form, Options, read_path
from apg.capabilities.plm.imports.models import ImportHasProblems, ImportState, PreviewStale
from apg.capabilities.plm.imports.planning import make_plan
from apg.capabilities.plm.imports.plans import Plan
from apg.capabilities.plm.imports.schemas import ImportOptions, ImportPatch
from apg.capabilities.plm.products import bulk
from apg.capabilities.plm.products import service as products
from apg.capabilities.plm.products.schemas import ProductIn
from apg.capabilities.plm.revisions import service as revisions
from apg.capabilities.plm.revisions.schemas import ReleaseIn
from apg.capabilities.plm.structures import service as structures
from apg.capabilities.plm.structures.schemas import LineIn
from apg.kernel.runtime import Runtime
from apg.kernel.tasks import Cancelled
from apg.kernel.work import open_work

SET = (
	files("apg.demo").joinpath("inventree", "inventree_demo_2024-02-28_parts_bom.json").read_bytes()
)
TABLES = [
	"plm_items",
	"plm_revisions",
	"plm_identifiers",
	"plm_item_costs",
	"plm_lines",
	"plm_line_substitutes",
]


@pytest.fixture
def runtime(app: FastAPI) -> Runtime:
	return app.state.runtime


async def ask(runtime: Runtime, person: Person, sql: str, **values: Any) -> list[Any]:
	async with open_work(
		runtime, person.principal, action="test", origin="task", read_only=True
	) as work:
		return [tuple(row) for row in await work.execute(text(sql), values)]


async def one(runtime: Runtime, person: Person, sql: str, **values: Any) -> Any:
	return (await ask(runtime, person, sql, **values))[0][0]


async def state_of(runtime: Runtime, person: Person) -> dict[str, Any]:
	"""Every row of PLM by table, with its version, and how much was recorded."""
	found: dict[str, Any] = {}
	for table in TABLES:
		rows = await ask(runtime, person, f"select id::text, version from {table} order by id")
		found[table] = dict(rows)
	for table in ("plm_imports", "plm_number_series"):
		found[table] = await ask(
			runtime, person, f"select id::text, version from {table} order by id"
		)
	found["audit"] = await one(runtime, person, "select count(*) from audit_entries")
	return found


async def run(runtime: Runtime, person: Person, content: bytes, dry_run: bool = False) -> Any:
	return await service.import_now(runtime, person.principal, "file", content, dry_run=dry_run)


async def accepted(runtime: Runtime, person: Person, content: bytes | str) -> dict[str, Any]:
	raw = content.encode() if isinstance(content, str) else content
	told = await run(runtime, person, raw)
	assert told["accepted"], told["problems"]
	return told["counts"]


async def refused(runtime: Runtime, person: Person, content: str) -> list[tuple[Any, str]]:
	before = await state_of(runtime, person)
	told = await run(runtime, person, content.encode())
	assert not told["accepted"]
	after = await state_of(runtime, person)
	assert {name: after[name] for name in TABLES} == {name: before[name] for name in TABLES}
	return [(p["row"], p["reason"]) for p in told["problems"] if p["severity"] == "error"]


def changed_copy(change: Callable[[list[dict[str, Any]]], None]) -> bytes:
	records = json.loads(SET)
	change(records)
	return json.dumps(records).encode()


def fields(records: list[dict[str, Any]], model: str, pk: int) -> dict[str, Any]:
	return next(r["fields"] for r in records if r["model"] == model and r["pk"] == pk)


# -- the InvenTree set -------------------------------------------------------------------------


async def test_the_inventree_set_comes_in_whole(runtime: Runtime, alice: Person) -> None:
	counts = await accepted(runtime, alice, SET)
	nothing = {"changed": 0, "removed": 0}
	assert counts == {
		"parts": {"added": 414, "unchanged": 0} | nothing,
		"lines": {"added": 255, "unchanged": 0} | nothing,
		"prices": {"added": 1259} | nothing,
		"identifiers": {"added": 1374} | nothing,
		"attributes": {"added": 1239} | nothing,
		"substitutes": {"added": 3} | nothing,
		"revisions": {"added": 0} | nothing,
	}
	recorded = [await one(runtime, alice, f"select count(*) from {table}") for table in TABLES]
	assert recorded == [414, 414, 1374, 1259, 255, 3]
	assert await ask(
		runtime,
		alice,
		"select i.number, i.product_type, i.class_path, i.unit_of_measure, i.tags, r.name, r.label, "
		"r.state, r.attributes from plm_items i join plm_revisions r on r.id = i.current_revision_id "
		"join plm_identifiers d on d.item_id = i.id and d.scheme = 'inventree' and d.value = '1'",
	) == [
		(
			"P-000001",
			"purchased",
			"Electronics/Passives/Resistors",
			"each",
			["resistor", "smd", "0402"],
			"R_10R_0402_1%",
			"A",
			"working",
			{"Package": "0402", "Resistance": "10 Ω", "Tolerance": "1 %", "Power": "0.1 W"},
		)
	]
	# A reel of 300 m for 255 dollars is 0.85 a metre, from 300 m on.
	assert await ask(
		runtime,
		alice,
		"select c.kind, c.amount, c.currency, c.quantity_break, c.supplier, c.source "
		"from plm_item_costs c where c.sku = 'WIRE.WHT.10AWG.100M'",
	) == [("purchase", Decimal("0.85"), "USD", Decimal(300), "Wirey", "inventree")]


async def test_lines_keep_what_the_file_says_of_them(runtime: Runtime, alice: Person) -> None:
	await accepted(runtime, alice, SET)
	found = await ask(
		runtime,
		alice,
		"select l.find_number, l.quantity, l.unit, l.designators, l.note, l.source, "
		"(select array_agg(d2.value order by s.rank) from plm_line_substitutes s "
		"join plm_identifiers d2 on d2.item_id = s.item_id and d2.scheme = 'inventree' "
		"where s.line_id = l.id) from plm_lines l "
		"join plm_revisions r on r.id = l.parent_revision_id "
		"join plm_identifiers p on p.item_id = r.item_id and p.scheme = 'inventree' "
		"join plm_identifiers c on c.item_id = l.child_item_id and c.scheme = 'inventree' "
		"where p.value = '88' and c.value = '61'",
	)
	assert [row[1:] for row in found] == [
		(Decimal(1), "each", ["U1"], "RS232 transceiver", "inventree", ["62"])
	]
	numbers = await ask(
		runtime,
		alice,
		"select array_agg(l.find_number order by l.find_number) from plm_lines l "
		"join plm_revisions r on r.id = l.parent_revision_id join plm_identifiers p "
		"on p.item_id = r.item_id and p.scheme = 'inventree' where p.value = '77'",
	)
	assert numbers == [([10 * n for n in range(1, len(numbers[0][0]) + 1)],)]


async def test_the_same_file_again_writes_nothing(runtime: Runtime, alice: Person) -> None:
	await accepted(runtime, alice, SET)
	before = await state_of(runtime, alice)
	counts = await accepted(runtime, alice, SET)
	assert counts["parts"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 414}
	assert counts["lines"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 255}
	assert await state_of(runtime, alice) == before
	assert {version for table in TABLES for version in before[table].values()} == {1}


async def test_a_dry_run_writes_nothing(runtime: Runtime, alice: Person) -> None:
	before = await state_of(runtime, alice)
	told = await run(runtime, alice, SET, dry_run=True)
	assert not told["accepted"]
	assert told["counts"]["parts"]["added"] == 414
	assert told["summary"].startswith("Would change: parts: 414 added")
	assert await state_of(runtime, alice) == before


async def test_only_what_differs_in_a_changed_copy_is_written(
	runtime: Runtime, alice: Person
) -> None:
	await accepted(runtime, alice, SET)

	def change(records: list[dict[str, Any]]) -> None:
		fields(records, "part.part", 1)["description"] = "thick film"
		item = next(
			r for r in records if r["model"] == "part.bomitem" and r["fields"]["part"] == 88
		)
		item["fields"]["quantity"] = "7"
		gone = next(
			r for r in records if r["model"] == "part.bomitem" and r["fields"]["part"] == 87
		)
		records.remove(gone)
		records[:] = [
			r
			for r in records
			if r["model"] != "part.bomitemsubstitute" or r["fields"]["bom_item"] != gone["pk"]
		]
		price = next(
			r
			for r in records
			if r["model"] == "company.supplierpricebreak"
			and fields(records, "company.supplierpart", r["fields"]["part"])["part"] == 1
		)
		price["fields"]["price"] = "0.9999"
		new = dict(
			fields(records, "part.part", 1), name="R_47R_0402", IPN="R-47", description="new"
		)
		records.append({"model": "part.part", "pk": 99_001, "fields": new})

	content = changed_copy(change)
	told = await run(runtime, alice, content, dry_run=True)
	assert told["counts"]["parts"] == {"added": 1, "changed": 1, "removed": 0, "unchanged": 413}
	assert told["counts"]["lines"] == {"added": 0, "changed": 1, "removed": 1, "unchanged": 253}
	assert told["counts"]["prices"] == {"added": 0, "changed": 1, "removed": 0}
	before = await state_of(runtime, alice)
	await accepted(runtime, alice, content)
	after = await state_of(runtime, alice)
	moved = {
		table: sorted(
			after[table].get(row_id, 0) - version
			for row_id, version in before[table].items()
			if after[table].get(row_id) != version
		)
		for table in TABLES
	}
	assert moved == {
		"plm_items": [],
		"plm_revisions": [1, 1, 1],  # the part's own, and of the two assemblies whose lines changed
		"plm_identifiers": [],
		"plm_item_costs": [1],
		"plm_lines": [-1, 1],
		"plm_line_substitutes": [-1, -1],
	}
	assert {name: len(after[name]) - len(before[name]) for name in TABLES} == {
		"plm_items": 1,
		"plm_revisions": 1,
		"plm_identifiers": 1,
		"plm_item_costs": 0,
		"plm_lines": -1,
		"plm_line_substitutes": -2,
	}
	assert (
		await one(runtime, alice, "select count(*) from plm_item_costs where amount = 0.9999") == 1
	)
	assert (await accepted(runtime, alice, content))["parts"]["unchanged"] == 415


async def test_another_company_has_nothing_of_it(
	runtime: Runtime, alice: Person, charlie: Person
) -> None:
	await accepted(runtime, alice, SET)
	for table in (*TABLES, "plm_imports", "plm_import_changes", "plm_import_problems"):
		assert await one(runtime, charlie, f"select count(*) from {table}") == 0
	counts = await accepted(runtime, charlie, SET)
	assert counts["parts"]["added"] == 414


async def test_one_event_for_each_new_product_and_changed_structure(
	runtime: Runtime, alice: Person
) -> None:
	async with open_work(runtime, alice.principal, action="test", origin="task") as work:
		plan = await _plan(work, SET, Form.INVENTREE)
		await carry_out(work, plan)
		names = [event.name for event in work._events]
	assert names.count("plm.product.created.v1") == 414
	assert names.count("plm.structure.changed.v1") == 20
	assert len(names) == 434


# -- nothing half done -------------------------------------------------------------------------


async def _plan(work: Any, content: bytes, form: Form = Form.CSV, **options: Any) -> Plan:
	with tempfile.NamedTemporaryFile() as file:
		file.write(content)
		file.flush()
		read = read_path(file.name, form, Options(**options), {}, {})
	return await make_plan(work, read.bom, read.source, lock=True)


async def test_what_is_stopped_in_the_middle_leaves_nothing(
	runtime: Runtime, alice: Person
) -> None:
	before = await state_of(runtime, alice)
	seen: list[tuple[int, int]] = []

	async def report(done: int, total: int) -> None:
		seen.append((done, total))
		assert await work.scalar(text("select count(*) from plm_items")) == 414
		raise Cancelled("test")

	with pytest.raises(Cancelled):
		async with open_work(runtime, alice.principal, action="test", origin="task") as work:
			await carry_out(work, await _plan(work, SET, Form.INVENTREE), report)
	assert seen == [(414, 669)]
	assert await state_of(runtime, alice) == before


async def test_accepting_twice_does_nothing_more(runtime: Runtime, alice: Person) -> None:
	content = b"Number,Name,Quantity,Parent\nTOP,Top part,,\nSUB,Sub part,2,TOP\n"
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		held = await service.create(work, "a.csv", service.pieces(content), ImportOptions())
		import_id = held.id
		assert (held.state, held.problem_count) == (ImportState.PREVIEWED, 0)
	sha256 = held.file_sha256
	place = runtime.settings.home / "files" / alice.tenant_id / sha256[:2] / sha256
	assert place.read_bytes() == content
	assert place.stat().st_mode & 0o777 == 0o600
	for _time in range(2):
		async with open_work(runtime, alice.principal, action="test", origin="api") as work:
			held = await service.accept(work, import_id)
			assert held.state == ImportState.DONE
		assert await one(runtime, alice, "select count(*) from plm_items") == 2
	assert place.read_bytes() == content  # what was taken over can be traced to its file
	assert await one(runtime, alice, "select max(version) from plm_items") == 1


async def test_a_preview_that_no_longer_holds_is_refused(runtime: Runtime, alice: Person) -> None:
	content = b"Number,Name\nTOP,Top part\n"
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		import_id = (
			await service.create(work, "a.csv", service.pieces(content), ImportOptions())
		).id
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		await products.create(
			work,
			ProductIn(product_name="Other name", product_number="TOP", product_type="purchased"),
		)
	with pytest.raises(PreviewStale):
		async with open_work(runtime, alice.principal, action="test", origin="api") as work:
			await service.accept(work, import_id)
	assert await one(runtime, alice, "select name from plm_revisions") == "Other name"
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		held = await service.correct(work, import_id, ImportPatch())
		assert held.counts["parts"]["changed"] == 1
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		await service.accept(work, import_id)
	assert await one(runtime, alice, "select name from plm_revisions") == "Top part"


async def test_problems_keep_everything_out(runtime: Runtime, alice: Person) -> None:
	content = (
		"Number,Name,Quantity,Parent\nTOP,Top part,,\nSUB,Sub part,two,TOP\nS2,Part two,1,TOP\n"
	)
	assert await refused(runtime, alice, content) == [
		(3, "“two” does not begin with a number."),
		(4, "The text has 2 characters."),
	]
	import_id = await one(runtime, alice, "select id::text from plm_imports")
	with pytest.raises(ImportHasProblems):
		async with open_work(runtime, alice.principal, action="test", origin="api") as work:
			await service.accept(work, import_id)


async def test_two_at_once_make_each_part_once(runtime: Runtime, alice: Person) -> None:
	content = b"Name\n" + b"".join(b"Part %d\n" % n for n in range(50))
	told = await asyncio.gather(*(run(runtime, alice, content) for _n in range(3)))
	assert sorted(each["counts"]["parts"]["added"] for each in told) == [0, 0, 50]
	assert await one(runtime, alice, "select count(*) from plm_items") == 50


# -- matching, numbers, units ------------------------------------------------------------------


async def test_parts_are_found_by_each_of_their_names(runtime: Runtime, alice: Person) -> None:
	await accepted(
		runtime,
		alice,
		"Part number,Name,MPN,Manufacturer,ID\n"
		"BRG-1,Bearing one,6001-2RS,SKF,k1\n"
		"BRG-2,Bearing two,6002-2RS,SKF,k2\n"
		"BRG-3,Bearing three,,,k3\n"
		"BRG-4,Bearing four,,,\n",
	)
	counts = await accepted(
		runtime,
		alice,
		"Part number,Name,Description,MPN,Manufacturer,ID\n"
		"brg-1,Bearing one,by number,,,\n"
		",Bearing 2,by maker,6002-2RS,skf,\n"
		",Bearing 3,by key,,,k3\n"
		",bearing FOUR,by name,,,\n",
	)
	assert counts["parts"] == {"added": 0, "changed": 4, "removed": 0, "unchanged": 0}
	assert await ask(
		runtime,
		alice,
		"select i.number, r.description from plm_items i join plm_revisions r on r.item_id = i.id "
		"order by i.number",
	) == [
		("BRG-2", "by maker"),
		("BRG-3", "by key"),
		("BRG-4", "by name"),
		("brg-1", "by number"),
	]


async def test_parts_that_fit_several_are_a_problem(runtime: Runtime, alice: Person) -> None:
	await accepted(runtime, alice, "Number,Name\nSCR-1,Screw\nSCR-2,Screw\n")
	assert await refused(runtime, alice, "Name,Description\nScrew,steel\n") == [
		(2, "2 existing parts fit equally well. (SCR-1, SCR-2)")
	]


async def test_numbers_are_stepped_over_when_somebody_typed_them(
	runtime: Runtime, alice: Person
) -> None:
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		await products.create(
			work,
			ProductIn(product_name="By hand", product_number="P-000002", product_type="purchased"),
		)
	names = "\n".join(f"Part {n}" for n in "abc")
	await accepted(
		runtime, alice, f"Name,Number\n{names.replace(chr(10), ',' + chr(10))},\nOwn,P-000004\n"
	)
	assert await ask(
		runtime,
		alice,
		"select r.name, i.number from plm_items i join plm_revisions r on r.item_id = i.id "
		"order by r.name",
	) == [
		("By hand", "P-000002"),
		("Own", "P-000004"),
		("Part a", "P-000001"),
		("Part b", "P-000003"),
		("Part c", "P-000005"),
	]


async def test_two_blocks_of_numbers_never_overlap(runtime: Runtime, alice: Person) -> None:
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		first = (await bulk.reserve_numbers(work, {"": 3}))[""]
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		second = await bulk.reserve_numbers(work, {"": 2, "Fasteners": 2})
		single = await products.next_number(work, None)
	assert first == ["P-000001", "P-000002", "P-000003"]
	assert second == {"": ["P-000004", "P-000005"], "Fasteners": ["P-000006", "P-000007"]}
	assert single == "P-000008"


async def test_units_must_fit_what_is_recorded(runtime: Runtime, alice: Person) -> None:
	await accepted(runtime, alice, "Number,Name,Unit\nWIRE-1,Wire,m\n")
	assert await refused(runtime, alice, "Number,Name,Unit\nWIRE-1,Wire,kg\n") == [
		(2, "WIRE-1 is kept in m, the file says kg.")
	]
	assert await refused(
		runtime, alice, "Number,Name,Quantity,Unit,Parent\nTOP-1,Top,,,\nWIRE-1,Wire,2,kg,TOP-1\n"
	) == [(3, "WIRE-1 is kept in m, the line says kg.")]
	await accepted(
		runtime, alice, "Number,Name,Quantity,Parent\nTOP-1,Top,,\nWIRE-1,Wire,2.5,TOP-1\n"
	)
	assert await ask(runtime, alice, "select quantity, unit from plm_lines") == [
		(Decimal("2.5"), "m")
	]


# -- structures --------------------------------------------------------------------------------

TREE = "Number,Name,Quantity,Parent\nTOP,Top part,,\nMID,Middle,1,TOP\nLOW,Lowest,4,MID\n"


async def test_rings_with_what_is_recorded_are_named(runtime: Runtime, alice: Person) -> None:
	await accepted(runtime, alice, TREE)
	assert await refused(
		runtime, alice, "Number,Name,Quantity,Parent\nLOW,Lowest,,\nTOP,Top part,1,LOW\n"
	) == [(3, "The products would contain each other: LOW → TOP → MID → LOW.")]


async def test_lines_by_hand_stay_and_imported_ones_follow_the_file(
	runtime: Runtime, alice: Person
) -> None:
	await accepted(runtime, alice, TREE)
	async with open_work(runtime, alice.principal, action="test", origin="api") as work:
		hand = await products.create(
			work,
			ProductIn(product_name="By hand", product_number="HAND", product_type="purchased"),
		)
		top = await one(runtime, alice, "select id::text from plm_items where number = 'TOP'")
		await structures.add_line(work, top, LineIn(product_id=hand.id, quantity=Decimal(3)))
	counts = await accepted(
		runtime,
		alice,
		"Number,Name,Quantity,Parent\nTOP,Top part,,\nNEW,Newcomer,2,TOP\n",
	)
	assert counts["lines"] == {
		"added": 1, "changed": 0, "removed": 1, "unchanged": 0, "kept": 1,
	}  # fmt: skip
	assert await ask(
		runtime,
		alice,
		"select i.number, l.find_number, l.quantity, l.source from plm_lines l "
		"join plm_items i on i.id = l.child_item_id order by 1",
	) == [
		("HAND", 20, Decimal(3), ""),
		("LOW", 10, Decimal(4), "import"),
		("NEW", 30, Decimal(2), "import"),
	]


async def test_find_numbers_may_change_places(runtime: Runtime, alice: Person) -> None:
	head = "Number,Name,Quantity,Parent,Find number\nTOP,Top part,,,\n"
	await accepted(runtime, alice, head + "PA1,Part a,1,TOP,10\nPB1,Part b,1,TOP,20\n")
	counts = await accepted(runtime, alice, head + "PA1,Part a,1,TOP,20\nPB1,Part b,1,TOP,10\n")
	assert counts["lines"]["changed"] == 2
	assert await ask(
		runtime,
		alice,
		"select i.number, l.find_number, l.version from plm_lines l "
		"join plm_items i on i.id = l.child_item_id order by 1",
	) == [("PA1", 20, 3), ("PB1", 10, 3)]
	assert await refused(runtime, alice, head + "PA1,Part a,1,TOP,20\nPB1,Part b,1,TOP,20\n") == [
		(4, "Find number 20 of TOP is on two lines.")
	]


async def test_a_released_revision_is_followed_by_a_new_one(
	runtime: Runtime, alice: Person
) -> None:
	await accepted(runtime, alice, TREE)
	for number in ("LOW", "MID", "TOP"):
		item_id = await one(
			runtime, alice, "select id::text from plm_items where number = :n", n=number
		)
		async with open_work(runtime, alice.principal, action="test", origin="api") as work:
			await revisions.release(work, item_id, ReleaseIn())
	again = await accepted(runtime, alice, TREE)
	assert again["revisions"]["added"] == 0
	content = TREE.replace("Lowest,4", "Lowest part,5")
	counts = await accepted(runtime, alice, content)
	assert counts["revisions"] == {"added": 2, "changed": 0, "removed": 0}
	assert await ask(
		runtime,
		alice,
		"select i.number, r.label, r.state, r.name, l.quantity from plm_items i "
		"join plm_revisions r on r.item_id = i.id "
		"left join plm_lines l on l.parent_revision_id = r.id order by i.number, r.ordinal",
	) == [
		("LOW", "A", "released", "Lowest", None),
		("LOW", "B", "working", "Lowest part", None),
		("MID", "A", "released", "Middle", Decimal(4)),
		("MID", "B", "working", "Middle", Decimal(5)),
		("TOP", "A", "released", "Top part", Decimal(1)),
	]
	assert (await accepted(runtime, alice, content))["revisions"]["added"] == 0


# -- prices ------------------------------------------------------------------------------------

PRICES = "Number,Name,Price [EUR],MOQ,Supplier,Supplier part number\n"


async def test_a_changed_list_is_written_anew_from_today(runtime: Runtime, alice: Person) -> None:
	first = PRICES + "BOLT-1,Bolt,0.30,1,Acme,A-1\nBOLT-1,Bolt,0.20,100,Acme,A-1\n"
	await accepted(runtime, alice, first)
	async with open_work(runtime, alice.principal, action="test", origin="task") as work:
		await work.execute(text("update plm_item_costs set valid_from = date '2026-01-05'"))
		await work.flush()
	assert (await accepted(runtime, alice, first))["prices"] == {
		"added": 0,
		"changed": 0,
		"removed": 0,
	}
	second = PRICES + "BOLT-1,Bolt,0.31,1,Acme,A-1\nBOLT-1,Bolt,0.20,100,Acme,A-1\n"
	assert (await accepted(runtime, alice, second))["prices"]["changed"] == 1
	rows = await ask(
		runtime,
		alice,
		"select valid_from < current_date, quantity_break, amount from plm_item_costs order by 1, 2",
	)
	assert rows == [
		(False, Decimal(1), Decimal("0.31")),
		(False, Decimal(100), Decimal("0.20")),
		(True, Decimal(1), Decimal("0.30")),
		(True, Decimal(100), Decimal("0.20")),
	]
	assert (await accepted(runtime, alice, second))["prices"]["changed"] == 0


async def test_prices_by_hand_stay(runtime: Runtime, alice: Person) -> None:
	await accepted(runtime, alice, PRICES + "BOLT-1,Bolt,0.30,1,Acme,A-1\n")
	async with open_work(runtime, alice.principal, action="test", origin="task") as work:
		await work.execute(
			text(
				"insert into plm_item_costs (id, tenant_id, item_id, kind, valid_from, quantity_break, "
				"amount, currency, supplier, created_at, updated_at) select gen_random_uuid(), "
				"tenant_id, id, 'purchase', :day, 1, 9, 'EUR', 'By hand', now(), now() from plm_items"
			),
			{"day": date(2026, 1, 5)},
		)
	counts = await accepted(runtime, alice, PRICES + "BOLT-1,Bolt,0.40,1,Best,B-7\n")
	assert counts["prices"] == {"added": 1, "changed": 0, "removed": 1}
	assert await ask(
		runtime, alice, "select supplier, amount from plm_item_costs order by supplier"
	) == [("Best", Decimal("0.4")), ("By hand", Decimal(9))]


async def test_two_prices_for_one_quantity_are_a_problem(runtime: Runtime, alice: Person) -> None:
	content = PRICES + "BOLT-1,Bolt,0.30,1,Acme,A-1\nBOLT-1,Bolt,0.35,1,Acme,A-1\n"
	assert await refused(runtime, alice, content) == [
		(2, "Two prices for the same quantity of one list.")
	]


async def test_every_field_of_a_table_comes_back_as_it_went_in(
	runtime: Runtime, alice: Person
) -> None:
	content = (
		"Teilenummer;Bezeichnung;Beschreibung;Menge;Einheit;Oberteil;Pos;Referenz;Bemerkung;"
		"Gewicht [g];Preis (EUR);Klasse;Schlagworte;Ausschuss %;Optional;Ersatz;Revision\n"
		"TOP-1;Gerät;;;;;;;;1250,5;;Geräte/Pumpen;;;;;C\n"
		"RES-1;Widerstand;0402, 1 %;4;Stk;TOP-1;10;R10, R2, R1-R2;nur blau;0,02;0,0125;"
		"Elektronik;smd, widerstand;2,5;ja;RES-2;\n"
		"RES-2;Widerstand B;;1;Stk;TOP-1;20;;;;;;;;;;\n"
		"LACK;Lack;'-gelb;0,25;L;TOP-1;30;;;;;;;;;;\n"
	)
	await accepted(runtime, alice, content)
	assert await ask(
		runtime,
		alice,
		"select l.find_number, l.quantity, l.unit, l.designators, l.note, l.attrition, l.is_optional, "
		"(select s2.number from plm_line_substitutes s join plm_items s2 on s2.id = s.item_id "
		"where s.line_id = l.id) from plm_lines l order by 1",
	) == [
		(10, Decimal(4), "each", ["R1", "R2", "R10"], "nur blau", Decimal("0.025"), True, "RES-2"),
		(20, Decimal(1), "each", [], None, Decimal(0), False, None),
		(30, Decimal("0.25"), "L", [], None, Decimal(0), False, None),
	]
	assert await ask(
		runtime,
		alice,
		"select i.number, i.product_type, i.class_path, i.tags, r.label, r.description, r.mass, "
		"r.mass_unit, (select amount from plm_item_costs c where c.item_id = i.id) "
		"from plm_items i join plm_revisions r on r.item_id = i.id order by 1",
	) == [
		("LACK", "purchased", None, [], "A", "-gelb", None, None, None),
		(
			"RES-1",
			"purchased",
			"Elektronik",
			["smd", "widerstand"],
			"A",
			"0402, 1 %",
			Decimal("0.02"),
			"g",
			Decimal("0.0125"),
		),
		("RES-2", "purchased", None, [], "A", None, None, None, None),
		("TOP-1", "manufactured", "Geräte/Pumpen", [], "C", None, Decimal("1250.5"), "g", None),
	]
	before = await state_of(runtime, alice)
	counts = await accepted(runtime, alice, content)
	assert counts["parts"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 4}
	assert counts["lines"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 3}
	assert await state_of(runtime, alice) == before
