"""Names in the API's description that a reader and a generated client can use.

Where two classes are called alike, the generator falls back to paths of modules and to numbers;
those say how the source is laid out and change with it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

PREFIX = "#/components/schemas/"
_LAYERS = {"apg", "capabilities", "platform", "kernel", "contracts", "web"}


def name_well(document: dict[str, Any], verbs: tuple[str, ...]) -> None:
	"""Gives operations and schemas short names, each used once; the long one stays where two
	would meet."""
	bodies = _name_operations(document, verbs)
	schemas: dict[str, Any] = document["components"]["schemas"]
	chosen = {name: bodies.get(name) or _of_class(name) for name in schemas}
	for name, schema in schemas.items():
		if (told := _of_envelope(name, schema, chosen)) is not None:
			chosen[name] = told
	often = Counter(chosen.values())
	names = {old: new if often[new] == 1 else old for old, new in chosen.items()}
	document["components"]["schemas"] = {names[old]: schema for old, schema in schemas.items()}
	for new, schema in document["components"]["schemas"].items():
		schema["title"] = new
	for node in _nodes(document):
		if str(node.get("$ref", "")).startswith(PREFIX):
			node["$ref"] = PREFIX + names[node["$ref"].removeprefix(PREFIX)]


def _name_operations(document: dict[str, Any], verbs: tuple[str, ...]) -> dict[str, str]:
	"""`plm_list_products` from the place and the function; the names of forms come of them."""
	found: list[tuple[list[str], dict[str, Any]]] = []
	for path, item in document["paths"].items():
		for verb in verbs:
			if verb in item:
				operation = item[verb]
				tail = re.sub(r"\W", "_", path) + f"_{verb}"
				name = str(operation["operationId"]).removesuffix(tail)
				place = re.match(r"/api/v1/([\w-]+)(?:/([\w-]+))?", path)
				one, two = (place[1], place[2] or place[1]) if place else ("", path[1:])
				short = [f"{one}_{name}", f"{one}_{two}_{name}", f"{one}_{two}_{name}_{verb}"]
				found.append(([re.sub(r"\W+", "_", said).strip("_") for said in short], operation))
	often = Counter(said for short, _operation in found for said in set(short))
	forms: dict[str, str] = {}
	for choices, operation in found:
		short = next((said for said in choices if often[said] == 1), operation["operationId"])
		operation["operationId"] = short
		for media in operation.get("requestBody", {}).get("content", {}).values():
			reference = str(media.get("schema", {}).get("$ref", "")).removeprefix(PREFIX)
			if "Body_" in reference:
				forms[reference] = "".join(map(str.capitalize, short.split("_"))) + "Form"
	return forms


def _of_class(name: str) -> str:
	if not name.startswith("apg__"):
		return name
	*places, _module, own = name.split("__")
	return (
		"".join(
			"".join(map(str.capitalize, place.split("_")))
			for place in places
			if place not in _LAYERS
		)
		+ own
	)


def _of_envelope(name: str, schema: dict[str, Any], chosen: dict[str, str]) -> str | None:
	"""`OkPage_ProductOut_` is told as `OkPageProductOut`, `Ok_list_RuleOut__` as `OkListRuleOut`."""
	told = re.search(r"(?:^|__)(Ok|OkPage)_", name)
	if told is None:
		return None
	data = schema["properties"]["data"]
	of_list = data.get("type") == "array"
	inner = data["items"] if of_list else data
	among = [str(one.get("$ref", "")) for one in inner.get("anyOf", [inner])]
	if not all(one.startswith(PREFIX) for one in among):
		return None
	words = "Or".join(chosen[one.removeprefix(PREFIX)] for one in among)
	return told[1] + ("List" if of_list and told[1] == "Ok" else "") + words


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
	if isinstance(node, list):
		for item in cast(list[Any], node):
			yield from _nodes(item)
	elif isinstance(node, dict):
		yield cast(dict[str, Any], node)
		for item in cast(dict[str, Any], node).values():
			yield from _nodes(item)
