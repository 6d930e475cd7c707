"""What is taken and given when a person confirms."""

from typing import Annotated, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from apg.kernel.texts import _
from apg.kernel.web.wire import Moment, WireModel, formed
from apg.platform.auth.accounts.schemas import Code, Typed

Subject = Annotated[
	str,
	StringConstraints(strip_whitespace=True, to_lower=True),
	formed("[0-9a-f]{64}", lambda: _("Give the hash of what is signed: 64 hexadecimal digits.")),
]


class ConfirmIn(WireModel):
	"""Password or code of the authenticator app, and the hash of what is to be signed with it."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"subject": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
					"password": "the words you chose",
				}
			]
		},
	)

	subject: Subject
	password: Typed | None = None
	code: Code | None = None

	@model_validator(mode="after")
	def _one_of_them(self) -> Self:
		if (self.password is None) == (self.code is None):
			raise ValueError(_("give either the password or a code of your authenticator app"))
		return self


class ConfirmationOut(WireModel):
	"""The proof, shown this once; good for one signature until `expires_at`."""

	proof: str
	method: str
	subject: str
	expires_at: Moment
