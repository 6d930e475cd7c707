"""What is taken and given of preferences."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from apg.kernel.texts import N_, _
from apg.kernel.web.wire import Line, Moment, WireModel, formed

CHOICES = (("at_once", N_("At once")), ("daily", N_("Once a day")), ("never", N_("Never")))
Kind = Annotated[
	Line,
	StringConstraints(max_length=64),
	formed(r"\*|[a-z][a-z0-9_.]*", lambda: _("Write the kind of a message, or * for every other.")),
]
Mailed = Literal["at_once", "daily", "never"]


class PreferencesIn(WireModel):
	"""All choices of the caller: kind → at_once, daily or never; what is not named has none."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={"examples": [{"mail": {"*": "daily", "change_approval": "at_once"}}]},
	)

	mail: Annotated[dict[Kind, Mailed], Field(max_length=100)]


class PreferenceOut(WireModel):
	"""A choice of the caller's."""

	kind: str
	mail: Mailed
	updated_at: Moment
