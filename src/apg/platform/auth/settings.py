"""Settings of auth (prefix APG_AUTH_); lifetimes of tokens are in the platform's settings."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from apg.kernel.settings import CapabilitySettings


class AuthSettings(CapabilitySettings):
	"""How long things last, and how often processes look for changes."""

	model_config = SettingsConfigDict(env_prefix="APG_AUTH_", extra="ignore", populate_by_name=True)

	issuer: str = Field(default="", description="`iss` of our tokens; APG_PUBLIC_URL when empty")
	audience: str = "apg"
	session_max_days: int = Field(default=90, ge=1, le=400)
	invitation_hours: int = Field(default=24, ge=1, le=720)
	reset_minutes: int = Field(default=30, ge=5, le=1440)
	api_key_max_days: int = Field(default=400, ge=1, le=3650)
	poll_seconds: float = Field(default=1.0, ge=0.05, le=1.5)
	blind_seconds: float = Field(default=10.0, ge=1.0, le=60.0)
	facts_seconds: float = Field(default=60.0, ge=1.0, le=600.0)
