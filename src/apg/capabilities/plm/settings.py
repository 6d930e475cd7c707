"""Settings of PLM (prefix APG_PLM_)."""

from decimal import Decimal

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from apg.kernel.settings import CapabilitySettings


class PlmSettings(CapabilitySettings):
	"""What the operator decides for PLM; what a tenant decides is in the tenant's settings."""

	model_config = SettingsConfigDict(env_prefix="APG_PLM_", extra="ignore", populate_by_name=True)

	structure_cache: int = 64  # structures kept by a process
	structure_cache_lines: int = 1_500_000  # and their lines and products together
	# Changes that cost or save more need financial approval, in the company's currency; a company
	# sets its own in its settings under the same name.
	financial_approval_threshold: Decimal = Field(
		default=Decimal(10_000),
		ge=0,
		validation_alias=AliasChoices(
			"APG_PLM_FINANCIAL_APPROVAL_THRESHOLD", "FINANCIAL_APPROVAL_THRESHOLD"
		),
	)
	reader_memory: int = 2_000_000_000  # bytes that reading one file may take
	reader_seconds: int = 600  # and seconds
