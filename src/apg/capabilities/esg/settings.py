"""Settings of ESG (prefix APG_ESG_; the guide's ESG_ names are read too)."""

from datetime import UTC, datetime
from functools import cache

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from apg.kernel.settings import CapabilitySettings
from apg.kernel.stamps import utc_now


class EsgSettings(CapabilitySettings):
	"""What the operator decides for ESG."""

	model_config = SettingsConfigDict(env_prefix="APG_ESG_", extra="ignore", populate_by_name=True)

	date_first_year: int = 1990
	date_years_ahead: int = 1
	ai_enabled: bool = Field(
		default=True, validation_alias=AliasChoices("APG_ESG_AI_ENABLED", "ESG_AI_ENABLED")
	)
	real_time_processing: bool = Field(
		default=True,
		validation_alias=AliasChoices("APG_ESG_REAL_TIME_PROCESSING", "ESG_REAL_TIME_PROCESSING"),
	)
	max_concurrent_users: int = Field(
		default=10_000,
		validation_alias=AliasChoices("APG_ESG_MAX_CONCURRENT_USERS", "ESG_MAX_CONCURRENT_USERS"),
	)
	data_retention_days: int = Field(
		default=2_555,
		validation_alias=AliasChoices("APG_ESG_DATA_RETENTION_DAYS", "ESG_DATA_RETENTION_DAYS"),
	)

	gwp_set: str = "AR5"  # potentials of a calculation that names none
	four_eyes: bool = False  # who recorded an activity may not approve it

	def dates(self) -> tuple[datetime, datetime]:
		"""The half-open range a measurement's date must lie in."""
		now = utc_now()
		try:
			last = now.replace(year=now.year + self.date_years_ahead)
		except ValueError:  # 29 February
			last = now.replace(year=now.year + self.date_years_ahead, day=28)
		return datetime(self.date_first_year, 1, 1, tzinfo=UTC), last


@cache
def esg_settings() -> EsgSettings:
	"""Read once a process."""
	return EsgSettings()
