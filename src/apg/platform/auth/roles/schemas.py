"""What is taken and given of a role."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from apg.kernel.web.wire import IdText, Line, Moment, WireModel

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,63}$")]
Title = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Rights = Annotated[
	list[Annotated[Line, StringConstraints(min_length=1, max_length=200)]], Field(max_length=500)
]


class RoleIn(WireModel):
	"""A new role. Rights in any spelling: `plm.products.read`, `esg:metrics:create`, `plm.*`."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"name": "people_reader",
					"title": "May look up colleagues",
					"permissions": ["auth.users.read"],
					"requires_totp": False,
				}
			]
		},
	)

	name: RoleName
	title: Title
	permissions: Rights = []
	requires_totp: bool = False


class RolePatch(WireModel):
	"""What may change of a role; fields left out stay."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={"examples": [{"title": "People", "permissions": ["auth.users.read"]}]},
	)

	title: Title | None = None
	permissions: Rights | None = None
	requires_totp: bool | None = None


class RoleOut(WireModel):
	"""A role with the number of members that have it."""

	id: IdText
	name: str
	title: str
	permissions: list[str]
	built_in: bool
	requires_totp: bool
	members: int
	created_at: Moment
	updated_at: Moment
	version: int


class PermissionOut(WireModel):
	"""A right that can be given."""

	name: str
	title: str
	capability: str
