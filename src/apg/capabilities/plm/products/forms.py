"""Between a product on the wire and its form: lists as text, only what was changed, conflicts."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apg.kernel.database import load_json
from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none
from apg.kernel.web.wire import amount_text, to_wire

# In the order of the form; the label of each, in English.
FIELDS: dict[str, str] = {
	"product_name": "Name",
	"product_number": "Number",
	"product_type": "Type",
	"lifecycle_phase": "Phase",
	"product_description": "Description",
	"revision": "Revision",
	"unit_of_measure": "Counted in",
	"class_path": "Class",
	"tags": "Tags",
	"mass": "Mass of one",
	"mass_unit": "Unit of the mass",
	"material": "Material",
	"target_cost": "Target cost of one",
	"currency": "Currency",
	"manufacturing_status": "Manufacturing status",
	"custom_attributes": "Attributes",
	"is_active": "Active",
}
OF_REVISION = frozenset(
	{
		"product_name",
		"product_description",
		"revision",
		"mass",
		"mass_unit",
		"material",
		"custom_attributes",
	}
)
SEEN = "seen"


def as_form(product: Mapping[str, Any]) -> dict[str, str]:
	"""The product as its form shows it: everything is text."""
	shown = {name: product.get(name) for name in FIELDS}
	shown["currency"] = product.get("target_currency")
	shown["is_active"] = product.get("status") == "active"
	return {name: _text(name, value) for name, value in shown.items()}


def with_seen(product: Mapping[str, Any]) -> dict[str, str]:
	"""The form together with what it showed at first, which a later save is compared with."""
	shown = as_form(product)
	return {**shown, SEEN: json.dumps(shown, ensure_ascii=False)}


def _text(name: str, value: Any) -> str:
	if name == "custom_attributes":
		return "\n".join(f"{key}: {_scalar_text(one)}" for key, one in (value or {}).items())
	if value is None:
		return ""
	if isinstance(value, bool):
		return "true" if value else "false"
	if isinstance(value, (Decimal, int)):
		return amount_text(Decimal(value))
	if isinstance(value, list):
		return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	return str(value)


def _scalar_text(value: Any) -> str:
	# A text that would be read as something else on the way back stays in quotes.
	if isinstance(value, str) and _scalar(value) == value and value == value.strip():
		return value
	return to_wire(value).decode()


def _scalar(text: str) -> Any:
	try:
		return load_json(text)
	except ValueError:
		return text


def _attributes(text: str) -> dict[str, Any]:
	"""`name: value` per line; a value that is JSON is taken as such. Raises Invalid."""
	found: dict[str, Any] = {}
	problems: list[Problem] = []
	for number, line in enumerate(text.splitlines(), start=1):
		name, colon, value = (part.strip() for part in line.partition(":"))
		if not name and not colon:
			continue
		if not name or not colon:
			message = _("Line {n}: write an attribute as name: value.", n=number)
			problems.append(Problem("custom_attributes", message))
		elif name in found:
			message = _("Line {n}: “{name}” is there already.", n=number, name=name)
			problems.append(Problem("custom_attributes", message))
		found[name] = _scalar(value)
	if problems:
		raise Invalid(_("Validation error"), problems=problems)
	return found


def given(values: Mapping[str, Any]) -> dict[str, Any]:
	"""What the schema takes, of the fields that came. Raises Invalid for unreadable attributes."""
	taken = blank_as_none({name: values[name] for name in FIELDS if name in values})
	if "tags" in taken:
		texts = str(values["tags"]).replace("\n", ",").split(",")
		taken["tags"] = [one.strip() for one in texts if one.strip()]
	if "custom_attributes" in taken:
		taken["custom_attributes"] = _attributes(str(values["custom_attributes"]))
	if "is_active" in taken:
		taken["is_active"] = values["is_active"] == "true"
	return taken


def seen(values: Mapping[str, Any]) -> dict[str, str]:
	"""What the form showed at first; empty when it does not say."""
	try:
		shown = json.loads(str(values.get(SEEN) or "{}"))
	except ValueError:
		return {}
	return shown if isinstance(shown, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _plain(text: Any) -> str:
	return str(text).replace("\r\n", "\n").strip()


def changed(values: Mapping[str, Any]) -> dict[str, Any]:
	"""Of the fields that came those that the person changed; a cost goes with its currency."""
	before = seen(values)
	mine = {
		name: text
		for name, text in values.items()
		if name in FIELDS and (name not in before or _plain(text) != _plain(before[name]))
	}
	for pair in (("target_cost", "currency"), ("mass", "mass_unit")):
		if any(name in mine for name in pair):
			mine |= {name: values[name] for name in pair if name in values}
	if not values.get("target_cost"):
		mine.pop("currency", None)
	return given(mine)


def conflicts(values: Mapping[str, Any], product: Mapping[str, Any]) -> list[dict[str, str]]:
	"""The fields that both changed, each with my text and theirs."""
	before, theirs = seen(values), as_form(product)
	return [
		{"name": name, "label": _(label), "mine": values[name], "theirs": theirs[name]}
		for name, label in FIELDS.items()
		if name in values
		and _plain(values[name]) != _plain(before.get(name, ""))
		and _plain(values[name]) != _plain(theirs[name])
		and (name not in before or _plain(before[name]) != _plain(theirs[name]))
	]


def kept(values: Mapping[str, Any], product: Mapping[str, Any]) -> dict[str, str]:
	"""The fields that only this person changed: they go on as typed, without a question."""
	before, asked = seen(values), {row["name"] for row in conflicts(values, product)}
	return {
		name: str(values[name])
		for name in FIELDS
		if name in values
		and name not in asked
		and name in before
		and _plain(values[name]) != _plain(before[name])
	}
