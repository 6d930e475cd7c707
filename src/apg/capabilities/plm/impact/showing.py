"""The impact as pages show it: three numbers, columns, a waterfall."""

from decimal import Decimal
from typing import Any

from apg.capabilities.plm.changes import service as changes
from apg.capabilities.plm.compliance.evaluating import STANDINGS
from apg.capabilities.plm.impact import answers
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST_STEPS = 12


def title_of(metric: str) -> str:
	"""What a metric is called in a heading."""
	match metric:
		case "cost":
			return _("Cost")
		case "mass":
			return _("Mass")
		case "co2e":
			return _("CO2e")
		case "lead_time":
			return _("Longest lead time")
		case _:
			return _("Compliance")


def numbers(impact: dict[str, Any]) -> list[dict[str, Any]]:
	"""The three numbers first: cost, carbon, compliance; then mass and lead time where there are any."""
	found: list[dict[str, Any]] = []
	for name in ("cost", "co2e", "compliance", "mass", "lead_time"):
		held = impact["headline"].get(name)
		absent = impact["absent"].get(name, "")
		if held is None and name in ("mass", "lead_time"):
			continue
		one: dict[str, Any] = {
			"name": name,
			"title": title_of(name),
			"held": held,
			"reason": absent,
		}
		if held is None:
			one["reason"] = absent or _("No regulation is in force.")
		elif name == "compliance":
			one |= {"tone": STANDINGS[held["after"]], "changed": held["before"] != held["after"]}
		else:
			one |= {
				"delta": None if held["delta"] is None else answers.plain(Decimal(held["delta"])),
				"before": None if held["before"] is None else Decimal(held["before"]),
				"after": None if held["after"] is None else Decimal(held["after"]),
				"currency": held["unit"] if name == "cost" else "",
				"unit": "" if name == "cost" else held["unit"],
				"reason": _("A figure is missing before or after."),
			}
			if one["before"] and one["delta"] is not None:
				one["percent"] = round(one["delta"] * 100 / abs(one["before"]), 2)
		found.append(one)
	return found


def columns(impact: dict[str, Any]) -> list[str]:
	"""The metrics of the table of end items, in their order."""
	present = {name for one in impact["end_items"] for name in one["figures"]}
	order = ("cost", "co2e", "mass", "compliance", "lead_time")
	return [name for name in order if name in present]


def steps(impact: dict[str, Any], product_id: str, metric: str) -> list[dict[str, Any]]:
	"""The causing lines of one end item: what each brings to one of it, the largest first."""
	found: list[dict[str, Any]] = []
	for row in impact["lines"]:
		each = row["deltas"].get(metric)
		amount = next(
			(a["amount"] for a in row["amounts"] if a["product"]["product_id"] == product_id), None
		)
		if each is None or amount is None:
			continue
		value = answers.plain(each * amount)
		found.append(row | {"each": each, "amount": amount, "value": value})
	found.sort(key=lambda row: -abs(row["value"]))
	return found


def waterfall(impact: dict[str, Any]) -> dict[str, Any] | None:
	"""From the total before, line by line, to the total after, of the end item that changes most: in
	carbon where it is shown, else in cost."""
	for metric in ("co2e", "cost", "mass"):
		held = impact["headline"].get(metric)
		if held is None or not held.get("product") or held["delta"] is None:
			continue
		product = held["product"]
		found = steps(impact, product["product_id"], metric)
		if not found:
			continue
		before, after = float(held["before"]), float(held["after"])
		labels, values, starts = [_("before")], [before], [0.0]
		at = before
		for row in found[:MOST_STEPS]:
			labels.append(row["product_number"] or row["parent"]["product_number"])
			values.append(float(row["value"]))
			starts.append(at)
			at += float(row["value"])
		if abs(after - at) > 1e-9 * max(1.0, abs(after)):
			labels.append(_("others"))
			values.append(after - at)
			starts.append(at)
		labels.append(_("after"))
		values.append(after)
		starts.append(0.0)
		return {
			"product": product,
			"title": title_of(metric),
			"chart": {
				"type": "bar",
				"unit": held["unit"],
				"x": labels,
				"x_label": _("Line"),
				"series": [{"label": title_of(metric), "values": values, "from": starts}],
			},
		}
	return None


def pairs(impact: dict[str, Any]) -> list[dict[str, Any]]:
	"""What was predicted and what came of it, end item by end item."""
	actual = {one["product_id"]: one for one in (impact["actual"] or {}).get("end_items", ())}
	found: list[dict[str, Any]] = []
	for one in impact["end_items"]:
		came = actual.get(one["product_id"])
		if came is None:
			continue
		for name in columns(impact):
			predicted, real = one["figures"].get(name), came["figures"].get(name)
			if predicted is None or real is None:
				continue
			found.append(
				{
					"product": one,
					"metric": name,
					"title": title_of(name),
					"predicted": predicted,
					"actual": real,
				}
			)
	return found


def reason_of(cause: str | None) -> str:
	"""Why an order that nobody edited was calculated again."""
	match cause:
		case "prices":
			return _("a price changed")
		case "rates":
			return _("an exchange rate changed")
		case "factors":
			return _("emission factors changed")
		case "materials":
			return _("a material or a mass changed")
		case "footprints":
			return _("carbon recorded for a product changed")
		case "compliance":
			return _("a compliance status or list changed")
		case "structure":
			return _("another structure was released or changed")
		case "day":
			return _("prices, rates, factors and evidence of another day hold")
		case _:
			return _("somebody asked for it")


def recomputed(impact: dict[str, Any]) -> dict[str, Any] | None:
	"""What moved since the calculation before of the same package, and why; None where nothing did."""
	if not impact["moved"]:
		return None
	rows: list[dict[str, Any]] = []
	for row in impact["moved"]:
		one = row | {"title": title_of(row["metric"])}
		if row["metric"] != "compliance":
			for name in ("was", "now", *SIDES):
				held = row.get(name)
				one[name] = None if held is None else answers.plain(Decimal(held))
		rows.append(one)
	return {"why": reason_of(impact["cause"]), "rows": rows}


SIDES = ("before_was", "before_now", "after_was", "after_now")


async def context_of(work: Work, change_id: str) -> dict[str, Any]:
	"""What the tab and the numbers show. Raises ChangeNotFound."""
	impact = await answers.of_change(work, await changes.found(work, change_id))
	return {
		"impact": impact,
		"numbers": numbers(impact),
		"columns": [(name, title_of(name)) for name in columns(impact)],
		"waterfall": waterfall(impact),
		"pairs": pairs(impact),
		"recomputed": recomputed(impact),
		"tones": STANDINGS,
	}
