"""The part of a metric's form that says where its values come from."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Text, column, select, table

from apg.capabilities.esg.shared.activity_words import activity_label
from apg.capabilities.esg.shared.vocabulary import MetricSource
from apg.capabilities.esg.sites import service as sites
from apg.kernel.texts import N_, _
from apg.kernel.work import Work

# Read by name: the feature of activities builds on metrics, not the other way round.
_RECORDS = table("esg_activity_records", column("activity_code", Text()))
SOURCES = (
	(str(MetricSource.MANUAL), N_("Readings that people record")),
	(str(MetricSource.IMPORT), N_("Readings from files")),
	(str(MetricSource.ACTIVITY), N_("Computed from activity records")),
	(str(MetricSource.INVENTORY), N_("Computed from an inventory")),
)
MOST_CODES = 500


async def offered(work: Work, source: str) -> dict[str, Any]:
	"""What the form offers: sources (the present one always), codes of recorded activities, sites."""
	code = _RECORDS.c.activity_code
	codes = await work.scalars(select(code).distinct().order_by(code).limit(MOST_CODES))
	return {
		"sources": [
			(value, _(label))
			for value, label in SOURCES
			if value != MetricSource.INVENTORY or source == value
		],
		"codes": [(one, activity_label(one)) for one in codes],
		"sites": await sites.choices(work, active=False),
	}


def as_form(metric: Mapping[str, Any]) -> dict[str, Any]:
	"""The form's fields of a metric that is there."""
	made_of = metric["automation_config"].get("activity") or {}
	return {"activity": made_of.get("code", ""), "site_ids[]": made_of.get("site_ids", [])}


def take(given: dict[str, Any], kept: Mapping[str, Any] | None = None) -> None:
	"""Puts the fields `activity` and `site_ids` where the API has them; the rest of `kept` stays."""
	code, chosen = given.pop("activity", None), given.pop("site_ids", None) or []
	config = {name: value for name, value in (kept or {}).items() if name != "activity"}
	if given.get("source") == MetricSource.ACTIVITY:
		config["activity"] = {
			"code": code or "",
			"site_ids": [chosen] if isinstance(chosen, str) else list(chosen),
		}
	given["automation_config"] = config
