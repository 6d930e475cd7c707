"""Units of lines, items and masses as hashes in arrays; their texts and exact factors."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.shared.lines import LARGEST
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.contracts.reference import Units
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

# A text that bears the hash, wherever the tenant uses it.
_TEXTS = """
	select h, coalesce(
		(select unit_of_measure from plm_items where hashtextextended(unit_of_measure, 0) = h limit 1),
		(select mass_unit from plm_revisions where hashtextextended(mass_unit, 0) = h limit 1),
		(select unit from plm_lines where hashtextextended(unit, 0) = h limit 1))
	from unnest($1::bigint[]) h
"""
_MOST_TENANTS = 1_000


class UnitTexts:
	"""What this process knows of the tenants' units; each tenant for itself, so that nobody can
	choose a unit whose hash is another one's for somebody else."""

	def __init__(self) -> None:
		self._known: dict[str, dict[int, str]] = {}

	async def texts(self, work: Work, codes: Iterable[int]) -> dict[int, str]:
		"""The texts behind the hashes."""
		if len(self._known) > _MOST_TENANTS:
			self._known.clear()
		known = self._known.setdefault(work.principal.tenant_id, {})
		wanted = set(codes)
		if missing := sorted(wanted - known.keys()):
			rows = await fetched(work, _TEXTS, missing)
			known.update({int(row[0]): row[1] for row in rows if row[1] is not None})
		return {code: known[code] for code in wanted if code in known}


UNIT_TEXTS = UnitTexts()


async def factors(
	work: Work, source: IntArray, target: IntArray
) -> tuple[IntArray, IntArray, BoolArray]:
	"""How many target units one source unit is, row by row, as numerator and denominator.

	The third array marks rows without such a factor. Equal units need no table: 1/1.
	"""
	differ = np.flatnonzero(source != target)
	numerator = denominator = np.broadcast_to(np.int64(1), source.shape)
	lacking = np.zeros(source.size, np.bool_)
	if not differ.size:
		return numerator, denominator, lacking
	numerator, denominator = numerator.copy(), denominator.copy()
	pairs, place = np.unique(
		np.stack([source[differ], target[differ]], axis=1), axis=0, return_inverse=True
	)
	texts = await UNIT_TEXTS.texts(work, {int(code) for code in pairs.ravel()})
	named = [(texts.get(int(old), ""), texts.get(int(new), "")) for old, new in pairs]
	found = work.port(Units).factors({pair for pair in named if all(pair)})
	known = [_held(found.get(pair)) for pair in named]
	up = np.array([1 if each is None else each.numerator for each in known], np.int64)
	down = np.array([1 if each is None else each.denominator for each in known], np.int64)
	place = place.reshape(-1)
	numerator[differ], denominator[differ] = up[place], down[place]
	lacking[differ] = np.array([each is None for each in known])[place]
	return numerator, denominator, lacking


def _held(factor: Fraction | None) -> Fraction | None:
	"""The factor, if the arithmetic's 64 bits hold it."""
	if factor is None or factor <= 0 or max(factor.numerator, factor.denominator) > LARGEST:
		return None
	return factor
