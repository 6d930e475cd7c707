"""Published events are frozen: what one version of the product wrote, every later one must read.

The files below `events/` are the promise. A new event or a new optional field is added by
`APG_FREEZE=1 pytest tests/contracts/test_events.py`; nothing else ever changes in them.
"""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from apg.app import composition
from apg.kernel.events import Event

FROZEN = Path(__file__).with_name("events")
EVENTS = composition().events
Json = dict[str, Any]


def schema_of(event: type[Event]) -> Json:
	"""The event as a schema, without words that may be bettered."""
	return _plain(event.model_json_schema())


def _plain(value: Any, names: bool = False) -> Any:
	if isinstance(value, dict):
		return {
			key: _plain(inner, key in ("properties", "$defs"))
			for key, inner in value.items()
			if names or key not in ("title", "description", "examples")
		}
	return [_plain(inner) for inner in value] if isinstance(value, list) else value


def breaks(old: Any, new: Any, place: str = "") -> list[str]:
	"""What a reader or writer of the old form would stumble over. New optional fields are fine."""
	found: list[str] = []
	for name, inner in old.get("properties", {}).items():
		if name not in new.get("properties", {}):
			found.append(f"{place}{name} is gone")
			continue
		found += breaks(inner, new["properties"][name], f"{place}{name}.")
	for name in set(new.get("required", [])) - set(old.get("required", [])):
		found.append(f"{place}{name} is required, but events already written lack it")
	for name in set(old.get("required", [])) - set(new.get("required", [])):
		found.append(f"{place}{name} may be missing now, but readers count on it")
	for name, inner in old.get("$defs", {}).items():
		if name not in new.get("$defs", {}):
			found.append(f"{place}{name} is gone")
		else:
			found += breaks(inner, new["$defs"][name], f"{place}{name}.")
	structure = ("properties", "required", "$defs")
	for key in {*old, *new} - {*structure}:
		if old.get(key) != new.get(key):
			found.append(f"{place}{key} was {old.get(key)!r} and is {new.get(key)!r}")
	return found


def test_every_published_event_is_frozen() -> None:
	if os.environ.get("APG_FREEZE"):
		FROZEN.mkdir(exist_ok=True)
		for name, event in EVENTS.items():
			path = FROZEN / f"{name}.json"
			if not path.exists() or not breaks(json.loads(path.read_text()), schema_of(event)):
				path.write_text(json.dumps(schema_of(event), indent="\t", sort_keys=True) + "\n")
	assert {path.stem for path in FROZEN.glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_event_is_as_it_was_promised(name: str) -> None:
	frozen = json.loads((FROZEN / f"{name}.json").read_text())
	assert breaks(frozen, schema_of(EVENTS[name])) == []
	assert frozen == schema_of(EVENTS[name]), "additive, but not frozen yet: run with APG_FREEZE=1"


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_events_name_ids_states_and_figures_only(name: str) -> None:
	"""Never a person's name, an address or free text: the log is kept and sent on."""
	for field in EVENTS[name].model_fields:
		for word in (
			"email",
			"phone",
			"password",
			"comment",
			"description",
			"display_name",
			"note",
		):
			assert word not in field, f"{name}.{field}"


def _changed(change: str) -> Json:
	new = copy.deepcopy(OLD)
	match change:
		case "a field is gone":
			del new["properties"]["product_id"]
			new["required"].remove("product_id")
		case "a new field is required":
			new["properties"]["more"] = {"type": "string"}
			new["required"].append("more")
		case "a type is another":
			new["properties"]["count"]["type"] = "string"
		case "a field may be missing":
			new["required"].remove("count")
		case "a choice is gone":
			new["$defs"]["State"]["enum"] = ["draft"]
		case "a new optional field":
			new["properties"]["more"] = {"type": "string", "default": ""}
	return new


OLD: Json = {
	"type": "object",
	"properties": {"product_id": {"type": "string"}, "count": {"type": "integer"}},
	"required": ["product_id", "count"],
	"$defs": {"State": {"type": "string", "enum": ["draft", "released"]}},
}


@pytest.mark.parametrize(
	("change", "stumbles"),
	[
		("a field is gone", True),
		("a new field is required", True),
		("a type is another", True),
		("a field may be missing", True),
		("a choice is gone", True),
		("a new optional field", False),
		("nothing", False),
	],
)
def test_the_check_itself_finds_what_breaks(change: str, stumbles: bool) -> None:
	assert bool(breaks(OLD, _changed(change))) is stumbles
