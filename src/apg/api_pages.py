"""The description of the API as pages: `<prefix>/docs` of each capability, `/api/v1/docs` for the rest.

Rendered by ourselves from what `/openapi.json` says, without scripts: nothing is fetched from
elsewhere, and the content security policy of the product holds here too.
"""

import json
from asyncio import to_thread
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response

from apg.kernel.composition import Composition
from apg.kernel.web.describing import operations
from apg.kernel.web.guarded_route import public
from apg.kernel.web.show import show

WHOLE = "/api/v1/docs"
LIMITS = {
	"minLength": "min. {} characters",
	"maxLength": "max. {} characters",
	"minimum": "≥ {}",
	"maximum": "≤ {}",
	"exclusiveMinimum": "> {}",
	"exclusiveMaximum": "< {}",
	"minItems": "min. {} items",
	"maxItems": "max. {} items",
	"pattern": "/{}/",
}


@dataclass(frozen=True, slots=True)
class Shape:
	"""What a value is: words, and the schemas they name."""

	words: str
	models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
	"""A parameter, or a field of a body."""

	name: str
	shape: Shape
	required: bool
	text: str
	place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
	"""One way in which an operation answers."""

	status: str
	text: str
	shape: Shape | None


@dataclass(frozen=True, slots=True)
class Told:
	"""One operation as its reader needs it."""

	key: str
	verb: str
	path: str
	summary: str
	text: str
	permission: str
	public: bool
	parameters: tuple[Field, ...]
	bodies: tuple[tuple[str, Shape], ...]
	example: str
	answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Model:
	"""A named schema: what it is for, its fields, one example."""

	name: str
	text: str
	fields: tuple[Field, ...]
	shape: Shape | None
	example: str


@dataclass(slots=True)
class Page:
	"""One page: operations by tag, and every schema they lead to."""

	title: str
	groups: dict[str, list[Told]] = field(default_factory=dict[str, list[Told]])
	models: list[Model] = field(default_factory=list[Model])


def document_pages(app: FastAPI, composition: Composition) -> None:
	"""Adds the pages; call it before the routers, whose `/{id}` would take `/docs` for an id."""
	known = {
		api.prefix: capability.title
		for capability in composition.capabilities
		for api in capability.apis
		if capability.category != "platform"
	}
	links = [(f"{prefix}/docs", title) for prefix, title in known.items()] + [(WHOLE, "APG")]
	made: dict[str, Page] = {}

	def shaped(prefix: str) -> Page:
		if prefix not in made:
			document = app.openapi()
			if prefix:
				made[prefix] = page_of(document, known[prefix], [prefix])
			else:
				made[prefix] = page_of(document, "APG", ["/"], but=known)
		return made[prefix]

	def add(path: str, prefix: str) -> None:
		@public("the description of the API holds no data")
		async def read(request: Request) -> Response:
			page = await to_thread(shaped, prefix)
			return show(request, "documents/api.html", page=page, links=links, here=path)

		for spelled in (path, f"{path}/"):
			app.add_api_route(spelled, read, include_in_schema=False)

	add(WHOLE, "")
	for prefix in known:
		add(f"{prefix}/docs", prefix)


def page_of(
	document: dict[str, Any], title: str, prefixes: Iterable[str], but: Iterable[str] = ()
) -> Page:
	"""The operations below the prefixes, without those below `but`."""
	page, schemas = Page(title), document["components"]["schemas"]
	wanted, left = tuple(prefixes), tuple(f"{one}/" for one in but)
	named: list[str] = []
	for verb, path, operation in operations(document):
		if not path.startswith(wanted) or f"{path}/".startswith(left or ("\0",)):
			continue
		told = _told(document, verb, path, operation)
		page.groups.setdefault(next(iter(operation.get("tags", ())), title), []).append(told)
		shapes = [shape for _kind, shape in told.bodies]
		shapes += [answer.shape for answer in told.answers if answer.shape]
		shapes += [parameter.shape for parameter in told.parameters]
		named += [name for shape in shapes for name in shape.models]
	seen: set[str] = set()
	while named:
		name = named.pop()
		if name in seen or name not in schemas:
			continue
		seen.add(name)
		model = _model(name, schemas[name])
		page.models.append(model)
		named += [one for told in model.fields for one in told.shape.models]
		named += model.shape.models if model.shape else ()
	page.models.sort(key=lambda model: model.name)
	return page


def _told(document: dict[str, Any], verb: str, path: str, operation: dict[str, Any]) -> Told:
	content = operation.get("requestBody", {}).get("content", {})
	bodies = tuple((kind, shape_of(media.get("schema", {}))) for kind, media in content.items())
	schemas = document["components"]["schemas"]
	examples = [
		example
		for _kind, shape in bodies
		for name in shape.models
		for example in schemas[name].get("examples", [])
	]
	summary = str(operation.get("summary", ""))
	text = str(operation.get("description", ""))
	return Told(
		key=operation["operationId"],
		verb=verb.upper(),
		path=path,
		summary=summary,
		text="" if text == summary else text,
		permission=operation.get("x-permission", ""),
		public=not operation.get("security"),
		parameters=tuple(
			Field(
				one["name"],
				shape_of(one.get("schema", {})),
				bool(one.get("required")),
				str(one.get("description", "")),
				one["in"],
			)
			for one in operation.get("parameters", [])
		),
		bodies=bodies,
		example=_pretty(examples[0]) if examples else "",
		answers=tuple(_answers(document, operation["responses"])),
	)


def _answers(document: dict[str, Any], answers: dict[str, Any]) -> Iterator[Answer]:
	for status, given in sorted(answers.items()):
		whole = given
		if "$ref" in given:
			whole = document["components"]["responses"][given["$ref"].rpartition("/")[2]]
		media = next(iter(whole.get("content", {}).values()), {})
		schema = media.get("schema")
		yield Answer(
			status, str(whole.get("description", "")), shape_of(schema) if schema else None
		)


def _model(name: str, schema: dict[str, Any]) -> Model:
	required = set(schema.get("required", ()))
	fields = tuple(
		Field(key, shape_of(told), key in required, str(told.get("description", "")))
		for key, told in schema.get("properties", {}).items()
	)
	examples = schema.get("examples", [])
	return Model(
		name,
		str(schema.get("description", "")),
		fields,
		None if fields else shape_of(schema),
		_pretty(examples[0]) if examples else "",
	)


def shape_of(schema: Any) -> Shape:
	"""A schema in words, such as `list of SiteOut` or `text, max. 50 characters, or null`."""
	if not isinstance(schema, dict) or not schema:
		return Shape("any value")
	told: dict[str, Any] = schema
	if "$ref" in told:
		name = str(told["$ref"]).rpartition("/")[2]
		return Shape(name, (name,))
	if choices := told.get("anyOf") or told.get("oneOf") or told.get("allOf"):
		shapes = [shape_of(one) for one in choices]
		words = list(dict.fromkeys(shape.words for shape in shapes))
		return Shape(" or ".join(words), tuple(n for shape in shapes for n in shape.models))
	if "enum" in told:
		return Shape("one of " + ", ".join(str(one) for one in told["enum"]))
	if "const" in told:
		return Shape(str(told["const"]))
	kind = told.get("type")
	models: tuple[str, ...] = ()
	if kind == "array":
		inner = shape_of(told.get("items", {}))
		words, models = f"list of {inner.words}", inner.models
	elif kind == "object" and isinstance(told.get("additionalProperties"), dict):
		inner = shape_of(told["additionalProperties"])
		words, models = f"object of {inner.words}", inner.models
	elif kind == "string":
		words = str(told.get("format", "text"))
	else:
		words = str(kind or "any value")
	limits = [text.format(told[name]) for name, text in LIMITS.items() if name in told]
	if told.get("default") not in (None, ""):
		limits.append(f"default {json.dumps(told['default'], default=str)}")
	return Shape(", ".join((words, *limits)), models)


def _pretty(value: Any) -> str:
	return json.dumps(value, indent=2, ensure_ascii=False, default=str)
