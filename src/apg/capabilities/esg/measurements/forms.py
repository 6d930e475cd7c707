"""Forms of readings: people write days, the record keeps moments in UTC."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none
from apg.kernel.web.pages import FormState

DAYS = ("measurement_date", "period_start", "period_end")
FIELDS = ("value", *DAYS, "data_source", "collection_method", "evidence", "notes")
PREFIX = "to_"  # fields of a correction, beside those of the form that records


def given(values: Mapping[str, Any]) -> dict[str, Any]:
	"""The body of the API: a period lasts to the end of its last day."""
	found = {name: value for name, value in blank_as_none(values).items() if value is not None}
	return {name: _stored(name, value) for name, value in found.items()}


def _stored(name: str, value: Any) -> Any:
	if name not in DAYS or value is None:
		return value
	try:
		day = date.fromisoformat(str(value).strip())
		day += timedelta(days=1 if name == "period_end" else 0)
	except (ValueError, OverflowError):
		raise Invalid.one(name, _("Write the day like 2026-03-31.")) from None
	return f"{day.isoformat()}T00:00:00Z"


def shown(reading: Mapping[str, Any]) -> dict[str, str]:
	"""The fields of a reading as the form of its correction shows them."""
	found = {name: "" if reading[name] is None else str(reading[name]) for name in FIELDS}
	for name in DAYS:
		if reading[name]:
			moment = datetime.fromisoformat(str(reading[name])).astimezone(UTC)
			moment -= timedelta(microseconds=1 if name == "period_end" else 0)
			found[name] = moment.date().isoformat()
	return {PREFIX + name: value for name, value in found.items()}


def changes(reading: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
	"""What the person changed, as the API takes it; an untouched day keeps its time of day."""
	before = shown(reading)
	changed: dict[str, Any] = {"reason": str(values.get(PREFIX + "reason") or "").strip()}
	for name in FIELDS:
		new = str(values.get(PREFIX + name, before[PREFIX + name])).strip()
		if new != before[PREFIX + name]:
			changed[name] = _stored(name, new or None)
	if len(changed) == 1:
		raise Invalid.one("value", _("Nothing is changed yet; change the value or another field."))
	return changed


def refused(values: Mapping[str, Any], error: Invalid | Conflict, prefix: str = "") -> FormState:
	"""The form again with all that was typed, each problem at its field."""
	problems = [
		Problem(prefix + one.field if one.field else "", one.message, one.code)
		for one in error.problems
	]
	return FormState(values, problems or [Problem("", error.message)])
