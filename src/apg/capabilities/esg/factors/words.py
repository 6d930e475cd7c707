"""What a person reads on pages of factors."""

from typing import Any

from apg.capabilities.esg.shared.regions import region_label
from apg.kernel.texts import N_, _
from apg.kernel.web.lists import Column, Filter, ListSpec

STATES = (
	("approved", N_("Approved")),
	("linted", N_("Awaits approval")),
	("quarantined", N_("Quarantined")),
	("superseded", N_("Superseded")),
	("withdrawn", N_("Withdrawn")),
)
TONES = {"linted": "warn", "quarantined": "bad", "withdrawn": "muted"}
LAYERS = (("platform", N_("Published pack")), ("tenant", N_("Own")))
STAGES = (
	("direct", N_("Direct: where it is used or burnt")),
	("upstream", N_("Upstream: before it is used")),
	("generation", N_("Generation of electricity")),
	("cradle_to_gate", N_("Cradle to gate: until it is delivered")),
	("use", N_("Use of a product")),
	("end_of_life", N_("End of life")),
	("removal", N_("Removal")),
)
SCOPES = (("1", N_("Scope 1")), ("2", N_("Scope 2")), ("3", N_("Scope 3")))
BASES = {
	"mass": N_("kg of each gas"),
	"co2e": N_("kg CO2e of each gas"),
	"total": N_("only the total"),
}
FACTORS = ListSpec(
	columns=(
		Column("name", "Factor", sortable=True),
		Column("co2e", "kg CO2e per unit", sortable=True, kind="number"),
		Column("unit", "Unit", sortable=True),
		Column("region", "Region", sortable=True),
		Column("valid_from", "Valid", sortable=True, kind="date"),
		Column("state", "State", kind="state"),
		Column("source", "Source"),
		Column("activity_code", "Activity", sortable=True, default_visible=False),
		Column("native_gwp_set", "Potentials", default_visible=False),
		Column("locator", "Where in the file", default_visible=False),
	),
	filters=(
		Filter("search", "Search factors"),
		Filter("state", "State", "choice", STATES),
		Filter("source_id", "Source", "choice"),
		Filter("region", "Region (ISO 3166)"),
		Filter("unit", "Unit"),
		Filter("activity", "Activity code"),
		Filter("layer", "Layer", "choice", LAYERS),
	),
	default_sort="name",
)
# Of those in quarantine a person wants to know why.
WHY = Column("findings", "What is wrong, and what to do")
SOURCES = ListSpec(
	columns=(
		Column("title", "Source"),
		Column("edition", "Edition"),
		Column("factors", "Factors", kind="number"),
		Column("quarantined", "Quarantined", kind="number"),
		Column("native_gwp_set", "Potentials"),
		Column("licence", "Licence"),
		Column("created_at", "Taken", kind="datetime"),
		Column("state", "State", kind="state"),
	),
)
FIELDS = {
	"source": N_("Source"),
	"edition": N_("Edition"),
	"licence": N_("Licence"),
	"valid_from": N_("Valid from"),
	"valid_to": N_("Valid to"),
	"published_on": N_("Published"),
	"co2e": N_("Total"),
	"native_gwp_set": N_("Potentials of the total"),
	"biogenic_co2": N_("CO2 outside of scopes"),
	"low": N_("Lower bound"),
	"high": N_("Upper bound"),
	"price_year": N_("Year of prices"),
	"state": N_("State"),
	"locator": N_("Where in the file"),
	"file_sha256": N_("File (SHA-256)"),
}


def place(code: str, locale: str) -> str:
	"""A region for a person."""
	return _("World") if code == "001" else region_label(code, locale)


def state_label(state: str) -> str:
	return _(dict(STATES).get(state, state))


def translated(pairs: Any) -> list[tuple[str, str]]:
	return [(value, _(label)) for value, label in pairs]
