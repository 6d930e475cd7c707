"""Factors: which one an activity takes, what a version was, who approved what."""

from collections.abc import Collection, Sequence

from apg.capabilities.esg.shared.factor import Chosen, Factor, FactorWanted, NoFactor
from apg.capabilities.esg.shared.ghg import GwpSet, gwp_sets
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.work import Work


async def choose(work: Work, wanted: Sequence[FactorWanted]) -> list[Chosen | NoFactor]:
	"""The factor of each wish, in the order of the wishes; one query for all of them."""
	return [NoFactor(each, "unknown_activity") for each in wanted]


async def factors_of(work: Work, version_ids: Collection[str]) -> dict[str, Factor]:
	"""Versions by id, also superseded ones: an old result stays explainable."""
	return {}


async def gwp_set(work: Work, code: str) -> GwpSet:
	"""The set of potentials. Raises Invalid for a code that is none."""
	found = gwp_sets().get(code)
	if found is None:
		raise Invalid.one(
			"gwp_set",
			_("{code} is no set; choose one of {names}.", code=code, names=", ".join(gwp_sets())),
		)
	return found
