"""Forms of activity records: people write first and last days, the record keeps moments in UTC."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none
from apg.kernel.web.pages import FormState

DAYS = {"first_day": "period_start", "last_day": "period_end"}
FIELDS = (
	"activity_code",
	"quantity",
	"unit",
	"conversion_context",
	"first_day",
	"last_day",
	"region",
	"quality",
	"estimate_method",
	"meter",
	"data_source",
	"document_id",
	"locator",
	"note",
)
PREFIX = "to_"  # fields of a correction


def given(values: Mapping[str, Any]) -> dict[str, Any]:
	"""The body of the API: a period lasts to the end of its last day."""
	found = {name: value for name, value in blank_as_none(values).items() if value is not None}
	body = {name: value for name, value in found.items() if name not in DAYS and name != "file"}
	for day, moment in DAYS.items():
		if day in found:
			body[moment] = _moment(day, str(found[day]))
	if "is_primary" in found:
		body["is_primary"] = found["is_primary"] == "true"
	return body


def _moment(name: str, text: str) -> str:
	try:
		day = date.fromisoformat(text.strip())
		day += timedelta(days=1 if name == "last_day" else 0)
	except (ValueError, OverflowError):
		raise Invalid.one(name, _("Write the day like 2026-03-31.")) from None
	return f"{day.isoformat()}T00:00:00Z"


def days_of(record: Mapping[str, Any]) -> dict[str, str]:
	"""First and last day of the period, as people write them."""
	start = datetime.fromisoformat(str(record["period_start"])).astimezone(UTC)
	end = datetime.fromisoformat(str(record["period_end"])).astimezone(UTC)
	last = end - timedelta(microseconds=1)
	return {"first_day": start.date().isoformat(), "last_day": last.date().isoformat()}


def shown(record: Mapping[str, Any]) -> dict[str, str]:
	"""The fields of a record as the form of its correction shows them."""
	whole = dict(record) | days_of(record)
	return {PREFIX + name: "" if whole[name] is None else str(whole[name]) for name in FIELDS}


def changes(record: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
	"""What the person changed, as the API takes it; an untouched day keeps its time of day."""
	before = shown(record)
	changed: dict[str, Any] = {"reason": str(values.get(PREFIX + "reason") or "").strip()}
	for name in FIELDS:
		new = str(values.get(PREFIX + name, before[PREFIX + name])).strip()
		if new == before[PREFIX + name]:
			continue
		if name in DAYS:
			changed[DAYS[name]] = _moment(name, new)
		else:
			changed[name] = new or None
	if len(changed) == 1:
		raise Invalid.one(
			"quantity", _("Nothing is changed yet; change the quantity or another field.")
		)
	return changed


_AS_TYPED = {moment: day for day, moment in DAYS.items()}


def refused(values: Mapping[str, Any], error: Invalid | Conflict, prefix: str = "") -> FormState:
	"""The form again with all that was typed, each problem at its field."""
	problems: list[Problem] = []
	for one in error.problems:
		field = _AS_TYPED.get(one.field, one.field)
		problems.append(Problem(prefix + field if field else "", one.message, one.code))
	return FormState(values, problems or [Problem("", error.message)])
