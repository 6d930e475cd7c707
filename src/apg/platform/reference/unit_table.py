"""The table of units: symbol, name, exact factor to the base of the dimension, other spellings.

Factors are exact fractions to the base of the dimension: SI brochure (BIPM, 9th edition, 2019),
NIST SP 811 appendix B (2008) for yard, pound, gallon and horsepower definitions, BS 350 and
ISO 31-4 for the International Table Btu. Energy by calorific value (gross or net) is a dimension
of its own, because the ratio between the two depends on the fuel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Dimension(StrEnum):
	COUNT = "count"
	PACK = "pack"
	SET = "set"
	ROLL = "roll"
	SHEET = "sheet"
	MASS = "mass"
	CO2E = "mass of CO2e"
	LENGTH = "length"
	AREA = "area"
	VOLUME = "volume"
	TIME = "time"
	WORK_TIME = "working time"
	ENERGY = "energy"
	ENERGY_GROSS = "energy, gross calorific value"
	ENERGY_NET = "energy, net calorific value"
	POWER = "power"
	PRESSURE = "pressure"
	TEMPERATURE = "temperature"
	RESISTANCE = "resistance"
	CAPACITANCE = "capacitance"
	INDUCTANCE = "inductance"
	VOLTAGE = "voltage"
	CURRENT = "current"
	CHARGE = "charge"
	FREQUENCY = "frequency"
	FREIGHT = "freight"
	PASSENGER_TRANSPORT = "passenger transport"
	VEHICLE_TRANSPORT = "vehicle transport"
	STAY = "stay"
	RATIO = "ratio"
	SCORE = "score"


@dataclass(frozen=True, slots=True)
class Unit:
	"""`factor` units of the base of `dimension` make one; `offset` (in the base) is for temperatures."""

	symbol: str
	name: str
	dimension: Dimension
	factor: Fraction
	aliases: tuple[str, ...] = ()
	offset: Fraction = Fraction(0)


def _units(dimension: Dimension, rows: str) -> Iterable[Unit]:
	"""Reads lines of `symbol | name | exact factor | alias, alias` (`a/b` and `a*b` are allowed)."""
	for row in rows.strip().splitlines():
		symbol, name, factor, aliases = (part.strip() for part in row.split("|"))
		value = Fraction(1)
		for part in factor.split("*"):
			value *= Fraction(part.strip())
		names = tuple(alias.strip() for alias in aliases.split(",") if alias.strip())
		yield Unit(symbol, name, dimension, value, names)


UNITS: tuple[Unit, ...] = (
	*_units(
		Dimension.COUNT,
		"""
		each | each | 1 | ea, pcs, pc, pce, piece, pieces, unit, units, count, number, no., C62, H87, Stück, Stk, Stck, pièce, pièces, part, parts, item, items
		pair | pair | 2 | pairs, pr, Paar, paire, paires
		dozen | dozen | 12 | doz, dz, Dutzend, douzaine
		hundred | hundred | 100 | hundreds, CEN
		gross | gross (144) | 144 |
		thousand | thousand | 1000 | thousands, Tausend, mille
		million | million | 1000000 | millions
		""",
	),
	*_units(
		Dimension.PACK,
		"pack | pack | 1 | packs, package, packages, packet, PK, box, boxes, carton, Packung, paquet",
	),
	*_units(Dimension.SET, "set | set | 1 | sets, kit, kits, Satz, jeu"),
	*_units(
		Dimension.ROLL,
		"roll | roll or reel | 1 | rolls, reel, reels, spool, spools, Rolle, rouleau, bobine",
	),
	*_units(Dimension.SHEET, "sheet | sheet | 1 | sheets, Blatt, Tafel, feuille"),
	*_units(
		Dimension.MASS,
		"""
		kg | kilogram | 1 | kilogram, kilograms, kilogramme, kilogrammes, kilo, kilos, kgs, KGM, Kilogramm
		g | gram | 1/1000 | gram, grams, gramme, grammes, GRM, Gramm
		mg | milligram | 1/1000000 | milligram, milligrams, milligramme, MGM
		µg | microgram | 1/1000000000 | ug, mcg, microgram, micrograms
		t | tonne | 1000 | tonne, tonnes, metric ton, metric tons, TNE, Tonnen
		kt | kilotonne | 1000000 | kilotonne, kilotonnes
		Mt | megatonne | 1000000000 | megatonne, megatonnes
		lb | pound | 45359237/100000000 | lbs, pound, pounds, lbm, LBR
		oz | ounce (avoirdupois) | 45359237/1600000000 | ounce, ounces, ONZ
		short ton | short ton (US) | 2000 * 45359237/100000000 | short tons, ton (US), US ton, STN
		long ton | long ton (UK) | 2240 * 45359237/100000000 | long tons, ton (UK), UK ton, imperial ton, LTN
		""",
	),
	*_units(
		Dimension.CO2E,
		"""
		kgCO2e | kilogram of CO2 equivalent | 1 | kg CO2, kg_co2, kg_co2e, kg CO2-eq, kgCO2eq
		gCO2e | gram of CO2 equivalent | 1/1000 | g CO2, g CO2-eq, gCO2eq
		tCO2e | tonne of CO2 equivalent | 1000 | tonnes_co2, tonnes_co2e, tonne CO2e, t CO2, t CO2-eq, tCO2eq
		ktCO2e | kilotonne of CO2 equivalent | 1000000 | kt CO2, kilotonnes_co2e
		MtCO2e | megatonne of CO2 equivalent | 1000000000 | megatonnes_co2e
		""",
	),
	*_units(
		Dimension.LENGTH,
		"""
		m | metre | 1 | metre, metres, meter, meters, MTR, mtr, mètre, mètres
		µm | micrometre | 1/1000000 | um, micron, microns, micrometre, micrometer
		nm | nanometre | 1/1000000000 | nanometre, nanometer
		mm | millimetre | 1/1000 | MM, millimetre, millimetres, millimeter, millimeters, MMT
		cm | centimetre | 1/100 | centimetre, centimetres, centimeter, centimeters, CMT, Zentimeter
		dm | decimetre | 1/10 | decimetre, decimeter, DMT
		km | kilometre | 1000 | kilometre, kilometres, kilometer, kilometers, kms, KMT
		in | inch | 254/10000 | inch, inches, ", INH, Zoll, pouce
		ft | foot | 3048/10000 | foot, feet, FOT, Fuß, pied
		yd | yard | 9144/10000 | yard, yards, YRD
		mi | mile (statute) | 1609344/1000 | mile, miles, SMI
		nmi | nautical mile | 1852 | nautical mile, nautical miles, NMI
		thou | thousandth of an inch | 254/10000000 | thousandth of an inch
		""",
	),
	*_units(
		Dimension.AREA,
		"""
		m2 | square metre | 1 | sqm, square metre, square metres, square meter, square meters, MTK, qm, Quadratmeter
		mm2 | square millimetre | 1/1000000 | square millimetre, square millimetres, sq mm
		cm2 | square centimetre | 1/10000 | square centimetre, square centimetres, sq cm
		km2 | square kilometre | 1000000 | square kilometre, square kilometres, sq km
		ha | hectare | 10000 | hectare, hectares, Hektar
		ft2 | square foot | 3048/10000 * 3048/10000 | sq ft, sqft, square foot, square feet
		in2 | square inch | 254/10000 * 254/10000 | sq in, square inch, square inches
		acre | international acre | 43560 * 3048/10000 * 3048/10000 | acres
		""",
	),
	*_units(
		Dimension.VOLUME,
		"""
		m3 | cubic metre | 1 | cbm, cubic metre, cubic metres, cubic meter, cubic meters, MTQ, Kubikmeter
		L | litre | 1/1000 | l, litre, litres, liter, liters, LTR, ltr, dm3
		mL | millilitre | 1/1000000 | ml, millilitre, millilitres, milliliter, milliliters, MLT, cm3, cc
		cL | centilitre | 1/100000 | cl, centilitre, centiliter
		hL | hectolitre | 1/10 | hl, hectolitre, hectoliter
		million litres | million litres | 1000 | million litre, million liters, megalitre, megalitres, megaliter
		mm3 | cubic millimetre | 1/1000000000 | cubic millimetre, cubic millimetres
		in3 | cubic inch | 254/10000 * 254/10000 * 254/10000 | cu in, cubic inch, cubic inches
		ft3 | cubic foot | 3048/10000 * 3048/10000 * 3048/10000 | cu ft, cubic foot, cubic feet
		gal (US) | US gallon | 231 * 254/10000 * 254/10000 * 254/10000 | gal_us, US gallon, US gallons, gallons (US), usg
		gal (UK) | imperial gallon | 454609/100000000 | gal_uk, UK gallon, imperial gallon, imperial gallons, gallons (UK)
		fl oz (US) | US fluid ounce | 231/128 * 254/10000 * 254/10000 * 254/10000 | fl_oz_us, US fluid ounce
		fl oz (UK) | imperial fluid ounce | 454609/16000000000 | fl_oz_uk, imperial fluid ounce
		bbl (oil) | barrel of oil | 42 * 231 * 254/10000 * 254/10000 * 254/10000 | bbl, oil barrel, barrel of oil, barrels of oil
		""",
	),
	*_units(
		Dimension.TIME,
		"""
		s | second | 1 | sec, secs, second, seconds, SEC, Sekunde, Sekunden, seconde, secondes
		ms | millisecond | 1/1000 | millisecond, milliseconds
		min | minute | 60 | MIN, Min, mins, minute, minutes, Minuten
		h | hour | 3600 | hr, hrs, hour, hours, HUR, Std, Stunde, Stunden, heure, heures
		d | day | 86400 | day, days, DAY, Tag, Tage, jour, jours
		week | week | 604800 | weeks, wk, WEE, Woche, Wochen, semaine, semaines
		""",
	),
	*_units(
		Dimension.WORK_TIME,
		"person-hour | person-hour | 1 | person-hours, man-hour, man-hours, FTE Working Hour",
	),
	*_units(
		Dimension.ENERGY,
		"""
		J | joule | 1 | joule, joules
		kJ | kilojoule | 1000 | kilojoule, kilojoules
		MJ | megajoule | 1000000 | megajoule, megajoules
		GJ | gigajoule | 1000000000 | gigajoule, gigajoules
		TJ | terajoule | 1000000000000 | terajoule, terajoules
		PJ | petajoule | 1000000000000000 | petajoule, petajoules
		Wh | watt-hour | 3600 | watt-hour, watt hours, WHR
		kWh | kilowatt-hour | 3600000 | kwh, kilowatt-hour, kilowatt hours, KWH
		MWh | megawatt-hour | 3600000000 | megawatt-hour, megawatt hours, MWH
		GWh | gigawatt-hour | 3600000000000 | gigawatt-hour, gigawatt hours, GWH
		TWh | terawatt-hour | 3600000000000000 | terawatt-hour, terawatt hours
		Btu (IT) | British thermal unit (IT) | 105505585262/100000000 | Btu, Btu_IT
		MMBtu | million Btu (IT) | 105505585262/100 | million Btu
		toe | tonne of oil equivalent (IEA) | 41868000000 | tonne of oil equivalent
		""",
	),
	*_units(
		Dimension.ENERGY_GROSS,
		"""
		kWh (gross CV) | kilowatt-hour, gross calorific value | 3600000 | kwh_gross, kWh gross, kWh HHV, kWh Hs
		MWh (gross CV) | megawatt-hour, gross calorific value | 3600000000 | mwh_gross, MWh gross, MWh HHV, MWh Hs
		MJ (gross CV) | megajoule, gross calorific value | 1000000 | mj_gross, MJ gross, MJ HHV
		GJ (gross CV) | gigajoule, gross calorific value | 1000000000 | gj_gross, GJ gross, GJ HHV
		""",
	),
	*_units(
		Dimension.ENERGY_NET,
		"""
		kWh (net CV) | kilowatt-hour, net calorific value | 3600000 | kwh_net, kWh net, kWh LHV, kWh Hi
		MWh (net CV) | megawatt-hour, net calorific value | 3600000000 | mwh_net, MWh net, MWh LHV, MWh Hi
		MJ (net CV) | megajoule, net calorific value | 1000000 | mj_net, MJ net, MJ LHV
		GJ (net CV) | gigajoule, net calorific value | 1000000000 | gj_net, GJ net, GJ LHV
		""",
	),
	*_units(
		Dimension.POWER,
		"""
		W | watt | 1 | watt, watts, WTT
		mW | milliwatt | 1/1000 | milliwatt, milliwatts
		kW | kilowatt | 1000 | kilowatt, kilowatts, KWT
		MW | megawatt | 1000000 | megawatt, megawatts, MAW
		GW | gigawatt | 1000000000 | gigawatt, gigawatts
		hp | mechanical horsepower | 550 * 3048/10000 * 45359237/100000000 * 980665/100000 | horsepower
		PS | metric horsepower | 73549875/100000 | metric horsepower, ch
		""",
	),
	*_units(
		Dimension.PRESSURE,
		"""
		Pa | pascal | 1 | pascal, pascals
		hPa | hectopascal | 100 | hectopascal
		kPa | kilopascal | 1000 | kilopascal
		MPa | megapascal | 1000000 | megapascal
		bar | bar | 100000 | bars
		mbar | millibar | 100 | millibar
		atm | standard atmosphere | 101325 | atmosphere
		psi | pound per square inch | 45359237/100000000 * 980665/100000 * 10000/254 * 10000/254 | lbf/in2
		""",
	),
	*_units(
		Dimension.RESISTANCE,
		"Ω | ohm | 1 | ohm, ohms\nmΩ | milliohm | 1/1000 | mohm, milliohm\nkΩ | kiloohm | 1000 | kohm, kiloohm\nMΩ | megaohm | 1000000 | Mohm, megaohm",
	),
	*_units(
		Dimension.CAPACITANCE,
		"F | farad | 1 | farad, farads\nmF | millifarad | 1/1000 | millifarad\nµF | microfarad | 1/1000000 | uF, microfarad\nnF | nanofarad | 1/1000000000 | nanofarad\npF | picofarad | 1/1000000000000 | picofarad",
	),
	*_units(
		Dimension.INDUCTANCE,
		"H | henry | 1 | henry, henries\nmH | millihenry | 1/1000 | millihenry\nµH | microhenry | 1/1000000 | uH, microhenry\nnH | nanohenry | 1/1000000000 | nanohenry",
	),
	*_units(
		Dimension.VOLTAGE,
		"V | volt | 1 | volt, volts, VLT\nmV | millivolt | 1/1000 | millivolt\nkV | kilovolt | 1000 | kilovolt",
	),
	*_units(
		Dimension.CURRENT,
		"A | ampere | 1 | amp, amps, ampere, amperes, AMP\nmA | milliampere | 1/1000 | milliamp, milliampere\nµA | microampere | 1/1000000 | uA, microampere",
	),
	*_units(
		Dimension.CHARGE,
		"C | coulomb | 1 | coulomb\nAh | ampere-hour | 3600 | amp hour, ampere hour\nmAh | milliampere-hour | 36/10 | milliamp hour",
	),
	*_units(
		Dimension.FREQUENCY,
		"Hz | hertz | 1 | hertz\nkHz | kilohertz | 1000 | kilohertz\nMHz | megahertz | 1000000 | megahertz\nGHz | gigahertz | 1000000000 | gigahertz",
	),
	*_units(
		Dimension.FREIGHT,
		"tkm | tonne-kilometre | 1 | tonne.km, t.km, tonne-kilometre, tonne kilometres\nkg.km | kilogram-kilometre | 1/1000 |\nshort ton-mile | short ton-mile | 2000 * 45359237/100000000 * 1/1000 * 1609344/1000000 | short ton mile, short ton-miles",
	),
	*_units(
		Dimension.PASSENGER_TRANSPORT,
		"pkm | passenger-kilometre | 1 | passenger.km, p.km, passenger kilometres\npassenger-mile | passenger-mile | 1609344/1000000 | passenger miles, passenger.mile",
	),
	*_units(
		Dimension.VEHICLE_TRANSPORT,
		"vkm | vehicle-kilometre | 1 | vehicle.km, v.km\nvehicle-mile | vehicle-mile | 1609344/1000000 | vehicle.mile, vehicle miles",
	),
	*_units(Dimension.STAY, "room night | room per night | 1 | room nights, room per night"),
	*_units(
		Dimension.RATIO,
		"ratio | ratio | 1 | 1, fraction\n% | percent | 1/100 | percent, percentage, pct, per cent, Prozent, pour cent\n‰ | per mille | 1/1000 | permille, per mille\nppm | part per million | 1/1000000 | parts per million\nppb | part per billion (10^9) | 1/1000000000 | parts per billion",
	),
	*_units(Dimension.SCORE, "score | score | 1 | points, point, scores"),
	Unit("K", "kelvin", Dimension.TEMPERATURE, Fraction(1), ("kelvin",)),
	Unit(
		"°C",
		"degree Celsius",
		Dimension.TEMPERATURE,
		Fraction(1),
		("degC", "celsius"),
		Fraction(27315, 100),
	),
	Unit(
		"°F",
		"degree Fahrenheit",
		Dimension.TEMPERATURE,
		Fraction(5, 9),
		("degF", "fahrenheit"),
		Fraction(45967, 180),
	),
)

# Written alike, meant differently: the reader is asked instead of being surprised by a factor.
AMBIGUOUS: dict[str, tuple[str, ...]] = {
	"ton": ("t", "short ton", "long ton"),
	"tons": ("t", "short ton", "long ton"),
	"gal": ("gal (US)", "gal (UK)"),
	"gallon": ("gal (US)", "gal (UK)"),
	"gallons": ("gal (US)", "gal (UK)"),
	"floz": ("fl oz (US)", "fl oz (UK)"),
	"fluidounce": ("fl oz (US)", "fl oz (UK)"),
	"barrel": ("bbl (oil)", "L"),
	"barrels": ("bbl (oil)", "L"),
	"st": ("each", "kg"),
	"mil": ("thou", "thousand", "million"),
	"mils": ("thou", "thousand"),
	"mt": ("t", "Mt"),
	"mtco2e": ("tCO2e", "MtCO2e"),
	"gr": ("g", "mg"),
	"k": ("K", "thousand"),
	"M": ("m", "million"),
	"Nm": ("nm", "nmi", "J"),
	"NM": ("nm", "nmi", "J"),
	"a": ("A", "d"),
	"cal": ("J", "kJ"),
	"kcal": ("kJ", "kWh"),
	"therm": ("MMBtu", "MJ"),
	"therms": ("MMBtu", "MJ"),
	"month": ("d", "h"),
	"months": ("d", "h"),
	"quarter": ("d", "h"),
	"year": ("d", "h"),
	"years": ("d", "h"),
	"yr": ("d", "h"),
}
