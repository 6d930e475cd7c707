"""Why a row was set aside, and what mends it, in sentences."""

from collections.abc import Mapping
from typing import Any

from apg.capabilities.esg.shared.factor_draft import Finding
from apg.kernel.texts import N_, _

REASONS: Mapping[str, tuple[str, str]] = {
	"calorific_basis": (
		N_("{unit} of a fuel, without saying whether gross or net calorific value."),
		N_("Write {unit} (Gross CV) or {unit} (Net CV); the two differ by 5 to 10 %."),
	),
	"unit_ambiguous": (
		N_("The unit “{unit}” has more than one meaning."),
		N_("Write the one that is meant in full, for example short ton or t."),
	),
	"unit_unknown": (
		N_("The unit “{unit}” is not known."),
		N_("Use a unit of the catalogue."),
	),
	"unit_contradiction": (
		N_("Two columns name different units: {unit} and {other}."),
		N_("Find out which one the figure is per, and write it in both."),
	),
	"not_a_number": (
		N_("“{text}” in row {row} is no number."),
		N_("Leave the cell blank if nothing is published, or write the figure."),
	),
	"gas_unknown": (
		N_("Row {row} names the gas “{gas}”, which is none."),
		N_("Name a greenhouse gas, or kg CO2e for the total."),
	),
	"gas_blank": (
		N_("No figure for {gas} in row {row}, though the others are there."),
		N_("Write the figure, or remove the gas where it does not apply."),
	),
	"gas_unit": (
		N_("{gas} is given in {unit}, which this column cannot hold."),
		N_("Give kg of the gas."),
	),
	"gas_twice": (
		N_("{gas} stands twice, again in row {row}."),
		N_("Keep the right figure."),
	),
	"no_total": (
		N_("Gases without the total in kg CO2e they belong to."),
		N_("Give the total, in a row with the same path and unit."),
	),
	"basis_unknown": (
		N_("Nothing tells whether the gas columns are kg of the gas or kg CO2e."),
		N_("Say which it is when you upload the file, or add the totals."),
	),
	"other_basis": (
		N_("The gases add up to {sum}, the total is {total}; read as {fits} they would agree."),
		N_("The row is on another basis than the rest of the file; convert it."),
	),
	"no_basis": (
		N_("The gases add up to {sum}, the total is {total}; no basis makes them agree."),
		N_("Compare the row with the publication and correct it."),
	),
	"negative": (
		N_("{figure} is {value}: below zero."),
		N_("Only the stage “removal” may be negative."),
	),
	"bounds": (
		N_("The bounds {low} and {high} do not hold the figure between them."),
		N_("Give them relative to the figure, as 0.9 and 1.2."),
	),
	"duplicate": (
		N_("The same factor for the same time stands in {other}."),
		N_("Keep one of the two."),
	),
	"no_year": (
		N_("“{text}” is no year or day from which the figure holds."),
		N_("Write a year as 2020 or a day as 2020-01-31."),
	),
	"not_a_day": (
		N_("“{text}” in {column} is no day."),
		N_("Write it as 2020-01-31."),
	),
	"period": (
		N_("The period ends ({to}) before it begins ({from})."),
		N_("Correct one of the two days."),
	),
	"region_unknown": (
		N_("“{text}” is no region."),
		N_("Use ISO 3166 (GB, GB-SCT, DEU) or 001 for the world."),
	),
	"currency_unknown": (
		N_("“{text}” is no currency."),
		N_("Give the three letters of ISO 4217."),
	),
	"stage_unknown": (
		N_("“{text}” is no stage of the life cycle."),
		N_("Use direct, upstream, generation, cradle_to_gate, use, end_of_life or removal."),
	),
	"no_activity": (
		N_("The row has no activity code."),
		N_("Give one, general to special with points, as fuels.natural_gas."),
	),
	# rows that are no factor at all
	"no_factor": (
		N_("No figure is published."),
		N_("Nothing to do: a blank is not zero, and no factor is made of it."),
	),
	"energy_content": (
		N_("The figure is energy ({unit}), not a greenhouse gas."),
		N_("Nothing to do: it is no emission factor."),
	),
	"removed": (
		N_("The factor is recorded for this time, and the file does not have it any more."),
		N_("It stays as it is; withdraw it if the publisher gave it up."),
	),
	"changed": (
		N_("The figure differs from the one recorded for the same time."),
		N_("A new version is made; the old one and all its results stay."),
	),
}
REMARKS: Mapping[str, str] = {
	"grid_mix_basis": N_(
		"The file says neither which gases its figures hold nor under which potentials; they are "
		"used as published and never expressed under another set."
	),
	"mixed_gases_set": N_(
		"HFCs and PFCs come together in kg CO2e under a set the file does not name; their share "
		"stands as published in every figure."
	),
}


def told(code: str, values: Mapping[str, str]) -> dict[str, Any]:
	"""A finding as it is stored and shown."""
	reason, remedy = REASONS[code]
	return {
		"code": code,
		"values": dict(values),
		"reason": _(reason, **values),
		"remedy": _(remedy, **values),
	}


def told_of(finding: Finding) -> dict[str, Any]:
	return told(finding.code, finding.values)
