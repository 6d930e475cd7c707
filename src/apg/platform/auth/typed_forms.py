"""Fields of a posted form: read as typed, then checked by the schema the API uses."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel, ValidationError

from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _


async def typed(request: Request, *names: str) -> dict[str, Any]:
	"""The named fields as typed; left out when empty."""
	given = await request.form(max_files=0, max_fields=1_000)
	return {name: text for name in names if (text := str(given.get(name, "")).strip())}


def checked(schema: type[BaseModel], values: dict[str, Any]) -> Any:
	"""The fields as the schema wants them. Raises Invalid with one Problem per field."""
	try:
		return schema.model_validate(values)
	except ValidationError as error:
		problems = [
			Problem(
				".".join(map(str, one["loc"])) or "form",
				_("This field is required.") if one["type"] == "missing" else one["msg"],
				one["type"],
			)
			for one in error.errors()
		]
		raise Invalid(_("Validation error"), problems=problems) from None
