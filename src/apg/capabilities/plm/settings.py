"""Settings of PLM (prefix APG_PLM_)."""

from pydantic_settings import SettingsConfigDict

from apg.kernel.settings import CapabilitySettings


class PlmSettings(CapabilitySettings):
	"""What the operator decides for PLM; what a tenant decides is in the tenant's settings."""

	model_config = SettingsConfigDict(env_prefix="APG_PLM_", extra="ignore")

	structure_cache: int = 64  # structures kept by a process
	structure_cache_lines: int = 1_500_000  # and their lines and products together
	reader_memory: int = 2_000_000_000  # bytes that reading one file may take
	reader_seconds: int = 600  # and seconds
