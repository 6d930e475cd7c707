"""Settings of webhooks (prefix APG_WEBHOOKS_)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from apg.kernel.settings import CapabilitySettings


class WebhookSettings(CapabilitySettings):
	"""How stubbornly and how much at once is sent."""

	model_config = SettingsConfigDict(
		env_prefix="APG_WEBHOOKS_", extra="ignore", populate_by_name=True
	)

	most: int = Field(default=50, ge=1, le=1_000, description="webhooks of a tenant")
	tries: int = Field(default=10, ge=1, le=50)
	first_wait_seconds: float = Field(default=10.0, ge=0.0, le=600.0)
	longest_wait_seconds: float = Field(default=21_600.0, ge=1.0, le=86_400.0)
	retries_an_hour: int = Field(default=600, ge=1, le=100_000, description="of one endpoint")
	failures_to_open: int = Field(default=5, ge=1, le=100)
	open_seconds: float = Field(default=30.0, ge=0.1, le=3_600.0)
	longest_open_seconds: float = Field(default=3_600.0, ge=1.0, le=86_400.0)
	rotation_hours: int = Field(default=24, ge=1, le=720)
	parallel: int = Field(default=16, ge=1, le=200, description="of one worker process")
	parallel_endpoint: int = Field(default=4, ge=1, le=50)
	poll_seconds: float = Field(default=0.5, ge=0.05, le=60.0)
