"""Snapshots: two ways of reading give one structure, and what is kept is never stale."""

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast

from apg.capabilities.plm.structures import loading, snapshots
from apg.capabilities.plm.structures.fixed_rows import Places, as_text, fixed_rows, words
from apg.capabilities.plm.structures.rules import PLAIN, Rule, View
from apg.capabilities.plm.structures.snapshots import Snapshot, snapshot_cache, snapshot_of
from apg.contracts.plm import Structures
from apg.contracts.plm import Structures as Port
from apg.kernel.database import Base
from apg.kernel.stamps import new_id

COLUMNS = (
	"child",
	"kind",
	"quantity",
	"attrition",
	"setup",
	"rounding",
	"numerator",
	"denominator",
)


async def _mixed(shop: Workshop) -> dict[str, str]:
	"""Every kind of line, pinned and floating, released and open; revision ids by name."""
	await shop.parts("screw", "nut", mass=2)
	await shop.parts("wire", unit_of_measure="m", mass=1)
	await shop.product("arm")
	await shop.line("arm", "screw", 4)
	await shop.line("arm", "wire", 250, unit="mm", attrition="0.05")
	await shop.release("screw", "wire", "arm")
	await shop.revise("arm")
	await shop.line("arm", "nut", 3, setup_quantity=2, rounding_multiple=5)
	await shop.product("robot")
	await shop.line("robot", "arm", 2)
	await shop.line("robot", "arm", 1, revision="B")
	await shop.line("robot", "nut", 1, quantity_kind="fixed")
	await shop.line("robot", "screw", None, quantity_kind="as_required")
	await shop.line("robot", "nut", 9, view="manufacturing")
	await shop.product("stranger")
	await shop.line("stranger", "screw", 1)
	return {
		name: (await shop.get(name)).data["revision_id"] for name in ("robot", "arm", "stranger")
	}


def _told(snapshot: Snapshot, root: str) -> list[Any]:
	"""The structure below the root in words that do not depend on how it was read."""
	structure = snapshot.structure
	nodes = structure.descendants(structure.indexes([root]))
	told: list[Any] = []
	for node in nodes.tolist():
		facts = (
			snapshot.item_of(node),
			snapshot.type[node],
			snapshot.mass[node],
			snapshot.base[node],
		)
		lines = [
			(
				structure.name(int(structure.child[line])),
				*(int(getattr(structure, name)[line]) for name in COLUMNS[1:]),
				bool(snapshot.unconvertible[line]),
			)
			for line in structure.line_range(node)
		]
		told.append(
			(
				structure.name(node),
				tuple(int(x) if not isinstance(x, str) else x for x in facts),
				lines,
			)
		)
	return sorted(told)


@pytest.mark.parametrize("rule", PLAIN)
@pytest.mark.parametrize("view", [View.ENGINEERING, View.MANUFACTURING, View.SERVICE])
async def test_below_and_whole_are_the_same(shop: Workshop, cast: Cast, rule: Rule, view: View):
	roots = await _mixed(shop)
	async with cast.work() as work:
		for root in roots.values():
			below = await loading.load_below(work, root, rule, view)
			assert below is not None
			whole = await loading.load_whole(work, root, rule, view)
			small = await snapshots.build(work, below, root, rule, view)
			large = await snapshots.build(work, whole, None, rule, view)
			assert _told(small, root) == _told(large, root)
			assert small.hash_below(root) == large.hash_below(root)
			assert large.structure.node_count >= small.structure.node_count


async def test_pinned_revisions_bring_what_they_pin(shop: Workshop, cast: Cast):
	"""A superseded revision that only a pinned one pins is part of the whole structure."""
	await shop.parts("screw")
	await shop.lines({"a": {"screw": 7}})
	await shop.release("screw", "a")
	await shop.product("b")
	await shop.line("b", "a", 1, revision="A")
	await shop.release("b")
	await shop.product("c")
	await shop.line("c", "b", 1, revision="A")
	for name in ("a", "b"):
		await shop.revise(name)
		for line in (await shop.get(name, "/structure/lines")).data:
			await shop.call("DELETE", shop.path(name, f"/structure/lines/{line['line_uid']}"))
		await shop.release(name)
	root = (await shop.get("c")).data["revision_id"]
	async with cast.work() as work:
		whole = await snapshots.build(
			work,
			await loading.load_whole(work, root, Rule.DEFAULT, View.ENGINEERING),
			None,
			Rule.DEFAULT,
			View.ENGINEERING,
		)
	below = whole.structure.descendants(whole.structure.indexes([root]))
	assert len(below) == 4
	flat = (await shop.get("c", "/structure", flat="true")).data["products"]
	assert [(row["product_number"], row["total_quantity"]) for row in flat] == [("N-screw", 7)]


async def test_the_cache_knows_what_is_current(shop: Workshop, cast: Cast):
	roots = await _mixed(shop)
	snapshot_cache().clear()

	async def read(name: str = "alice") -> Snapshot:
		async with cast.work(name) as work:
			return await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)

	first = await read()
	assert await read() is first
	await shop.call("PATCH", shop.path("screw"), {"tags": ["x"]})
	assert await read() is first  # a tag is nothing a structure is computed from
	for change in (
		lambda: shop.line("robot", "screw", 1),
		lambda: shop.call("PATCH", shop.path("nut"), {"mass": 9, "mass_unit": "g"}),
		lambda: shop.call("PATCH", shop.path("nut"), {"product_type": "raw_material"}),
		lambda: shop.call("PATCH", shop.path("nut"), {"unit_of_measure": "kg"}),
		lambda: shop.release("nut"),
	):
		before = await read()
		answer = await change()
		assert answer.status in (200, 201), answer.response.text
		after = await read()
		assert after is not before
		assert await read() is after


async def test_changes_of_one_transaction_are_seen_by_it_alone(shop: Workshop, cast: Cast):
	roots = await _mixed(shop)
	snapshot_cache().clear()

	async def undone() -> None:
		async with cast.work() as work:
			await (await work.connection()).exec_driver_sql(
				"update plm_lines set quantity = 77 where parent_revision_id = $1 and find_number = 10",
				(roots["robot"],),
			)
			inside = await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)
			assert 77_000_000 in inside.structure.quantity
			raise KeyError("undone")

	async with cast.work() as work:
		before = await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)
	with pytest.raises(KeyError, match="undone"):
		await undone()
	async with cast.work() as work:
		assert await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING) is before
	assert 77_000_000 not in before.structure.quantity


async def test_a_slow_transaction_that_commits_late_is_not_missed(shop: Workshop, cast: Cast):
	"""It began before one that was seen already: the highest number alone would hide it."""
	roots = await _mixed(shop)
	async with cast.work() as slow:
		await (await slow.connection()).exec_driver_sql(
			"update plm_lines set quantity = 55 where parent_revision_id = $1 and find_number = 30",
			(roots["robot"],),
		)
		await shop.line("stranger", "nut", 1)  # began later, commits first
		async with cast.work() as work:
			before = await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)
		assert 55_000_000 not in before.structure.quantity
	async with cast.work() as work:
		after = await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)
	assert 55_000_000 in after.structure.quantity


FACTS = ("item", "base", "type", "mass", "mass_unit")
LINE_FACTS = ("child", "quantity", "kind", "attrition", "setup", "rounding", "numerator")


def _whole(snapshot: Snapshot) -> list[Any]:
	"""Everything a snapshot says, in its order."""
	structure = snapshot.structure
	told: list[Any] = [structure.ids.tolist(), structure.level_first.tolist()]
	told += [structure.line_first.tolist(), structure.by_id.tolist()]
	told += [getattr(structure, name).tolist() for name in (*LINE_FACTS, "denominator")]
	told += [snapshot.items[snapshot.item].tolist(), snapshot.unconvertible.tolist()]
	told += [getattr(snapshot, name).tolist() for name in FACTS[1:]]
	return [*told, None if snapshot.standing is None else snapshot.standing.tolist()]


@pytest.mark.parametrize(("most", "seed"), [(0, 0), (0, 1), (30_000, 2)])
async def test_a_kept_one_follows_every_kind_of_change(
	shop: Workshop, cast: Cast, monkeypatch: pytest.MonkeyPatch, seed: int, most: int
):
	"""It says the same as one that is read anew, to the last bit."""
	monkeypatch.setattr(loading, "MOST_LINES", most)
	chance = random.Random(seed)
	roots = await _mixed(shop)
	made = 0
	followed: list[str] = []

	async def read() -> Snapshot:
		async with cast.work() as work:
			return await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)

	async def line() -> None:
		parent = chance.choice(["robot", "arm"])
		child = chance.choice([name for name in shop.ids if name not in ("robot", parent)])
		if parent != "arm" or child not in ("stranger", "robot"):
			await shop.line(parent, child, chance.randrange(1, 9))

	async def other_line() -> None:
		parent = chance.choice(["robot", "arm", "stranger"])
		lines = (await shop.get(parent, "/structure/lines")).data
		if lines:
			path = shop.path(parent, f"/structure/lines/{chance.choice(lines)['line_uid']}")
			if chance.random() < 0.5:
				await shop.call("DELETE", path)
			else:
				await shop.call("PATCH", path, {"quantity": chance.randrange(1, 9)})

	async def mass() -> None:
		body = {"mass": chance.randrange(1, 99), "mass_unit": chance.choice(["g", "kg"])}
		await shop.call("PATCH", shop.path(chance.choice(["nut", "robot", "stranger"])), body)

	async def kind() -> None:
		body = {"product_type": chance.choice(["purchased", "raw_material", "manufactured"])}
		await shop.call("PATCH", shop.path(chance.choice(["nut", "wire"])), body)

	async def new() -> None:
		nonlocal made
		made += 1
		await shop.product(f"new{made}", kind="purchased", mass=made)
		if chance.random() < 0.7:
			await shop.line(chance.choice(["robot", "stranger"]), f"new{made}", made)
		if chance.random() < 0.4:
			await shop.line(f"new{made}", "screw", 2)

	async def price() -> None:
		await shop.cost("nut", made + 1, valid_from=f"2021-01-{chance.randrange(1, 28):02}")

	async def release() -> None:
		await shop.release(chance.choice(["nut", *[n for n in shop.ids if n.startswith("new")]]))

	original = snapshots.updated

	async def watched(work: Any, snapshot: Snapshot, news: Any) -> Snapshot | None:
		found = await original(work, snapshot, news)
		followed.append("anew" if found is None else "followed")
		return found

	monkeypatch.setattr(snapshots, "updated", watched)
	snapshot_cache().clear()
	await read()
	for _ in range(10):
		await chance.choice([line, line, other_line, other_line, mass, kind, new, new, price])()
		if chance.random() < 0.1:
			await release()
		kept = await read()
		snapshot_cache().clear()
		assert _whole(kept) == _whole(await read())
		((key, held),) = snapshot_cache()._held.items()
		snapshot_cache().keep(key, held.mark, kept)  # goes on with the one that followed
	assert followed.count("followed") >= (5 if most == 0 else 1)


async def test_companies_do_not_share_a_cache(shop: Workshop, other: Workshop, cast: Cast):
	roots = await _mixed(shop)
	async with cast.work() as work:
		await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)
	async with cast.work("charlie") as work:
		theirs = await loading.load_whole(work, None, Rule.DEFAULT, View.ENGINEERING)
		assert theirs.nodes.shape[0] == 0
		assert await work.port(Structures).snapshot(work, roots["robot"]) is None


async def test_the_cache_is_bounded(shop: Workshop, cast: Cast, monkeypatch: pytest.MonkeyPatch):
	roots = await _mixed(shop)
	cache = snapshots.SnapshotCache(most=2, most_lines=1_000)
	monkeypatch.setattr(snapshots, "snapshot_cache", lambda: cache)
	async with cast.work() as work:
		for root in roots.values():
			await snapshot_of(work, root, Rule.DEFAULT, View.ENGINEERING)
		assert len(cache._held) == 2
		cache.most_lines = cache.lines
		await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.MANUFACTURING)
		assert cache.lines <= cache.most_lines
		monkeypatch.setattr(snapshots, "TRUSTED_SECONDS", -1.0)
		before = await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING)
		assert await snapshot_of(work, roots["robot"], Rule.DEFAULT, View.ENGINEERING) is not before


async def test_changes_are_remembered_longer_than_snapshots_are_trusted():
	keep = Base.metadata.tables["plm_structure_changes"]
	assert keep is not None
	from apg.capabilities.plm.structures.models import StructureChange

	assert StructureChange.__protect__.keep == "2 days"
	assert snapshots.TRUSTED_SECONDS * 24 <= 2 * 86_400


async def test_a_column_that_may_be_null_is_refused_and_not_misread(shop: Workshop, cast: Cast):
	await shop.product("box")
	async with cast.work() as work:
		with pytest.raises(ValueError, match="mass"):
			await fixed_rows(work, "select null::int8", {"mass": "int8"})
		rows = await fixed_rows(
			work, "select id, 5::int8 from plm_items", {"id": "uuid", "n": "int8"}
		)
	assert as_text(words(rows["id"])).tolist() == [shop.ids["box"].encode()]
	assert rows["n"].tolist() == [5]


def test_ids_are_found_by_their_words():
	ids = [new_id() for _ in range(500)] + ["00000000-0000-0000-0000-000000000000"]
	raw = np.frombuffer(b"".join(bytes.fromhex(each.replace("-", "")) for each in ids), "V16")
	pairs = words(raw)
	assert [each.decode() for each in as_text(pairs)] == ids
	places = Places(pairs[:400])
	assert places.of(pairs).tolist() == [*range(400), *[-1] * 101]
	assert Places(pairs[:0]).of(pairs).tolist() == [-1] * 501
	twins = Places(pairs)
	twins._named = {row.tobytes(): n for n, row in enumerate(pairs)}  # as if two keys were equal
	assert twins.of(pairs[::-1]).tolist() == list(range(501))[::-1]


# The port


async def test_the_port_gives_arrays_and_rolls_up(shop: Workshop, cast: Cast):
	roots = await _mixed(shop)
	async with cast.work() as work:
		port = work.port(Port)
		snapshot = await port.snapshot(work, roots["robot"])
		assert snapshot is not None
		assert snapshot.root == roots["robot"]
		assert snapshot.revision_ids[-1] == roots["robot"]
		assert snapshot.product_ids[-1] == shop.ids["robot"]
		assert len(snapshot.units) == len(snapshot.revision_ids)
		assert (snapshot.children < snapshot.parents).all()
		by_child = {
			(snapshot.product_ids[p], snapshot.product_ids[c]): int(q)
			for p, c, q in zip(
				snapshot.parents, snapshot.children, snapshot.quantities, strict=True
			)
		}
		assert by_child[shop.ids["arm"], shop.ids["wire"]] == 262_500
		assert by_child[shop.ids["robot"], shop.ids["screw"]] == -1
		of = dict(zip(snapshot.product_ids, snapshot.revision_ids, strict=True))
		own = {
			of[shop.ids["screw"]]: {"co2": Decimal("0.1"), "water": Decimal(1)},
			of[shop.ids["wire"]]: {"co2": Decimal("0.4")},
			of[shop.ids["robot"]]: {"co2": Decimal(7)},
		}
		found = port.roll_up(snapshot, own)
	# Three arms with 4 screws and 0.2625 m of wire each; the nuts are missing.
	assert found.totals["co2"] == Fraction(7) + 3 * (
		Fraction("0.4") + Fraction("0.2625") * Fraction("0.4")
	)
	assert found.totals["water"] == 12
	assert found.complete is False
	reasons = {(each.product_id, each.reason) for each in found.missing}
	assert reasons == {(shop.ids["nut"], "no_figure"), (shop.ids["screw"], "as_required")}
	screws = next(each for each in found.contributions if each.product_id == shop.ids["screw"])
	assert (screws.quantity, screws.values["water"]) == (12, 12)
	async with cast.work() as work:
		assert await work.port(Port).snapshot(work, new_id()) is None
		assert await work.port(Port).snapshot(work, "x") is None


async def test_without_plm_the_port_is_empty(cast: Cast):
	absent = Port.absent
	async with cast.work() as work:
		assert await absent.snapshot(work, new_id()) is None


async def test_a_stop_replaces_what_is_below(shop: Workshop, cast: Cast):
	await shop.lines({"arm": {"screw": 4}, "robot": {"arm": 2}})
	ids = {name: (await shop.get(name)).data["revision_id"] for name in ("robot", "arm", "screw")}
	async with cast.work() as work:
		port = work.port(Port)
		snapshot = await port.snapshot(work, ids["robot"])
		assert snapshot is not None
		own = {ids["arm"]: {"co2": Decimal(10)}, ids["screw"]: {"co2": Decimal(1)}}
		assert port.roll_up(snapshot, own).totals["co2"] == 2 * (10 + 4)
		stopped = port.roll_up(snapshot, own, [ids["arm"]])
		assert stopped.totals["co2"] == 20
		assert stopped.complete is True
		needed = port.roll_up(snapshot, own, needed=[ids["robot"]])
		assert [each.product_id for each in needed.missing] == [shop.ids["robot"]]
