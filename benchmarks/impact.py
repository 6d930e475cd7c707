"""The impact of swapping a part that 1,000 assemblies take, against two whole roll-ups.

The structure of `bom_rollup` (1,000,000 lines, 272,100 nodes, depth 10, four quantities) beside a new
revision of one part. Ours: what hangs on the swap found, levelled and rolled up, differences of value,
missing and needed places of every ancestor. The reference rolls up everything before and after, on
structures that are ready.
"""

import numpy as np

from apg.capabilities.plm.shared.bom_math import roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.impact_math import Fingerprints, Overlay
from apg.capabilities.plm.shared.structure import Structure
from benchmarks.bom_rollup import KNOWN, QUANTITIES, make_columns
from benchmarks.report import Report, race

ASSEMBLIES = 1_000
NEW = b"019a2f31-7c55-7d3e-9b1a-ffffffffffff"


def make() -> tuple[Structure, Structure, str]:
	"""The structure with the new revision beside it, the one afterwards, and the part."""
	ids, parent, child, quantity = make_columns()
	uses = np.bincount(child, minlength=ids.size)
	leaf = np.bincount(parent, minlength=ids.size) == 0
	part = int(np.argmin(np.where(leaf, np.abs(uses - ASSEMBLIES), ids.size)))
	ids = np.append(ids, NEW)
	base = Structure.from_arrays(ids, parent, child, quantity)
	after = Structure.from_arrays(
		ids, parent, np.where(child == part, ids.size - 1, child), quantity
	)
	return base, after, ids[part].decode()


def figures_of(structure: Structure) -> dict[str, Figures]:
	"""Figures that hang on the id alone, so that both structures have the same."""
	number = np.array([int(name[-12:], 16) for name in structure.ids.tolist()])
	found: dict[str, Figures] = {}
	for place, name in enumerate(QUANTITIES):
		mixed = (number * 2_654_435_761 + place * 97) % 10**8
		known = structure.leaf & (mixed % 1_000 < KNOWN * 1_000)
		found[name] = Figures.scaled(mixed, 6, known)
	return found


def run(report: Report) -> None:
	base, after, part = make()
	figures, later = figures_of(base), figures_of(after)
	before, afterwards = roll_up(base, figures), roll_up(after, later)
	base.uses  # noqa: B018  kept with the structure, as in the product

	def ours() -> Overlay:
		overlay = Overlay.of(base, {part: NEW.decode()})
		for name in QUANTITIES:
			overlay.deltas(before[name])
		return overlay

	overlay = ours()
	assemblies = np.unique(base.line_parents(np.flatnonzero(base.child == base.index(part)))).size
	for name in QUANTITIES:
		deltas = overlay.deltas(before[name])
		places = after.indexes(base.ids[overlay.source])
		for what in ("values", "missing", "needed"):
			whole = getattr(afterwards[name], what)[places]
			known = getattr(before[name], what)[overlay.source] + getattr(deltas, what)
			still = base.ids[overlay.source] != part.encode()
			still &= base.ids[overlay.source] != NEW
			np.testing.assert_allclose(whole[still], known[still], rtol=1e-9, atol=1e-6)

	def full() -> None:
		roll_up(base, figures)
		roll_up(after, later)

	def certain() -> None:
		Fingerprints(base, figures[QUANTITIES[0]]).same(overlay)

	taken, whole, gaps = race(ours, full, certain, repeat=9)
	note = (
		f"{base.line_count:,} lines, {base.node_count:,} nodes; {assemblies:,} assemblies, "
		f"{overlay.after.node_count:,} ancestors, {overlay.after.line_count:,} lines among them, "
		f"{len(overlay.ends()):,} end items; totals before are there"
	)
	report.row("impact of a part on all ancestors, 4 quantities", taken * 1e3, "ms",
		reference=whole * 1e3, against="whole roll-up before and after", at_least=10, note=note)  # fmt: skip
	report.row("whether the difference hangs on gaps, 1 quantity", gaps * 1e3, "ms", note=note)
