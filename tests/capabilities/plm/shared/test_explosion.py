import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from tests.capabilities.plm.shared.reference import Tree, random_lines

from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.explosion import (
	FlatRow,
	explode,
	flatten,
	indent,
	low_level_codes,
	where_used,
)
from apg.capabilities.plm.shared.lines import BomLine, QuantityKind
from apg.capabilities.plm.shared.structure import Structure

LAMP = [
	BomLine(parent="lamp", child="board", quantity=2),
	BomLine(parent="lamp", child="screw", quantity=4),
	BomLine(parent="lamp", child="glue", quantity=None, kind=QuantityKind.BULK),
	BomLine(parent="board", child="led", quantity=12),
	BomLine(parent="board", child="bracket", quantity=1),
	BomLine(parent="bracket", child="screw", quantity=2),
	BomLine(parent="bracket", child="sheet", quantity=Decimal("0.5")),
	BomLine(parent="sheet", child="manual", quantity=1, kind=QuantityKind.REFERENCE),
]


@pytest.fixture(name="lamp")
def _lamp() -> Structure:
	return Structure.from_lines(LAMP)


def test_the_flat_list_holds_each_item_once(lamp):
	assert flatten(lamp, "lamp", 10) == [
		FlatRow("glue", 0.0, 1, True),
		FlatRow("led", 240.0, 2, False),
		FlatRow("screw", 80.0, 3, False),
		FlatRow("sheet", 10.0, 3, False),
	]


def test_the_flat_list_keeps_bought_assemblies_whole(lamp):
	assert flatten(lamp, "lamp", whole=frozenset({"board"})) == [
		FlatRow("board", 2.0, 1, False),
		FlatRow("glue", 0.0, 1, True),
		FlatRow("screw", 4.0, 1, False),
	]
	assert [row.item for row in flatten(lamp, "board", whole=frozenset({"board"}))] == [
		"led",
		"screw",
		"sheet",
	]


def test_the_flat_list_may_show_what_it_opened(lamp):
	rows = {row.item: (row.amount, row.level) for row in flatten(lamp, "lamp", assemblies=True)}
	assert rows["board"] == (2.0, 1)
	assert rows["bracket"] == (2.0, 2)
	assert "lamp" not in rows
	assert "manual" not in rows


def test_low_level_codes_are_the_deepest_use(lamp):
	codes = low_level_codes(lamp, "lamp")
	found = dict(zip(lamp.names(np.arange(lamp.node_count)), codes.tolist(), strict=True))
	assert found == {
		"lamp": 0, "board": 1, "glue": 1, "led": 2, "bracket": 2, "screw": 3, "sheet": 3, "manual": -1,
	}  # fmt: skip


def test_where_used_reaches_the_end_products(lamp):
	used = where_used(lamp, "screw")
	rows = zip(
		lamp.names(used.nodes),
		used.amounts.tolist(),
		used.uncertain.tolist(),
		used.ends.tolist(),
		strict=True,
	)
	assert list(rows) == [
		("bracket", 2.0, False, False),
		("board", 2.0, False, False),
		("lamp", 8.0, False, True),
	]


def test_where_used_says_when_an_amount_is_not_known(lamp):
	used = where_used(lamp, "glue")
	assert lamp.names(used.nodes) == ["lamp"]
	assert (used.amounts.tolist(), used.uncertain.tolist()) == ([0.0], [True])
	referred = where_used(lamp, "manual")
	assert lamp.names(referred.nodes) == ["sheet", "bracket", "board", "lamp"]
	assert referred.amounts.tolist() == [0.0] * 4
	assert not referred.uncertain.any()
	assert where_used(lamp, "lamp").nodes.size == 0


@pytest.mark.parametrize("seed", range(60))
def test_where_used_is_explosion_seen_from_below(seed):
	chance = random.Random(seed)
	names, lines = random_lines(chance, 30)
	structure = Structure.from_lines(lines, names)
	tree = Tree(lines, {})
	item = chance.choice(names)
	used = where_used(structure, item)
	found = dict(zip(structure.names(used.nodes), used.amounts.tolist(), strict=True))
	uncertain = dict(zip(structure.names(used.nodes), used.uncertain.tolist(), strict=True))
	for root in names:
		amounts: dict[str, Fraction] = {}
		tree.amounts(root, Fraction(1), amounts)
		if root == item:
			assert root not in found
			continue
		expected = amounts.get(item, Fraction(0))
		assert found.get(root, 0.0) == pytest.approx(float(expected), rel=1e-12)
		below = structure.names(structure.descendants(structure.indexes([root])))
		assert (root in found) == (item in below)
		assert uncertain.get(root, False) == open_way(tree, root, item, False)
	ends = {name for name in names if not any(line.child == name for line in lines)}
	assert set(structure.names(used.nodes[used.ends])) == ends & set(found)


def open_way(tree: Tree, node: str, item: str, opened: bool) -> bool:
	if node == item:
		return opened
	return any(
		open_way(tree, line.child, item, opened or amount is None)
		for line, amount in tree.uses(node)
	)


@pytest.mark.parametrize("seed", range(30))
def test_flat_amounts_and_levels_follow_the_tree(seed):
	chance = random.Random(seed)
	names, lines = random_lines(chance, 25)
	structure = Structure.from_lines(lines, names)
	tree = Tree(lines, {})
	root = chance.choice(names)
	amounts: dict[str, Fraction] = {}
	tree.amounts(root, Fraction(2), amounts)
	opened = {line.child for node in amounts for line, each in tree.uses(node) if each is None}
	rows = flatten(structure, root, 2)
	leaves = {name for name in amounts if not tree.uses(name) and name != root}
	assert {row.item for row in rows} == leaves | opened
	assert {row.item for row in rows if row.uncertain} == opened
	for row in rows:
		if row.item in leaves:
			assert row.amount == pytest.approx(float(amounts[row.item]), rel=1e-12)


def test_the_indented_list_is_the_tree_in_order(lamp):
	rows = [
		(row.level, lamp.name(row.parent), lamp.name(row.child), row.per_parent, row.amount)
		for row in indent(lamp, "lamp", depth=2, limit=100, amount=10)
	]
	assert rows == [
		(1, "lamp", "glue", 0.0, 0.0),
		(1, "lamp", "screw", 4.0, 40.0),
		(1, "lamp", "board", 2.0, 20.0),
		(2, "board", "led", 12.0, 240.0),
		(2, "board", "bracket", 1.0, 20.0),
	]
	assert len(list(indent(lamp, "lamp", depth=9, limit=3))) == 3
	assert list(indent(lamp, "led", depth=9, limit=3)) == []


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf")])
def test_only_an_amount_can_be_exploded(lamp, amount):
	with pytest.raises(DomainError, match="amount"):
		explode(lamp, "lamp", amount)
