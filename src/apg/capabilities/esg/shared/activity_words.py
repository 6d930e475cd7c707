"""The words of activity records: kinds, states and their moves, stages, how a quantity was found."""

import re
from enum import StrEnum

from apg.kernel.errors import Invalid
from apg.kernel.texts import N_, _
from apg.platform.reference import units
from apg.platform.reference.currency_codes import CURRENCY_CODES

CODE_LENGTH = 128
_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:\-]*[A-Za-z0-9])?")


class Kind(StrEnum):
	"""A reported total is somebody else's figure in CO2e; nothing is multiplied."""

	SITE = "site"
	PRODUCT = "product"
	REPORTED_TOTAL = "reported_total"


class State(StrEnum):
	DRAFT = "draft"
	SUBMITTED = "submitted"
	VALIDATED = "validated"
	APPROVED = "approved"
	LOCKED = "locked"


# From where each move may start; approving is open from the first state on, for whoever may.
MOVES: dict[State, frozenset[State]] = {
	State.DRAFT: frozenset({State.SUBMITTED, State.VALIDATED, State.APPROVED, State.LOCKED}),
	State.SUBMITTED: frozenset({State.DRAFT}),
	State.VALIDATED: frozenset({State.SUBMITTED}),
	State.APPROVED: frozenset({State.DRAFT, State.SUBMITTED, State.VALIDATED}),
	State.LOCKED: frozenset({State.APPROVED}),
}


class Quality(StrEnum):
	MEASURED = "measured"
	CALCULATED = "calculated"
	ESTIMATED = "estimated"


class Stage(StrEnum):
	"""Where in the life of a product the activity belongs (ISO 14067:2018, 6.3.4)."""

	MATERIALS = "materials"
	PROCESSES = "processes"
	ENERGY = "energy"
	TRANSPORT = "transport"
	PACKAGING = "packaging"
	USE = "use"
	END_OF_LIFE = "end_of_life"


KINDS = (
	(Kind.SITE, N_("Site")),
	(Kind.PRODUCT, N_("Product")),
	(Kind.REPORTED_TOTAL, N_("Reported total")),
)
STATES = (
	(State.DRAFT, N_("Draft")),
	(State.SUBMITTED, N_("Submitted")),
	(State.VALIDATED, N_("Validated")),
	(State.APPROVED, N_("Approved")),
	(State.LOCKED, N_("Locked")),
)
QUALITIES = (
	(Quality.MEASURED, N_("Measured")),
	(Quality.CALCULATED, N_("Calculated")),
	(Quality.ESTIMATED, N_("Estimated")),
)
STAGES = (
	(Stage.MATERIALS, N_("Materials")),
	(Stage.PROCESSES, N_("Processes")),
	(Stage.ENERGY, N_("Energy")),
	(Stage.TRANSPORT, N_("Transport")),
	(Stage.PACKAGING, N_("Packaging")),
	(Stage.USE, N_("Use")),
	(Stage.END_OF_LIFE, N_("End of life")),
)


def activity_code(text: str) -> str:
	"""The code of an activity, as given. Raises Invalid."""
	code = text.strip()
	if len(code) > CODE_LENGTH or not _CODE.fullmatch(code):
		raise Invalid.one(
			"activity_code",
			_(
				"An activity code has 1 to {n} letters, digits, _ . : or -, and no spaces, for "
				"example fuels.natural_gas.",
				n=CODE_LENGTH,
			),
		)
	return code


def activity_label(code: str) -> str:
	"""A code for a person: `fuels.natural_gas` as Fuels › Natural gas."""
	return " › ".join(part.replace("_", " ").strip().capitalize() for part in code.split("."))


def activity_unit(text: str) -> str:
	"""The symbol of a unit of the catalogue, or a currency for what was spent. Raises UnitError."""
	given = text.strip()
	if given.upper() in CURRENCY_CODES and len(given) == 3:
		return given.upper()
	return units.unit(given).symbol
