"""Two versions of a factor beside each other."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

FIELDS = (
	"source",
	"edition",
	"licence",
	"valid_from",
	"valid_to",
	"published_on",
	"co2e",
	"native_gwp_set",
	"biogenic_co2",
	"low",
	"high",
	"price_year",
	"state",
	"locator",
	"file_sha256",
)


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
	"""The fields that differ, gases each for itself, with new over old where both are numbers."""
	pairs = [(name, old[name], new[name]) for name in FIELDS]
	gases = sorted({*old["gases"], *new["gases"]})
	pairs += [(f"gases.{gas}", old["gases"].get(gas), new["gases"].get(gas)) for gas in gases]
	return [
		{"field": name, "old": was, "new": now, "ratio": _ratio(was, now)}
		for name, was, now in pairs
		if was != now
	]


def _ratio(was: Any, now: Any) -> float | None:
	numbers = (int, Decimal)
	if isinstance(was, numbers) and isinstance(now, numbers) and not isinstance(was, bool) and was:
		return float(round(Decimal(now) / Decimal(was), 9))
	return None
