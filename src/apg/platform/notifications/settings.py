"""Settings of mail (prefix APG_SMTP_)."""

from email.headerregistry import Address
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from apg.kernel.settings import CapabilitySettings


class MailSettings(CapabilitySettings):
	"""The server that takes mail; without a host nothing is mailed and links are shown instead."""

	model_config = SettingsConfigDict(env_prefix="APG_SMTP_", extra="ignore", populate_by_name=True)

	host: str = ""
	port: int = Field(default=587, ge=1, le=65_535)
	security: Literal["starttls", "tls", "none"] = "starttls"
	user: str = ""
	password: str = Field(default="", repr=False)
	sender: str = Field(default="", description="address mail comes from")
	sender_name: str = "APG"
	tries: int = Field(default=8, ge=1, le=50)
	poll_seconds: float = Field(default=2.0, ge=0.05, le=60.0)

	@field_validator("sender")
	@classmethod
	def _is_address(cls, value: str) -> str:
		if value and not Address(addr_spec=value).domain:
			raise ValueError("write it as name@example.com")
		return value

	@model_validator(mode="after")
	def _is_whole(self) -> Self:
		if self.host and not self.sender:
			raise ValueError("APG_SMTP_HOST needs APG_SMTP_SENDER, the address mail comes from")
		if self.password and self.security == "none":
			raise ValueError("APG_SMTP_PASSWORD needs APG_SMTP_SECURITY=starttls or tls")
		return self

	@property
	def is_on(self) -> bool:
		return bool(self.host)
