import random
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from tests.capabilities.plm.shared.reference import random_lines

from apg.capabilities.plm.shared.errors import BadLine, CycleFound, DomainError, UnknownNode
from apg.capabilities.plm.shared.lines import KIND_CODES, BomLine, to_micro
from apg.capabilities.plm.shared.structure import Structure

M = 1_000_000


def lines(*pairs: str) -> list[BomLine]:
	return [BomLine(parent=pair[0], child=pair[1], quantity=1) for pair in pairs]


def arrays(rows: list[BomLine], names: list[str]) -> dict[str, object]:
	factors = [row.conversion for row in rows]
	return {
		"parent": np.array([names.index(row.parent) for row in rows]),
		"child": np.array([names.index(row.child) for row in rows]),
		"quantity": np.array(
			[-1 if row.quantity is None else to_micro("q", row.quantity) for row in rows]
		),
		"kind": np.array([KIND_CODES[row.kind] for row in rows]),
		"attrition": np.array([to_micro("a", row.attrition) for row in rows]),
		"setup": np.array([to_micro("s", row.setup) for row in rows]),
		"rounding": np.array([to_micro("r", row.rounding) for row in rows]),
		"numerator": np.array([factor.as_integer_ratio()[0] for factor in factors]),
		"denominator": np.array([factor.as_integer_ratio()[1] for factor in factors]),
	}


def same(one: Structure, other: Structure) -> bool:
	names = ("ids", "level_first", "line_first", "child", "kind", "quantity", "attrition")
	names += ("setup", "rounding", "numerator", "denominator")
	return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_levels_put_every_child_below_its_parents():
	structure = Structure.from_lines(lines("AB", "AC", "BC", "CD", "BD"), ["E"])
	assert structure.names(np.arange(5)) == ["D", "E", "C", "B", "A"]
	assert structure.level_first.tolist() == [0, 2, 3, 4, 5]
	assert structure.line_first.tolist() == [0, 0, 0, 1, 3, 5]
	assert structure.names(structure.child) == ["D", "D", "C", "C", "B"]
	assert structure.level_count == 4


def test_nothing_at_all_is_a_structure():
	structure = Structure.from_lines([])
	assert (structure.node_count, structure.line_count, structure.level_count) == (0, 0, 0)
	assert "A" not in structure


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_delivery_does_not_matter(seed):
	shuffle = random.Random(seed)
	names, rows = random_lines(shuffle, 40)
	first = Structure.from_lines(rows, names)
	mixed = shuffle.sample(rows, len(rows))
	places = shuffle.sample(names, len(names))
	assert same(first, Structure.from_lines(mixed, names))
	assert same(first, Structure.from_arrays(places, **arrays(mixed, places)))


def test_ids_and_places_build_the_same():
	names, rows = random_lines(random.Random(5), 60)
	columns = arrays(rows, names)
	by_place = Structure.from_arrays(np.array([n.encode() for n in names]), **columns)
	columns |= {"parent": [r.parent for r in rows], "child": np.array([r.child for r in rows])}
	assert same(by_place, Structure.from_arrays(names, **columns))


def test_delivery_places_are_kept():
	rows = [
		BomLine(parent="top", child="b", quantity=2, line="second"),
		BomLine(parent="top", child="a", quantity=3, line="first"),
	]
	structure = Structure.from_lines(rows)
	assert structure.names(structure.child) == ["a", "b"]
	assert [structure.line_name(0), structure.line_name(1)] == ["first", "second"]
	assert structure.line_order.tolist() == [1, 0]
	structure = Structure.from_arrays(
		["top", "b", "a"], np.array([0, 0]), np.array([1, 2]), [2 * M, 3 * M]
	)
	assert structure.node_order.tolist() == [2, 1, 0]
	assert structure.line_name(0) is None


def test_arrays_cannot_be_changed():
	structure = Structure.from_lines(lines("AB"))
	for array in (structure.child, structure.quantity, structure.ids, structure.per_unit()):
		with pytest.raises(ValueError):
			array[0] = array[0]


@pytest.mark.parametrize(
	("pairs", "path"),
	[
		(("AA",), ("A", "A")),
		(("AB", "BA"), ("A", "B", "A")),
		(("XA", "AB", "BC", "CA", "CD"), ("A", "B", "C", "A")),
		(("BC", "CB", "AB", "DC"), ("B", "C", "B")),
	],
)
def test_a_cycle_is_named(pairs, path):
	with pytest.raises(CycleFound) as found:
		Structure.from_lines(lines(*pairs))
	assert found.value.path == path
	assert " > ".join(path) in str(found.value)


@pytest.mark.parametrize("seed", range(30))
def test_a_cycle_anywhere_is_found_and_is_one(seed):
	chance = random.Random(seed)
	names, rows = random_lines(chance, 50)
	structure = Structure.from_lines(rows, names)
	chosen = chance.choice(rows)
	below = structure.names(structure.descendants(structure.indexes([chosen.child])))
	closing = BomLine(parent=chance.choice(below), child=chosen.parent, quantity=1)
	foretold = structure.cycle_if_added(closing.parent, closing.child)
	assert foretold is not None
	with pytest.raises(CycleFound) as found:
		Structure.from_lines([*rows, closing], names)
	edges = {(row.parent, row.child) for row in [*rows, closing]}
	for path in (found.value.path, foretold):
		assert path[0] == path[-1]
		assert set(pairwise(path)) <= edges
		assert len(set(path)) == len(path) - 1


@pytest.mark.parametrize("seed", range(30))
def test_a_line_that_closes_nothing_is_allowed(seed):
	chance = random.Random(seed)
	names, rows = random_lines(chance, 50)
	structure = Structure.from_lines(rows, names)
	parent, child = chance.sample(names, 2)
	above = set(structure.names(structure.ancestors(structure.indexes([parent]))))
	assert (structure.cycle_if_added(parent, child) is not None) == (child in above)
	assert structure.cycle_if_added(parent, "not yet there") is None


def test_a_long_chain_is_levelled():
	size = 3000
	names = [f"{number:05d}" for number in range(size)]
	ends = np.arange(size - 1)
	structure = Structure.from_arrays(names, ends + 1, ends, M)
	assert structure.level_count == size
	assert structure.names(structure.descendants(np.array([2]))) == ["00000", "00001", "00002"]


def test_closures_hold_the_seeds_and_every_kind_of_line():
	rows = [*lines("AB", "BC"), BomLine(parent="D", child="C", quantity=0, kind="reference")]
	structure = Structure.from_lines(rows)
	upward = structure.ancestors(structure.indexes(["C"]))
	assert sorted(structure.names(upward)) == ["A", "B", "C", "D"]
	downward = structure.descendants(structure.indexes(["B"]))
	assert sorted(structure.names(downward)) == ["B", "C"]


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"quantity": [M, -2]}, "quantity"),
		({"quantity": [M, 10**18]}, "quantity"),
		({"kind": [0, 5]}, "kind"),
		({"attrition": [0, -1]}, "attrition"),
		({"denominator": [1, 0]}, "conversion"),
		({"child": np.array([1, 7])}, "child"),
	],
)
def test_a_bad_line_is_named(change, field):
	columns = {"parent": np.array([0, 0]), "child": np.array([1, 2]), "quantity": [M, M]}
	with pytest.raises(BadLine) as refused:
		Structure.from_arrays(["a", "b", "c"], **(columns | change))
	assert (refused.value.line, refused.value.field) == (1, field)


def test_columns_must_fit():
	ends = {"parent": np.array([0]), "child": np.array([1])}
	with pytest.raises(DomainError, match="2 values for 1 lines"):
		Structure.from_arrays(["a", "b"], **ends, quantity=[M, M])
	with pytest.raises(DomainError, match="not whole numbers"):
		Structure.from_arrays(["a", "b"], **ends, quantity=[0.5])
	with pytest.raises(DomainError, match="'a' appears twice"):
		Structure.from_arrays(["a", "b", "a"], **ends, quantity=M)
	with pytest.raises(DomainError, match="an id is empty"):
		Structure.from_arrays(["a", ""], **ends, quantity=M)


def test_unknown_names_are_named():
	structure = Structure.from_lines(lines("AB"))
	for ask in (structure.index, lambda name: structure.indexes(["A", name])):
		with pytest.raises(UnknownNode) as refused:
			ask("Z")
		assert refused.value.node == "Z"
	with pytest.raises(UnknownNode):
		Structure.from_arrays(["A", "B"], ["A"], ["Z"], M)


def test_ids_of_any_length_and_alphabet_are_found():
	names = ["x" * length for length in range(1, 40)] + ["Größe", "部品", "a\0b"]
	rows = [BomLine(parent="top", child=name, quantity=1) for name in names]
	structure = Structure.from_lines(rows)
	numbers = structure.indexes([*names, "top"])
	assert structure.names(numbers) == [*names, "top"]
	assert [structure.index(name) for name in names] == numbers[:-1].tolist()


def test_many_ids_are_found_as_one_by_one():
	names = [f"{number:08x}" for number in random.Random(3).sample(range(2**32), 5000)]
	structure = Structure.from_arrays(names, np.zeros(0, np.int64), np.zeros(0, np.int64), M)
	wanted = random.Random(4).sample(names, 3000)
	assert structure.names(structure.indexes(wanted)) == wanted
	assert structure.names(structure.indexes(wanted[:3])) == wanted[:3]


def test_lots_are_checked():
	structure = Structure.from_lines(
		[BomLine(parent="A", child="B", quantity=Decimal(6), kind="fixed")]
	)
	assert structure.per_unit(3).tolist() == [2.0]
	assert structure.per_unit({"A": 2}).tolist() == [3.0]
	assert structure.per_unit({}).tolist() == [6.0]
	for lots in (0, {"A": 0}):
		with pytest.raises(DomainError, match="lots"):
			structure.per_unit(lots)
	with pytest.raises(UnknownNode):
		structure.per_unit({"Z": 2})
