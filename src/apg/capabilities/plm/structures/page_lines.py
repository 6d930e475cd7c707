"""Between a line and its form: substitutes and designators as text, shares as percent."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from apg.capabilities.plm.shared.designators import format_designators
from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none
from apg.kernel.web.wire import amount_text

FIELDS: dict[str, str] = {
	"product_number": "Product",
	"quantity": "Quantity",
	"unit": "Unit",
	"quantity_kind": "How the quantity is meant",
	"find_number": "Find number",
	"designators": "Designators",
	"revision": "Pinned revision",
	"attrition": "Scrap",
	"setup_quantity": "Setup quantity",
	"rounding_multiple": "Rounded up to multiples of",
	"substitutes": "Substitutes",
	"note": "Note",
}
KINDS = [
	("per", "per piece of the parent"),
	("fixed", "once for each build lot"),
	("as_required", "as much as is required"),
	("bulk", "per piece, from floor stock"),
	("reference", "reference only, never counted"),
]
_PERCENT = Decimal(100)


def as_form(line: Mapping[str, Any]) -> dict[str, str]:
	"""A line of the wire as its form shows it."""
	shown = {name: line.get(name) for name in FIELDS}
	shown["attrition"] = line["attrition"] * _PERCENT if line["attrition"] else None
	shown["setup_quantity"] = line["setup_quantity"] or None
	shown["designators"] = format_designators(line["designators"]) if line["designators"] else None
	shown["substitutes"] = "\n".join(
		one["product_number"]
		if one["quantity_ratio"] == 1
		else f"{one['product_number']} x {amount_text(Decimal(one['quantity_ratio']))}"
		for one in line["substitutes"]
	)
	return {name: _text(value) for name, value in shown.items()}


def _text(value: Any) -> str:
	if value is None:
		return ""
	if isinstance(value, (Decimal, int)):
		return amount_text(Decimal(value))
	return str(value)


def given(values: Mapping[str, Any]) -> dict[str, Any]:
	"""What the schema takes of the fields that came. Raises Invalid."""
	taken = blank_as_none({name: values[name] for name in FIELDS if name in values})
	if taken.get("attrition") is not None:
		taken["attrition"] = _share(str(taken["attrition"]))
	for name in ("attrition", "setup_quantity"):
		if name in taken and taken[name] is None:
			taken[name] = 0
	if "substitutes" in taken:
		taken["substitutes"] = _substitutes(str(values["substitutes"]))
	return taken


def _share(text: str) -> str:
	try:
		return f"{Decimal(text) / _PERCENT:f}"
	except InvalidOperation:
		raise Invalid.one("attrition", _("Give the scrap in percent, for example 2.")) from None


def _substitutes(text: str) -> list[dict[str, Any]]:
	found: list[dict[str, Any]] = []
	problems: list[Problem] = []
	for place, line in enumerate(text.splitlines(), start=1):
		number, times, ratio = (part.strip() for part in line.replace("×", "x").partition(" x "))
		if not number:
			continue
		if times and not ratio:
			message = _(
				"Line {n}: write a substitute as its number, or as number x ratio.", n=place
			)
			problems.append(Problem("substitutes", message))
		found.append({"product_number": number, "quantity_ratio": ratio or "1"})
	if problems:
		raise Invalid(_("Validation error"), problems=problems)
	return found


def conflicts(values: Mapping[str, Any], line: Mapping[str, Any]) -> list[dict[str, str]]:
	"""The fields in which my text differs from what is recorded now."""
	theirs = as_form(line)
	return [
		{"name": name, "label": _(label), "mine": values[name], "theirs": theirs[name]}
		for name, label in FIELDS.items()
		if name in values
		and str(values[name]).replace("\r\n", "\n").strip() != theirs[name].strip()
	]
