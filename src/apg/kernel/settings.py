"""Settings of the platform, read once from the environment (prefix APG_)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# Names that guides, examples and other products use and that change nothing here; `apg doctor`
# tells an operator who sets one why.
UNUSED: dict[str, str] = {
	"APG_API_KEY": "a program shows its key in each request; the server itself needs none",
	"APG_API_TOKEN": "rights are checked inside this process, not by calls with a token",
	"APG_AUTH_URL": "rights are checked inside this process, not by calls to another",
	"APG_REDIS_URL": "limits, hints and queues are in PostgreSQL",
	"APG_TENANT_ID": "the company comes from who signed in, never from the environment",
	"AI_ORCHESTRATION_URL": "predictions are computed by this product's own workers",
	"DIGITAL_TWIN_API_URL": "no capability for digital twins is installed",
	"EMISSION_FACTORS_API_URL": "emission factors are loaded from published files, with their source",
	"FLASK_DEBUG": "errors never show internals; set APG_LOG_LEVEL=DEBUG to see more in the log",
	"GRAFANA_URL": "dashboards ask us: point them at the collector that reads /metrics",
	"IOT_PLATFORM_URL": "devices send readings to /api/v1/esg; nothing is fetched from a platform",
	"MANUFACTURING_API_URL": "no capability for manufacturing is installed",
	"PLM_WEBSOCKET_URL": "sockets share the address of the product, APG_PUBLIC_URL",
	"PROMETHEUS_ENDPOINT": "a collector reads /metrics; nothing is pushed to one",
	"REDIS_URL": "limits, hints and queues are in PostgreSQL",
	"WEATHER_API_KEY": "no service for weather is asked",
}


class CapabilitySettings(BaseSettings):
	"""The base of a capability's own settings; give it `env_prefix="APG_<SHORT>_"`."""

	model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)


class Settings(BaseSettings):
	"""What the operator decides; every name is documented in `.env.example`."""

	model_config = SettingsConfigDict(env_prefix="APG_", extra="ignore", populate_by_name=True)

	env: Literal["development", "production", "test"] = Field(
		default="production", validation_alias=AliasChoices("APG_ENV", "FLASK_ENV")
	)
	home: Path = Path(".apg")
	host: str = "127.0.0.1"
	port: int = 8000
	public_url: str = Field(
		default="", validation_alias=AliasChoices("APG_PUBLIC_URL", "APG_PLATFORM_URL")
	)
	secret_key: str = Field(
		default="", validation_alias=AliasChoices("APG_SECRET_KEY", "SECRET_KEY"), repr=False
	)
	encryption_key: str = Field(
		default="",
		validation_alias=AliasChoices("APG_ENCRYPTION_KEY", "ESG_ENCRYPTION_KEY"),
		repr=False,
	)
	database_url: str = Field(
		default="", validation_alias=AliasChoices("APG_DATABASE_URL", "DATABASE_URL"), repr=False
	)
	database_admin_url: str = Field(default="", repr=False)
	database_direct_url: str = Field(default="", repr=False)
	redis_url: str = Field(
		default="", validation_alias=AliasChoices("APG_REDIS_URL", "REDIS_URL"), repr=False
	)
	processes: int = Field(default=2, ge=1, le=64)
	pool_size: int | None = Field(default=None, ge=1, le=50)
	pool_wait_seconds: float = 5.0
	allowed_hosts: str = "localhost,127.0.0.1,[::1],testserver"
	trusted_proxies: str = ""
	outbound_http: bool = False
	outbound_ports: str = Field(default="443,8443", pattern=r"^ *\d{1,5}( *, *\d{1,5})* *$")
	outbound_allow: str = ""
	outbound_ca: str = ""
	rate_tier: Literal["default", "strict", "wide"] = "default"
	body_limit: int = 1_000_000
	file_limits: dict[str, int] = Field(default_factory=dict[str, int])
	storage_quota: int = 20_000_000_000
	retention_days: dict[str, Annotated[int, Field(ge=30)]] = Field(
		default_factory=dict[str, Annotated[int, Field(ge=30)]]
	)
	access_token_minutes: int = 10
	refresh_token_days: int = 14
	session_hours: int = 12
	stream_seconds: int = 300
	slow_operation_ms: int = 1_000
	log_level: str = "INFO"
	log_format: Literal["json", "console"] = "json"
	metrics_token: str = Field(default="", repr=False)
	metrics_dir: str = ""
	sentry_dsn: str = Field(
		default="", validation_alias=AliasChoices("APG_SENTRY_DSN", "SENTRY_DSN"), repr=False
	)
	sentry_traces_rate: float = Field(default=0.1, ge=0, le=1)
	otel_endpoint: str = Field(
		default="",
		validation_alias=AliasChoices("APG_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
		repr=False,
	)

	@field_validator("env", mode="before")
	@classmethod
	def _flask_word(cls, value: object) -> object:
		return "test" if value == "testing" else value

	@property
	def base_url(self) -> str:
		"""Where people reach the product: APG_PUBLIC_URL, else the address it listens on."""
		if self.public_url:
			return self.public_url.rstrip("/")
		host = "localhost" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
		return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

	@property
	def secure_cookies(self) -> bool:
		return self.base_url.startswith("https://")
