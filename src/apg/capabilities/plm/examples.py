"""How bodies are configured: nothing unknown, no space around texts, one valid example."""

from typing import Any

from pydantic import ConfigDict


def body(example: dict[str, Any]) -> ConfigDict:
	"""The configuration of a schema that is sent to us; the example is a valid body."""
	return ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [example]}
	)
