"""What publishers call a gas, to the species of the sets of potentials."""

import re
from functools import lru_cache

from apg.capabilities.esg.shared.ghg import CH4, CO2, MIXED_CO2E, N2O, gwp_sets

_NAMES = {
	"carbondioxide": CO2,
	"methane": CH4,
	"nitrousoxide": N2O,
	"sulphurhexafluoride": "SF6",
	"sulfurhexafluoride": "SF6",
	"nitrogentrifluoride": "NF3",
	"perfluoromethane": "CF4",
	"perfluoroethane": "C2F6",
	"perfluoropropane": "C3F8",
	"perfluorocyclobutane": "cC4F8",
	"perfluorobutane": "C4F10",
	"perfluoropentane": "C5F12",
	"perfluorohexane": "C6F14",
	"perfluorocyclopropane": "cC3F6",
	"carbontetrachloride": "CCl4",
	"methylbromide": "CH3Br",
	"methylchloroform": "CH3CCl3",
	"methylenechloride": "CH2Cl2",
	"methylchloride": "CH3Cl",
	"dimethylether": "CH3OCH3",
	"trifluoromethylsulphurpentafluoride": "SF5CF3",
	"hfc43i0mee": "HFC4310mee",
	"pfc9118": "C10F18",
	"hfcsandpfcsunspecified": MIXED_CO2E,
	"hfe449sl": "HFE7100",
	"hfe569sf2hfe7200": "HFE7200",
	"hfe4310pccc124": "HFE4310pccc124",
}


def _key(text: str) -> str:
	return re.sub(r"[^a-z0-9]", "", text.lower())


@lru_cache(maxsize=1)
def _species() -> dict[str, str]:
	known = {name for held in gwp_sets().values() for name in held.values}
	return {_key(name): name for name in sorted(known)} | _NAMES


def species_named(text: str) -> str | None:
	"""The species a publisher's name means: `HFC-134a`, `Sulphur hexafluoride (SF6)`, `Methane`."""
	plain = re.sub(r"\(.*?\)", "", text).split("=")[0].split("/")[0]
	return _species().get(_key(text)) or _species().get(_key(plain))
