"""What is taken and given of a tenant."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, field_validator

from apg.kernel.database import dump_json
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, IdText, Line, Moment, WireModel, formed

SLUG = "[a-z0-9]+(-[a-z0-9]+)*"
SETTINGS_LIMIT = 32_768
# The operator's to decide, through `apg tenant`; a tenant may not widen its own limits.
OPERATORS_SETTINGS = frozenset({"rate_tier", "tier", "quota"})

Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Country = Annotated[
	str,
	formed("[A-Z]{2,3}", lambda: _("Give two or three capital letters, for example DE or DEU.")),
]
Currency = Annotated[
	str, formed("[A-Z]{3}", lambda: _("Give the three capital letters of a currency, like EUR."))
]
Locale = Annotated[
	str, formed("[a-z]{2,3}(_[A-Z]{2})?", lambda: _("Give a language such as en, de or pt_BR."))
]
Slug = Annotated[
	str,
	StringConstraints(min_length=2, max_length=128),
	formed(
		SLUG, lambda: _("Use small letters, digits and single dashes between them: nordwind-bikes.")
	),
]
Framework = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
SettingName = Annotated[
	str,
	formed("[a-z][a-z0-9_]{0,63}", lambda: _("Name a setting in small letters, digits and _.")),
]


class TenantIn(WireModel):
	"""A new tenant, as the operator's command gives it."""

	model_config = ConfigDict(extra="forbid")

	slug: Slug
	name: Name
	currency: Currency = "EUR"
	locale: Locale = "en"


class TenantPatch(WireModel):
	"""What an administrator may change. In `settings` and `ai_configuration` only the keys given
	change, and null removes one."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"name": "Nordwind Bikes",
					"industry": "bicycles",
					"headquarters_country": "DEU",
					"employee_count": 240,
					"annual_revenue": 41500000.50,
					"currency": "EUR",
					"esg_frameworks": ["ESRS", "GRI"],
				}
			]
		},
	)

	name: Name | None = None
	description: Annotated[Line, StringConstraints(max_length=4000)] | None = None
	industry: Annotated[Line, StringConstraints(max_length=128)] | None = None
	headquarters_country: Country | None = None
	employee_count: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
	annual_revenue: Amount | None = None
	currency: Currency | None = None
	locale: Locale | None = None
	esg_frameworks: Annotated[list[Framework], Field(max_length=50)] | None = None
	ai_enabled: bool | None = None
	ai_configuration: dict[SettingName, Any] | None = None
	settings: dict[SettingName, Any] | None = None

	@field_validator("annual_revenue")
	@classmethod
	def _to_the_cent(cls, amount: Decimal | None) -> Decimal | None:
		if amount is not None and amount != amount.quantize(Decimal("0.01")):
			raise ValueError(_("give at most two digits after the decimal point"))
		return amount

	@field_validator("name", "currency", "locale", "esg_frameworks", "ai_enabled")
	@classmethod
	def _not_null(cls, value: Any) -> Any:
		if value is None:
			raise ValueError(_("may be left out, but not be null"))
		return value

	@field_validator("ai_configuration", "settings")
	@classmethod
	def _bounded(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
		if value is None:
			raise ValueError(_("may be left out, but not be null"))
		if len(dump_json(value)) > SETTINGS_LIMIT:
			raise ValueError(_("is larger than {n} bytes", n=SETTINGS_LIMIT))
		return value

	@field_validator("settings")
	@classmethod
	def _own(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
		for name in sorted(OPERATORS_SETTINGS.intersection(value or ())):
			raise ValueError(_("{name} is set by the operator of this installation", name=name))
		return value


class TenantOut(WireModel):
	"""A tenant as it is read."""

	id: IdText
	name: str
	slug: str
	description: str | None
	industry: str | None
	headquarters_country: str | None
	employee_count: int | None
	annual_revenue: Amount | None
	currency: str
	locale: str
	esg_frameworks: list[str]
	ai_enabled: bool
	ai_configuration: dict[str, Any]
	settings: dict[str, Any]
	subscription_tier: str
	is_active: bool
	created_at: Moment
	updated_at: Moment
	created_by: IdText | None
	updated_by: IdText | None
	version: int
