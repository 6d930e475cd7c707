"""What is taken and given of an API key."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from apg.kernel.web.wire import IdText, Line, Moment, WireModel

Scopes = Annotated[
	list[Annotated[Line, StringConstraints(min_length=1, max_length=200)]],
	Field(min_length=1, max_length=200),
]


class ApiKeyIn(WireModel):
	"""A key for oneself. Scopes in any spelling; `*` is all that the owner may do at the time."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [{"name": "Nightly export", "scopes": ["auth.api_keys.read"]}]
		},
	)

	name: Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
	scopes: Scopes
	expires_at: Moment | None = None


class ApiKeyOut(WireModel):
	"""A key without its secret; `hint` is how it begins."""

	id: IdText
	name: str
	hint: str
	user_id: IdText
	scopes: list[str]
	expires_at: Moment
	revoked_at: Moment | None
	last_used_at: Moment | None
	created_at: Moment


class NewApiKeyOut(ApiKeyOut):
	"""The key itself is in this answer and never again."""

	key: str
