"""Figures that public authorities worked out themselves, found again by the calculation.

Each row names document, place and year; the result is compared with the digits that are printed.
"""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from tests.capabilities.esg.shared.calculating import a_factor, a_record, chosen

from apg.capabilities.esg.shared.calculation import calculate
from apg.capabilities.esg.shared.ghg import gwp_sets

HUB = "US EPA, Emission Factors for Greenhouse Gas Inventories (2024), table 1"
EQUIVALENCES = "US EPA, Greenhouse Gas Equivalencies Calculator, Calculations and References (2024)"
IPCC = "2006 IPCC Guidelines for National Greenhouse Gas Inventories, volume 2, tables 1.3 and 1.4"
CARBON = Decimal(44) / Decimal(12)

# (document, what, quantity, unit, kg CO2 per unit of the factor, its unit, printed, digits)
EXAMPLES = [
	# Heat content per gallon or cubic foot times kg CO2 per million Btu = kg CO2 per gallon.
	(HUB, "distillate fuel oil no. 2", "0.138", "MMBtu", "73.96", "MMBtu", "10.21", 2),
	(HUB, "residual fuel oil no. 6", "0.150", "MMBtu", "75.10", "MMBtu", "11.27", 2),
	(HUB, "motor gasoline", "0.125", "MMBtu", "70.22", "MMBtu", "8.78", 2),
	(HUB, "kerosene", "0.135", "MMBtu", "75.20", "MMBtu", "10.15", 2),
	(HUB, "propane", "0.091", "MMBtu", "62.87", "MMBtu", "5.72", 2),
	(HUB, "natural gas, a cubic foot", "0.001026", "MMBtu", "53.06", "MMBtu", "0.05444", 5),
	# 5.80 MMBtu a barrel, 20.31 kg C/MMBtu, 44/12: 0.43 t CO2.
	(EQUIVALENCES, "barrel of oil", "5.80", "MMBtu", "20.31 C", "MMBtu", "430", -1),
	# 18 lb of propane in a cylinder, 0.817 lb C/lb, 44/12: 0.024 t CO2.
	(EQUIVALENCES, "propane cylinder", "18", "lb", "0.817 C", "kg", "24", 0),
	# kg C/GJ times 44/12, net calorific value, printed in kg CO2/TJ to the hundred.
	(IPCC, "natural gas", "1000", "GJ (net CV)", "15.3 C", "GJ (net CV)", "56100", -2),
	(IPCC, "gas/diesel oil", "1000", "GJ (net CV)", "20.2 C", "GJ (net CV)", "74100", -2),
	(IPCC, "motor gasoline", "1000", "GJ (net CV)", "18.9 C", "GJ (net CV)", "69300", -2),
	(IPCC, "anthracite", "1000", "GJ (net CV)", "26.8 C", "GJ (net CV)", "98300", -2),
]


@pytest.mark.parametrize(
	("document", "what", "quantity", "unit", "figure", "per", "printed", "digits"),
	EXAMPLES,
	ids=[f"{row[1]}" for row in EXAMPLES],
)
def test_the_printed_result_is_found(
	document: str,
	what: str,
	quantity: str,
	unit: str,
	figure: str,
	per: str,
	printed: str,
	digits: int,
) -> None:
	number, _space, carbon = figure.partition(" ")
	kilograms = Decimal(number) * CARBON if carbon else Decimal(number)
	factor = a_factor(per, gases={"CO2": format(kilograms, "f")})
	(line,) = calculate([a_record(quantity, unit)], [chosen(factor)], gwp_sets()["AR5"])
	assert line.co2e is not None
	rounded = line.co2e.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
	assert rounded == Decimal(printed), document


def test_natural_gas_with_methane_and_nitrous_oxide_by_the_federal_rule() -> None:
	"""40 CFR 98, tables C-1 and C-2: 53.06 kg CO2, 1.0e-3 kg CH4 and 1.0e-4 kg N2O per MMBtu; with
	the potentials of its table A-1 of 2014 (AR4: 25 and 298) 53.1148 kg CO2e."""
	factor = a_factor("MMBtu", gases={"CO2": "53.06", "CH4_fossil": "0.001", "N2O": "0.0001"})
	(line,) = calculate([a_record("1", "MMBtu")], [chosen(factor)], gwp_sets()["AR4"])
	assert line.by_gas == {
		"CO2": Decimal("53.06"),
		"CH4_fossil": Decimal("0.025"),
		"N2O": Decimal("0.0298"),
	}
	assert line.co2e == Decimal("53.1148")
