"""100,000 activity records times their factors: exact figures against the same arithmetic in floats.

The reference does what the engine does and no more: the same columns (normalised quantity, mass and
CO2e of each gas, total, bounds) by the same plans, rounded to the same digit, in plain numpy.
"""

import random
import time
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np

from apg.capabilities.esg.shared import exact_columns, ghg
from apg.capabilities.esg.shared.calculation import ENGINE, METHOD, Record, calculate
from apg.capabilities.esg.shared.factor import Chosen, Factor
from apg.capabilities.esg.shared.seals import seal_of_run
from apg.platform.reference import unit_contexts
from benchmarks.report import Report, race

RECORDS = 100_000
FACTORS = 200
UNITS = ("kWh", "MWh", "GJ", "MJ")


def factors() -> list[Factor]:
	"""Factors as publishers print them: five digits of each gas, bounds with two."""
	numbers = random.Random(11)
	gwp = ghg.gwp_sets()["AR4"]
	found: list[Factor] = []
	for n in range(FACTORS):
		carbon = Decimal(numbers.randrange(5_000, 60_000)).scaleb(-5)
		# Methane and nitrous oxide are printed as CO2e; their masses come of division.
		methane = ghg.mass_of(Decimal(numbers.randrange(1, 90)).scaleb(-5), "CH4_fossil", gwp)
		oxide = ghg.mass_of(Decimal(numbers.randrange(1, 90)).scaleb(-5), "N2O", gwp)
		assert methane is not None
		assert oxide is not None
		found.append(
			Factor(
				version_id=f"v{n}", factor_id=f"f{n}", source_id="s", layer="platform",
				approval_id=None, activity_code=f"energy.kind_{n}", name="", region="GB",
				unit="kWh", valid_from=date(2024, 1, 1), valid_to=None, published_on=None,
				gases={"CO2": carbon, "CH4_fossil": methane, "N2O": oxide}, co2e=None,
				native_gwp_set="AR4", biogenic_co2=Decimal("0.01"), low=Decimal("0.9"),
				high=Decimal("1.15"), spend_currency=None, price_year=None, source="", edition="",
				licence="", locator="", file_sha256="", sha256=f"{n:064x}",
			)
		)  # fmt: skip
	return found


def records() -> tuple[list[Record], list[Chosen]]:
	numbers = random.Random(7)
	known = [Chosen(factor, 0, "activity_exact") for factor in factors()]
	chosen = [known[numbers.randrange(FACTORS)] for _n in range(RECORDS)]
	day = date(2024, 1, 1)
	made = [
		Record(
			f"r{n}", 1, "0" * 64, "site", choice.factor.activity_code,
			Decimal(numbers.randrange(1, 10**11)).scaleb(-6), UNITS[n % len(UNITS)], "GB", day,
		)
		for n, choice in enumerate(chosen)
	]  # fmt: skip
	return made, chosen


def multipliers(gwp: ghg.GwpSet) -> dict[tuple[str, str], list[Fraction]]:
	"""What each pair of unit and factor multiplies a quantity with, one figure a result."""
	found: dict[tuple[str, str], list[Fraction]] = {}
	for factor in factors():
		expressed = ghg.co2e(factor, gwp)
		assert isinstance(expressed, ghg.Expressed)
		figures = [
			Decimal(1), *factor.gases.values(), *expressed.by_gas.values(), expressed.total,
			expressed.biogenic_co2, expressed.total * factor.low, expressed.total * factor.high,
		]  # fmt: skip
		for unit in UNITS:
			step = unit_contexts.conversion(unit, factor.unit)
			ratio = step.factor if step else Fraction(1)
			found[unit, factor.version_id] = [Fraction(figure) * ratio for figure in figures]
	return found


def in_floats(
	made: Sequence[Record], chosen: Sequence[Chosen], table: dict[tuple[str, str], list[Fraction]]
) -> list[np.ndarray]:
	"""The same from the same records, with what float64 holds of each figure."""
	places = {key: n for n, key in enumerate(table)}
	quantities = np.fromiter((float(one.quantity) for one in made), np.float64, len(made))
	plans = np.fromiter(
		(
			places[one.unit, choice.factor.version_id]
			for one, choice in zip(made, chosen, strict=True)
		),
		np.intp,
		len(made),
	)
	columns = np.array([[float(one) for one in figures] for figures in table.values()]).T
	return [np.round(quantities * column[plans], 9) for column in columns]


def run(report: Report) -> None:
	gwp = ghg.gwp_sets()["AR5"]
	made, chosen = records()
	table = multipliers(gwp)
	places = {key: n for n, key in enumerate(table)}
	plans = np.array(
		[
			places[one.unit, choice.factor.version_id]
			for one, choice in zip(made, chosen, strict=True)
		]
	)
	micro = np.array([exact_columns.micro(one.quantity) for one in made], np.int64)
	exact = exact_columns.Multipliers(
		[list(column) for column in zip(*table.values(), strict=True)]
	)
	floats = np.array([[float(one) for one in figures] for figures in table.values()]).T
	real = micro / 1e6

	def plain() -> list[np.ndarray]:
		return [np.round(real * column[plans], 9) for column in floats]

	ours, reference = race(lambda: exact.times(micro, plans), plain)
	report.row(
		"arithmetic of 100,000 records, columns at hand", RECORDS / ours, "records/s",
		reference=RECORDS / reference, against="numpy in float64",
		at_least=0.2, more_is_better=True, note=f"{len(floats)} figures each, exact to 1e-9 kg",
	)  # fmt: skip
	ours, reference = race(
		lambda: calculate(made, chosen, gwp), lambda: in_floats(made, chosen, table), repeat=3
	)
	report.row(
		"100,000 records calculated, from records to lines", RECORDS / ours, "records/s",
		reference=RECORDS / reference, against="the same records in numpy, float64",
		at_least=0.2, more_is_better=True,
		note="reading quantities, units and factors of each record included",
	)  # fmt: skip
	lines = calculate(made, chosen, gwp)
	_check(lines, table)
	begun = time.perf_counter()
	seals = [line.seal for line in lines]
	seal_of_run(seals, gwp_set="AR5", method=METHOD, engine=ENGINE)
	taken = time.perf_counter() - begun
	report.row(
		"lines written out and sealed", RECORDS / taken, "lines/s",
		note="SHA-256 over the canonical form of each, and over all",
	)  # fmt: skip


def _check(lines: Sequence, table: dict[tuple[str, str], list[Fraction]]) -> None:
	"""A thousand lines against fractions: a fast wrong answer is no answer."""
	for n in range(0, RECORDS, 100):
		line = lines[n]
		total = table[line.record.unit, line.factor.version_id][7]
		wanted = round(Fraction(line.record.quantity) * total * 10**9)
		if line.co2e != Decimal(wanted).scaleb(-9):
			raise RuntimeError(f"record {n}: {line.co2e} is not {wanted}e-9")
