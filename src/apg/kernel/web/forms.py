"""What a person typed into a form, and the same checked by the schema of the API."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Form, Request
from pydantic import BaseModel, ValidationError

from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.envelopes import problems_of
from apg.kernel.work import Work

Schema = TypeVar("Schema", bound=BaseModel)
_OURS = frozenset({"csrf_token", "if_match"})


async def typed(request: Request, work: Work | None = None) -> dict[str, Any]:
	"""The fields of the form as text; of one that comes twice the last (a checkbox after its hidden
	input), a name that ends in `[]` as a list of all. The form's `if_match` counts where no header
	came."""
	form = await request.form()
	if work is not None and work.if_match is None:
		work.if_match = str(form["if_match"]) if form.get("if_match") else None
	found: dict[str, Any] = {}
	for name, value in form.multi_items():
		if name in _OURS or not isinstance(value, str):
			continue
		if name.endswith("[]"):
			found.setdefault(name[:-2], []).append(value)
		else:
			found[name] = value
	return found


def checked(schema: type[Schema], values: Mapping[str, Any]) -> Schema:
	"""The values as the schema takes them. Raises Invalid with one problem per field."""
	try:
		return schema.model_validate(dict(values))
	except ValidationError as error:
		problems = problems_of(error.errors())
		raise Invalid(_("Validation error"), problems=problems) from None


def field_of(schema: type[BaseModel], name: str, **more: Any) -> Any:
	"""A field of a multipart body, told in the API's description as the schema that checks it does."""
	told: dict[str, Any] = schema.model_json_schema()["properties"][name]
	kind = next(one for one in told.get("anyOf", [told]) if one.get("type") != "null")
	whole = told | kind
	said = {word: whole[word] for word in ("enum", "pattern", "format") if word in whole} | more
	return Form(
		max_length=kind.get("maxLength", 500),
		description=told.get("description"),
		json_schema_extra=said,
	)


def blank_as_none(values: Mapping[str, Any]) -> dict[str, Any]:
	"""An empty field of a form is no value."""
	return {name: None if value == "" else value for name, value in values.items()}
