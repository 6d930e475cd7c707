"""Which masses and costs of a roll-up rest on an estimate, so that no page shows one as recorded.

A mass is estimated where its revision says so; a price where nobody named a supplier or a source.
"""

from __future__ import annotations

from dataclasses import dataclass

from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.structures.contents import ESTIMATED
from apg.capabilities.plm.structures.fixed_rows import as_text
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rollup import COST, MASS, RolledUp
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

MOST_ASKED = 20_000
"""Products below a root; of larger structures it is asked for the root alone."""

_MASSES = f"""
	select id::text from plm_revisions
	where id = any($1::uuid[]) and mass is not null and attributes->'{ESTIMATED}' ? 'mass'
"""  # noqa: S608 - a constant of ours
_COSTS = """
	select item_id::text from plm_item_costs
	where item_id = any($1::uuid[]) and valid_from <= $2
	group by item_id having bool_and(supplier = '' and source = '')
"""


@dataclass(frozen=True, slots=True, eq=False)
class Guesses:
	"""(n,) each: the figure of the node, or of something in it, is estimated."""

	mass: BoolArray
	cost: BoolArray


async def guesses_of(work: Work, rolled: RolledUp) -> Guesses:
	"""Asked anew for each page: a cost gets its source without any figure changing."""
	structure, snapshot = rolled.snapshot.structure, rolled.snapshot
	nodes = rolled.below
	if nodes.size > MOST_ASKED:
		nodes = np.array([structure.index(rolled.root)])
	counted = nodes[rolled.rolled.figures[MASS].known[nodes]]
	said = {row[0] for row in await fetched(work, _MASSES, structure.names(counted))}
	mass = [node for node in counted.tolist() if structure.name(node) in said]
	cost: list[int] = []
	if rolled.prices is not None:
		priced = nodes[rolled.rolled.figures[COST].known[nodes]]
		ids = [bytes(one).decode() for one in as_text(snapshot.item_words[snapshot.item[priced]])]
		found = {row[0] for row in await fetched(work, _COSTS, ids, rolled.prices.day)}
		cost = [node for node, item in zip(priced.tolist(), ids, strict=True) if item in found]
	return Guesses(_touched(rolled, mass), _touched(rolled, cost))


def _touched(rolled: RolledUp, nodes: list[int]) -> BoolArray:
	structure = rolled.snapshot.structure
	touched = np.zeros(structure.node_count, np.bool_)
	if nodes:
		above: IntArray = structure.ancestors(np.array(sorted(nodes)))
		touched[above] = True
	return touched
