"""A structure that got other lines is the one that would be made of all of them."""

import random

import numpy as np
import pytest
from tests.capabilities.plm.shared.reference import random_line, random_lines, random_own
from tests.capabilities.plm.shared.test_structure import arrays, lines, same

from apg.capabilities.plm.shared.bom_math import roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.lines import BomLine
from apg.capabilities.plm.shared.revising import NewLines, Revised, Ring, revised
from apg.capabilities.plm.shared.structure import Structure


def renewed(
	structure: Structure, now: list[BomLine], parents: set[str], more: list[str]
) -> Revised:
	places = [*structure.names(np.arange(structure.node_count)), *more]
	own = [line for line in now if line.parent in parents]
	given = {name: np.asarray(v, np.int64) for name, v in arrays(own, places).items()}
	changed = np.array(sorted(places.index(name) for name in parents), np.int64)
	ids = np.array([name.encode() for name in more], structure.ids.dtype) if more else None
	return revised(structure, changed, NewLines(**given), ids)


@pytest.mark.parametrize("seed", range(80))
def test_edits_of_any_kind_give_what_a_whole_making_gives(seed: int) -> None:
	chance = random.Random(seed)
	names, now = random_lines(chance, 40)
	structure = Structure.from_lines(now, names)
	for _step in range(4):
		before = structure
		parents = set(chance.sample(names, chance.choice((1, 1, 2, 6))))
		unused = [name for n in range(60) if (name := f"item-{n * 67:03x}") not in names]
		more = chance.sample(unused, chance.choice((0, 0, 1, 3)))
		parents |= set(chance.sample(more, len(more) // 2))
		names = [*names, *more]
		kept = [line for line in now if line.parent not in parents or chance.random() < 0.5]
		for parent in parents:
			below = set(names) - _above(kept, parent)
			for child in chance.sample(sorted(below), min(len(below), chance.choice((0, 1, 3)))):
				kept.append(random_line(chance, parent, child))
		now = kept
		found = renewed(structure, now, parents, more)
		structure = found.structure
		whole = Structure.from_lines(now, names)
		assert same(structure, whole)
		assert structure.by_id.tolist() == whole.by_id.tolist()
		assert all(
			(getattr(structure, name).strides == getattr(whole, name).strides)
			for name in ("kind", "attrition", "numerator")
		)
		places = [*before.names(np.arange(before.node_count)), *more]
		assert [structure.name(int(n)) for n in found.number] == places
		own = arrays([line for line in now if line.parent in parents], places)
		quantities = np.concatenate([before.quantity, np.asarray(own["quantity"], np.int64)])
		assert np.array_equal(quantities[found.line_from], structure.quantity)
	own = random_own(chance, names)
	ours = roll_up(structure, {"cost": Figures.of(structure, own)})["cost"]
	theirs = roll_up(whole, {"cost": Figures.of(whole, own)})["cost"]
	for part in ("values", "missing", "needed"):
		assert np.array_equal(getattr(ours, part), getattr(theirs, part))


def _above(rows: list[BomLine], node: str) -> set[str]:
	"""The node and all that contain it: what it may not contain."""
	found, waiting = {node}, [node]
	while waiting:
		below = waiting.pop()
		for row in rows:
			if row.child == below and row.parent not in found:
				found.add(row.parent)
				waiting.append(row.parent)
	return found


def test_a_ring_is_refused() -> None:
	now = lines("AB", "BC")
	structure = Structure.from_lines(now)
	with pytest.raises(Ring):
		renewed(structure, [*now, *lines("CA")], {"C"}, [])
	with pytest.raises(Ring):
		renewed(structure, [*now, *lines("CC")], {"C"}, [])
