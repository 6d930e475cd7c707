"""What is taken and given of a member."""

import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from apg.kernel.texts import _
from apg.kernel.web.wire import IdText, Line, Moment, WireModel
from apg.platform.auth.passwords import password_problem


def _refusal(kind: str, sentence: str) -> PydanticCustomError:
	made: Any = PydanticCustomError
	return made(kind, "{sentence}", {"sentence": sentence})


def plain_username(text: str) -> str:
	"""One spelling per name: composed, lower case, without spaces."""
	name = unicodedata.normalize("NFKC", text).strip().lower()
	if not name or len(name) > 254:
		raise _refusal("username", _("Give a name of 1 to 254 characters."))
	if any(letter.isspace() or not letter.isprintable() for letter in name):
		raise _refusal("username", _("A user name has no spaces; write max.berg."))
	return name


def _address(text: str) -> str:
	name, at, domain = text.strip().rpartition("@")
	if not at or not name or "." not in domain.strip(".") or any(c.isspace() for c in text.strip()):
		raise _refusal("email", _("This is not an e-mail address; write name@company.org."))
	return text.strip()


def _good(password: str) -> str:
	if (problem := password_problem(password)) is not None:
		raise _refusal("password", problem)
	return password


Username = Annotated[Line, AfterValidator(plain_username)]
Email = Annotated[Line, StringConstraints(max_length=254), AfterValidator(_address)]
DisplayName = Annotated[Line, StringConstraints(strip_whitespace=True, max_length=200)]
LocaleName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]
NewPassword = Annotated[str, AfterValidator(_good)]
RoleNames = Annotated[
	list[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,63}$")]],
	Field(max_length=50),
]


class UserIn(WireModel):
	"""A new account with a first password, which the person has to change at the first sign-in."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"username": "max.berg",
					"display_name": "Max Berg",
					"email": "max.berg@example.org",
					"password": "four plain words in a row",
					"roles": [],
				}
			]
		},
	)

	username: Username
	display_name: DisplayName = ""
	email: Email | None = None
	locale: LocaleName | None = None
	password: NewPassword
	must_change_password: bool = True
	roles: RoleNames = []
	valid_until: Moment | None = None


class UserPatch(WireModel):
	"""What an administrator may change; fields left out stay.

	Name, address and language belong to the account and can be changed where it is at home.
	"""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={"examples": [{"display_name": "Max Berger", "is_active": True}]},
	)

	display_name: DisplayName | None = None
	email: Email | None = None
	locale: LocaleName | None = None
	roles: RoleNames | None = None
	is_active: bool | None = None
	valid_until: Moment | None = None


class UserOut(WireModel):
	"""A member of the tenant."""

	id: IdText
	username: str
	display_name: str
	email: str | None
	locale: str | None
	is_active: bool
	roles: list[str]
	valid_until: Moment | None
	has_totp: bool
	must_change_password: bool
	at_home: bool
	created_at: Moment
	updated_at: Moment
	version: int


class CheckIn(WireModel):
	"""The right whole in `permission`, or as `resource` and `action`; any spelling of the guides."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"user_id": "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b",
					"permission": "plm.products.read",
					"resource": "plm",
				}
			]
		},
	)

	user_id: IdText
	permission: Annotated[Line, StringConstraints(max_length=200)] = ""
	resource: Annotated[Line, StringConstraints(max_length=200)] = ""
	action: Annotated[Line, StringConstraints(max_length=200)] = ""
	tenant_id: Annotated[Line, StringConstraints(max_length=200)] | None = None


class CheckOut(WireModel):
	authorized: bool
