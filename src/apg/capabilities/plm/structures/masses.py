"""Masses of the nodes of a structure, in kg and exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.lifecycle import ProductType
from apg.capabilities.plm.shared.lines import MICRO
from apg.capabilities.plm.structures.fixed_rows import distinct
from apg.capabilities.plm.structures.loading import TYPES
from apg.capabilities.plm.structures.snapshots import Snapshot
from apg.capabilities.plm.structures.unit_codes import UNIT_TEXTS
from apg.contracts.reference import Units
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

KILOGRAM = "kg"
_SERVICE = TYPES.index(ProductType.SERVICE)


@dataclass(frozen=True, slots=True, eq=False)
class Masses:
	"""Masses in kg of the nodes: their exact factors by place in `unit`."""

	values: FloatArray  # (n,)
	known: BoolArray  # (n,)
	given: BoolArray  # (n,) a mass is recorded, convertible or not
	micro: IntArray  # (n,)
	unit: IntArray  # (n,) places in factors
	factors: tuple[Fraction, ...]

	def exact(self, node: int) -> Fraction:
		if not self.known[node] or self.micro[node] < 0:
			return Fraction(0)
		return Fraction(int(self.micro[node]), MICRO) * self.factors[int(self.unit[node])]


async def masses_of(work: Work, snapshot: Snapshot) -> Masses:
	"""Recorded masses in kg; a service weighs nothing."""
	given = snapshot.mass >= 0
	codes, place = distinct(np.where(given, snapshot.mass_unit, 0))
	texts = await UNIT_TEXTS.texts(work, {int(code) for code in codes if code})
	found = work.port(Units).factors({(text, KILOGRAM) for text in texts.values()})
	factors = [found.get((texts.get(int(code), ""), KILOGRAM)) for code in codes]
	usable = np.array([each is not None for each in factors])[place] & given
	ratio = np.array([float(each or 0) for each in factors])
	values = np.where(usable, snapshot.mass / MICRO * ratio[place], 0.0)
	weightless = (snapshot.type == _SERVICE) & ~given
	return Masses(
		values,
		usable | weightless,
		given,
		snapshot.mass,
		place,
		tuple(each or Fraction(0) for each in factors),
	)
