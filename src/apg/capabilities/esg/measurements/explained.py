"""What flags and indicators mean, in sentences for whoever reads a figure."""

from collections.abc import Mapping, Sequence
from typing import Any

from apg.capabilities.esg.shared.quality import Flag, Indicator
from apg.capabilities.esg.shared.rule_nodes import write_rule
from apg.capabilities.esg.shared.rule_tree import read_rules
from apg.kernel.texts import _

FLAGS: Mapping[str, tuple[str, str]] = {
	Flag.NO_SOURCE: ("no source", "Nobody said where the value comes from."),
	Flag.NO_METHOD: ("no method", "Nobody said how the value was found."),
	Flag.UNKNOWN_METHOD: ("unknown method", "The method is not one of the known ones."),
	Flag.NO_EVIDENCE: ("no evidence", "No document or link proves the value."),
	Flag.NO_PERIOD: ("no period", "The value names no period, only a date."),
	Flag.PERIOD_MISMATCH: ("other period", "The period is much shorter or longer than one is due."),
	Flag.ESTIMATED: ("estimated", "An estimate stands in for a record."),
	Flag.LATE: ("late", "Recorded more than two periods after the time it tells about."),
	Flag.FUTURE: ("future", "The date lay in the future when it was recorded."),
	Flag.OUTLIER: ("outlier", "Far from the earlier values: its modified z-score is above 3.5."),
	Flag.RULE_WARNING: ("rule broken", "It breaks the rule “{rule}”, which warns only."),
	Flag.RULE_UNKNOWN: ("not checked", "The rule “{rule}” could not be checked."),
}
INDICATORS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
	Indicator.RELIABILITY: (
		"Reliability",
		"How the values of the last twelve readings were found.",
		(
			"measured, with evidence",
			"measured without evidence, or partly assumed with evidence",
			"partly assumed, without evidence",
			"estimated with a reason",
			"estimated, or nobody said how",
		),
	),
	Indicator.COMPLETENESS: (
		"Completeness",
		"How many of the last twelve periods have a value.",
		("all", "80 % or more", "half or more", "some", "none"),
	),
	Indicator.TIME: (
		"Time",
		"How old the newest value is.",
		(
			"at most one period",
			"at most two periods",
			"at most three periods",
			"at most six periods",
			"more than six periods",
		),
	),
	Indicator.TECHNOLOGY: (
		"Technology",
		"Whether the values fit the technology in use; only people can say.",
		("same technology", "similar", "related", "related process", "unknown or other"),
	),
	Indicator.GEOGRAPHY: (
		"Geography",
		"Whether the values fit the place; only people can say.",
		("same area", "larger area", "similar area", "slightly similar", "unknown or other"),
	),
}
ORDER = tuple(INDICATORS)


def flags(metric: Mapping[str, Any], found: Sequence[str]) -> list[dict[str, str]]:
	"""Each flag with its short name and its sentence; rules by their text as it stands now."""
	rules = read_rules(metric["validation_rules"])
	told: list[dict[str, str]] = []
	for flag in found:
		name, _colon, place = flag.partition(":")
		short, sentence = FLAGS.get(name, (name, name))
		number = int(place) if place.isdigit() else -1
		rule = write_rule(rules[number]) if 0 <= number < len(rules) else _("a rule of that time")
		told.append({"flag": flag, "short": _(short), "text": _(sentence, rule=rule)})
	return told


def indicators(found: Mapping[str, Any]) -> list[dict[str, Any]]:
	"""The five indicators with value, meaning of the value, and what they ask."""
	told: list[dict[str, Any]] = []
	for name in ORDER:
		label, asks, steps = INDICATORS[name]
		value = found.get(name)
		meaning = _(steps[value - 1]) if isinstance(value, int) and 1 <= value <= 5 else ""
		told.append({"label": _(label), "asks": _(asks), "value": value, "meaning": meaning})
	return told


def worst(found: Mapping[str, Any]) -> str:
	"""The indicator that pulls the score down most, in words; empty when nothing is assessed."""
	known = [one for one in indicators(found) if one["value"] is not None]
	if not known:
		return ""
	lowest = max(known, key=lambda one: one["value"])
	return "" if lowest["value"] == 1 else f"{lowest['label']}: {lowest['meaning']}"
