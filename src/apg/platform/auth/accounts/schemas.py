"""What is taken and given around one's own account."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from apg.kernel.web.wire import IdText, Line, Moment, WireModel
from apg.platform.auth.users.schemas import (
	DisplayName,
	Email,
	LocaleName,
	NewPassword,
	RoleNames,
	Username,
)

# A password that is only compared: any text of bearable length, so that wrong ones cost the same.
Typed = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=6, max_length=40)]
Secret = Annotated[str, StringConstraints(min_length=20, max_length=200)]
TenantName = Annotated[Line, StringConstraints(min_length=1, max_length=128)]


class LoginIn(WireModel):
	"""`tenant` (slug or id) is needed by members of several; `totp` is a code or a recovery code."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [{"username": "alice@example.org", "password": "the words you chose"}]
		},
	)

	username: Annotated[str, StringConstraints(min_length=1, max_length=254)]
	password: Typed
	tenant: TenantName | None = None
	totp: Code | None = None


class RefreshIn(WireModel):
	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={"examples": [{"refresh_token": "8sAq0nYy1Qn5cX0k2l3m4n5o6p7q8r9s"}]},
	)

	refresh_token: Secret


class SwitchIn(WireModel):
	"""The other tenant, by slug or id."""

	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"tenant": "nordwind"}]}
	)

	tenant: TenantName


class TokenUser(WireModel):
	id: IdText
	username: str
	display_name: str
	locale: str
	roles: list[str]


class TokensOut(WireModel):
	"""`expires_in` counts seconds of the access token; the refresh token is good for one exchange.

	`must_change_password` and `must_enrol_totp` say why a session may do nothing else yet.
	"""

	access_token: str
	token_type: str
	expires_in: int
	refresh_token: str
	tenant_id: IdText
	tenant: str
	user: TokenUser
	must_change_password: bool
	must_enrol_totp: bool


class PasswordIn(WireModel):
	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{"current_password": "the words you chose", "new_password": "other words of mine"}
			]
		},
	)

	current_password: Typed
	new_password: NewPassword


class ProfilePatch(WireModel):
	"""What everybody may change of his own account."""

	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"display_name": "Alice Berg"}]}
	)

	display_name: DisplayName | None = None
	email: Email | None = None
	locale: LocaleName | None = None


class AccountOut(WireModel):
	"""One's own account."""

	id: IdText
	username: str
	display_name: str
	email: str | None
	locale: str | None
	roles: list[str]
	has_totp: bool
	recovery_codes_left: int
	must_change_password: bool
	password_changed_at: Moment | None
	tenant_id: IdText
	tenant: str


class ResetIn(WireModel):
	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"username": "alice@example.org"}]}
	)

	username: Annotated[str, StringConstraints(min_length=1, max_length=254)]


class ResetCompleteIn(WireModel):
	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"token": "8sAq0nYy1Qn5cX0k2l3m4n5o6p7q8r9sTuVw",
					"password": "four plain words in a row",
				}
			]
		},
	)

	token: Secret
	password: NewPassword


class InvitationIn(WireModel):
	"""Whom to invite, and what he may do here."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"username": "max.berg@example.org",
					"email": "max.berg@example.org",
					"display_name": "Max Berg",
					"roles": [],
				}
			]
		},
	)

	username: Username
	display_name: DisplayName = ""
	email: Email | None = None
	roles: RoleNames = []
	valid_until: Moment | None = None


class InvitationOut(WireModel):
	"""An open invitation; `link` is there once, and only when no mail could be sent."""

	id: IdText
	username: str
	display_name: str | None
	email: str | None
	roles: list[str]
	valid_until: Moment | None
	created_at: Moment
	expires_at: Moment
	link: str | None = None


class AcceptIn(WireModel):
	"""Somebody without an account chooses a password; who has one shows it (and the second factor)."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"token": "8sAq0nYy1Qn5cX0k2l3m4n5o6p7q8r9sTuVw",
					"password": "four plain words in a row",
					"display_name": "Max Berg",
				}
			]
		},
	)

	token: Secret
	password: Typed
	display_name: DisplayName | None = None
	totp: Code | None = None


class TotpOut(WireModel):
	"""What an authenticator app needs; shown until it is confirmed."""

	secret: str
	uri: str


class CodeIn(WireModel):
	model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "123456"}]})

	code: Code


class TotpOffIn(WireModel):
	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"password": "the words you chose"}]}
	)

	password: Typed


class RecoveryOut(WireModel):
	"""Ten codes, each good once; shown this one time."""

	recovery_codes: list[str]


class LinkOut(WireModel):
	"""A link that lets its bearer in once."""

	link: str | None
	expires_at: Moment


class SessionOut(WireModel):
	id: IdText
	kind: Annotated[str, Field(description="page (a browser) or api (a program)")]
	address: str
	agent: str
	created_at: Moment
	last_seen_at: Moment | None
	expires_at: Moment
	current: bool
