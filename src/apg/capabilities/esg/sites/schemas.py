"""What a site looks like on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from apg.capabilities.esg.shared import places
from apg.capabilities.esg.shared.told import told
from apg.kernel.texts import _
from apg.kernel.web.wire import Line, WireModel, formed, refused

Code = Annotated[
	str,
	formed(
		r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,62}[A-Za-z0-9])?",
		lambda: _("A code has 1 to 64 letters, digits, _, . or -, for example LEEDS-1."),
	),
]
Name = Annotated[Line, Field(min_length=1, max_length=255)]
Country = Annotated[str, AfterValidator(told(places.country))]
Region = Annotated[str, AfterValidator(told(places.region))]
City = Annotated[Line, Field(min_length=1, max_length=128)]
Text = Annotated[Line, Field(max_length=2000)]

EXAMPLE: dict[str, Any] = {
	"code": "LEEDS-1",
	"name": "Leeds works",
	"country": "GB",
	"region": "GB-ENG",
	"city": "Leeds",
	"description": "Assembly and test, gas heating",
}


def _inside(country: str | None, region: str | None) -> None:
	if country and region and not region.startswith(f"{country}-"):
		raise refused("region", _("The region must lie in the country, for example GB-SCT in GB."))


class SiteIn(WireModel):
	"""A new site. Country: ISO 3166-1; region: ISO 3166-2, where grid or rules differ inside."""

	model_config = ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]}
	)

	code: Code
	name: Name
	country: Country
	region: Region | None = None
	city: City | None = None
	description: Text | None = None
	is_active: bool = True

	@model_validator(mode="after")
	def _region_lies_inside(self) -> "SiteIn":
		_inside(self.country, self.region)
		return self


class SitePatch(WireModel):
	"""Only what changes."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"name": "Leeds works, hall 2"}]},
	)

	code: Code | None = None
	name: Name | None = None
	country: Country | None = None
	region: Region | None = None
	city: City | None = None
	description: Text | None = None
	is_active: bool | None = None


class SiteOut(WireModel):
	"""A site as it stands."""

	id: str
	code: str
	name: str
	country: str
	region: str | None
	city: str | None
	description: str | None
	is_active: bool
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None
