"""What is taken and given of capabilities."""

from typing import Annotated, Any

from pydantic import ConfigDict, RootModel, StringConstraints

from apg.kernel.web.wire import WireModel

Short = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Switches(RootModel[dict[Short, bool]]):
	"""Short name of a capability → on or off."""

	model_config = ConfigDict(json_schema_extra={"examples": [{"esg": True, "plm": True}]})


class CapabilityOut(WireModel):
	"""An installed capability, as its manifest describes it and as the tenant has it."""

	id: str
	name: str
	short: str
	title: str
	version: str
	description: str
	category: str
	provides: list[str]
	requires: list[str]
	uses: list[str]
	unmet_uses: list[str]
	permissions: list[str]
	ai_capabilities: dict[str, Any] | list[Any]
	api_endpoints: list[dict[str, Any]]
	performance_requirements: dict[str, Any]
	metadata: dict[str, Any]
	always_on: bool
	enabled: bool


class LeftOut(WireModel):
	"""A capability that is installed but does not fit; the reasons say what to do."""

	name: str
	reasons: list[str]


class CapabilitiesOut(WireModel):
	"""All capabilities of the installation."""

	platform_version: str
	capabilities: list[CapabilityOut]
	left_out: list[LeftOut]
