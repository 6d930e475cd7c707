"""Greenhouse gases: species, sets of warming potentials, masses to CO2 equivalents and back.

Potentials come from the shipped file `data/gwp.csv` (CC0, globalwarmingpotentials 0.13), which
gives one figure for methane per set. What that figure is, and where the split comes from:

- SAR, TAR, AR4: the IPCC gave one figure (21, 23, 25; AR4 WG1 table 2.14), without the CO2 that
  methane becomes; it stands for methane of either origin.
- AR5: 28 is methane of biogenic origin, fossil methane is 30 (AR5 WG1 table 8.A.1); with
  climate-carbon feedbacks 34 and 36 (table 8.7 and its note).
- AR6: 27.9 is the figure of the supplement (table 7.SM.7) for methane of unstated origin;
  biogenic ("non-fossil") is 27.0 and fossil 29.8 (AR6 WG1 table 7.15, which also gives 20 and
  500 years and GTP100).
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from apg.capabilities.esg.shared.factor import Factor

CO2, CH4, N2O = "CO2", "CH4", "N2O"
CH4_FOSSIL, CH4_BIOGENIC = "CH4_fossil", "CH4_biogenic"
MIXED_CO2E = "CO2e_mixed"
"""A part that was published as kg CO2e of several gases together; it has no mass."""
ROUNDING = "rounding"
"""What a published total differs from the sum of its published gases by, within their digits."""

MASS = Context(prec=34)
"""A mass won from a published CO2e figure keeps 34 digits …"""
FIGURE = Context(prec=28)
"""… and figures are rounded to 28, so that turning one into the other and back changes nothing."""

_FILE = Path(__file__).parent.parent / "data" / "gwp.csv"
_PLAIN = Decimal(1)

# code → (column of the file, metric, years, table of the report, fossil methane, biogenic methane)
_SETS: dict[str, tuple[str, str, int, str, str, str]] = {
	"SAR": ("SARGWP100", "GWP", 100, "IPCC SAR WG1 (1995) table 2.9", "21", "21"),
	"TAR": ("TARGWP100", "GWP", 100, "IPCC TAR WG1 (2001) table 6.7", "23", "23"),
	"AR4": ("AR4GWP100", "GWP", 100, "IPCC AR4 WG1 (2007) table 2.14", "25", "25"),
	"AR5": ("AR5GWP100", "GWP", 100, "IPCC AR5 WG1 (2013) table 8.A.1", "30", "28"),
	"AR5_feedback": ("AR5CCFGWP100", "GWP", 100, "IPCC AR5 WG1 (2013) table 8.7", "36", "34"),
	"AR6": ("AR6GWP100", "GWP", 100, "IPCC AR6 WG1 (2021) tables 7.15, 7.SM.7", "29.8", "27.0"),
	"TAR_20y": ("TARGWP20", "GWP", 20, "IPCC TAR WG1 (2001) table 6.7", "62", "62"),
	"AR6_20y": ("AR6GWP20", "GWP", 20, "IPCC AR6 WG1 (2021) tables 7.15, 7.SM.7", "82.5", "79.7"),
	"TAR_500y": ("TARGWP500", "GWP", 500, "IPCC TAR WG1 (2001) table 6.7", "7", "7"),
	"AR6_500y": ("AR6GWP500", "GWP", 500, "IPCC AR6 WG1 (2021) tables 7.15, 7.SM.7", "10.0", "7.2"),
	"AR6_GTP100": (
		"AR6GTP100",
		"GTP",
		100,
		"IPCC AR6 WG1 (2021) tables 7.15, 7.SM.7",
		"7.5",
		"4.7",
	),
}


@dataclass(frozen=True, slots=True)
class GwpSet:
	"""Potentials of one report and horizon (years): kg CO2e per kg of a species."""

	code: str
	metric: str
	horizon: int
	source: str
	values: Mapping[str, Decimal]

	def value(self, species: str) -> Decimal | None:
		"""The potential, or None where the report gives none; never zero for a want of one."""
		return self.values.get(species)


@dataclass(frozen=True, slots=True)
class Expressed:
	"""One unit of activity in kg CO2e under `gwp_set`; the parts add up to `total` exactly.

	`as_published` marks a total that could not be expressed under the set that was asked for: it
	stands under `gwp_set`, the one of its publisher; or, where that is the set asked for, a part
	published as CO2e of several gases stands in it as it was. `biogenic_co2` (kg) is never in it.
	"""

	gwp_set: str
	by_gas: Mapping[str, Decimal]
	total: Decimal
	biogenic_co2: Decimal | None
	as_published: bool


@dataclass(frozen=True, slots=True)
class NotExpressible:
	"""`nothing_published`, or `no_potential` with the species that has none in the set."""

	gwp_set: str
	reason: str
	species: str | None = None


def co2e(factor: Factor, gwp: GwpSet) -> Expressed | NotExpressible:
	"""What one unit of the factor is in kg CO2e under the set.

	Under its own set a factor gives the published total, and what the gases leave of it stands as
	`rounding`. Under another set masses are multiplied. A total without masses, or with a gas that
	has no potential there, stays as published and says so.
	"""
	native = gwp.code == factor.native_gwp_set
	parts: dict[str, Decimal] = {}
	missing: str | None = None
	for species, mass in factor.gases.items():
		potential = _PLAIN if species == MIXED_CO2E else gwp.value(species)
		if potential is None:
			missing = missing or species
		else:
			parts[species] = FIGURE.multiply(mass, potential)
	if factor.gases and missing is None:
		total = _sum(parts.values())
		if native and factor.co2e is not None and factor.co2e != total:
			parts[ROUNDING] = _EXACT.subtract(factor.co2e, total)
			total = factor.co2e
		mixed = MIXED_CO2E in factor.gases and not native
		return Expressed(
			gwp.code, MappingProxyType(parts), total, factor.biogenic_co2, as_published=mixed
		)
	if factor.co2e is not None:
		whole = MappingProxyType({MIXED_CO2E: factor.co2e})
		return Expressed(
			factor.native_gwp_set, whole, factor.co2e, factor.biogenic_co2, as_published=not native
		)
	if missing is not None:
		return NotExpressible(gwp.code, "no_potential", missing)
	return NotExpressible(gwp.code, "nothing_published")


def mass_of(kg_co2e: Decimal, species: str, gwp: GwpSet) -> Decimal | None:
	"""The mass (kg) of a gas that was published as CO2e; None where the set has no potential."""
	potential = gwp.value(species)
	return None if potential is None else MASS.divide(kg_co2e, potential)


def gwp_sets() -> Mapping[str, GwpSet]:
	"""All sets by code."""
	return _read()


def codes() -> tuple[str, ...]:
	return tuple(_SETS)


_EXACT = Context(prec=80)


def _sum(values: Iterable[Decimal]) -> Decimal:
	total = Decimal(0)
	for value in values:
		total = _EXACT.add(total, value)
	return total


@lru_cache(maxsize=1)
def _read() -> Mapping[str, GwpSet]:
	with _FILE.open(encoding="utf-8", newline="") as lines:
		rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
	sets: dict[str, GwpSet] = {}
	for code, (heading, metric, years, source, fossil, biogenic) in _SETS.items():
		values = {row["Species"]: Decimal(row[heading]) for row in rows if row[heading]}
		values |= {CO2: _PLAIN, CH4_FOSSIL: Decimal(fossil), CH4_BIOGENIC: Decimal(biogenic)}
		sets[code] = GwpSet(code, metric, years, source, MappingProxyType(values))
	return MappingProxyType(sets)
