"""A footprint as its page shows it: recorded, or as it would be now."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from apg.capabilities.esg.footprints.computing import Computed
from apg.capabilities.esg.footprints.models import Footprint, FootprintLine
from apg.capabilities.esg.footprints.port import reason_text, remedy_of
from apg.capabilities.esg.footprints.recording import columns_of, line_rows
from apg.capabilities.esg.shared.activity_words import STAGES
from apg.contracts.esg import NoCarbon
from apg.kernel.texts import N_, _
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work

MOST_LINES = 10
MOST_GAPS = 50
REASONS: Mapping[str, str] = {
	"added": N_("new"),
	"removed": N_("gone"),
	"quantity": N_("another quantity"),
	"amount": N_("another mass or amount"),
	"activity": N_("another activity"),
	"factor": N_("another factor"),
	"statement": N_("another statement of the supplier"),
	"set": N_("another set of potentials"),
	"figure": N_("another figure"),
}
OUTDATED: Mapping[str, str] = {
	"structure_changed": N_("The structure changed since."),
	"product_changed": N_("A mass or a material changed since."),
	"revision_released": N_("Another revision was released since."),
}


def stage_text(stage: str) -> str:
	"""A stage as people read it."""
	if stage == "supplier":
		return _("Supplier's figure")
	return next((_(label) for value, label in STAGES if value == stage), stage)


def view_of(figures: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
	"""What the page needs of a footprint: its figures, stages, largest lines, gaps and branches."""
	stages = [
		(stage_text(stage), sum((Decimal(str(each)) for each in gases.values()), Decimal(0)))
		for stage, gases in figures["stages"].items()
	]
	stages.sort(key=lambda one: -one[1])
	branches = _branches(figures["branches"])
	return {
		"f": dict(figures),
		"stages": stages,
		"chart": {
			"type": "bar",
			"unit": "kgCO2e",
			"x_label": _("Stage"),
			"x": [label for label, _value in stages],
			"series": [
				{"label": "CO2e", "values": [amount_text(value) for _label, value in stages]}
			],
		},
		"lines": [_line(line) for line in lines[:MOST_LINES]],
		"line_count": figures["line_count"],
		"gaps": [shown_gap(gap) for gap in _by_weight(figures["gaps"])[:MOST_GAPS]],
		"gap_count": figures["missing_count"],
		"branches": branches,
		"treemap": [
			{
				"level": one["level"],
				"parent": one["parent"],
				"name": f"{one['product_number']} {one['product_name']}".strip(),
				"value": float(one["co2e"]),
				"shown": one["co2e"],
				"href": f"/plm/products/{one['product_id']}",
			}
			for one in branches
		],
		"estimated_text": figures["is_estimated"],
	}


def _branches(held: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
	"""The places of the tree, children after their parent."""
	rows: list[dict[str, Any]] = [
		{**one, "quantity": plain(one["quantity"]), "co2e": amount_text(Decimal(str(one["co2e"])))}
		for one in held
	]
	below: dict[int, list[int]] = {}
	for place, one in enumerate(rows):
		below.setdefault(one["parent"], []).append(place)
	order: list[int] = []
	stack = list(reversed(below.get(-1, [])))
	while stack:
		place = stack.pop()
		order.append(place)
		stack.extend(reversed(below.get(place, [])))
	now = {place: n for n, place in enumerate(order)}
	return [{**rows[place], "parent": now.get(rows[place]["parent"], -1)} for place in order]


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
	return {**line, "quantity": plain(line["quantity"]), "stage_text": stage_text(line["stage"])}


def plain(value: Any) -> Decimal | None:
	"""22 instead of 22.000000000000."""
	return None if value is None else Decimal(amount_text(Decimal(str(value))))


def _by_weight(gaps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
	"""Those first whose mass is known to be large, then those of which many are needed."""

	def weight(gap: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
		quantity, mass = (Decimal(str(gap[name] or 0)) for name in ("quantity", "mass"))
		return (-quantity * mass, -quantity)

	return sorted(gaps, key=weight)


def shown_gap(gap: Mapping[str, Any]) -> dict[str, Any]:
	"""A gap with the reason in words and the page where it is mended."""
	why = NoCarbon(gap["reason"], gap["subject"])
	remedy = remedy_of(why)
	if not remedy and gap["reason"] in ("no_mass", "no_material", "mass_unit_not_convertible"):
		field = "material" if gap["reason"] == "no_material" else "mass"
		remedy = f"/plm/products/{gap['product_id']}/edit#field-{field}"
	shown = {**gap, "quantity": plain(gap["quantity"])}
	return {
		**shown,
		"why": _gap_text(why),
		"remedy": remedy or f"/plm/products/{gap['product_id']}",
	}


def _gap_text(why: NoCarbon) -> str:
	match why.reason:
		case "as_required":
			return _("The line takes as much as is required; give a quantity to count it.")
		case "quantity_not_given":
			return _("The line gives no quantity; give one to count it.")
		case "unit_not_convertible" if not why.subject:
			return _("The line's unit cannot be converted to the product's; correct one of them.")
		case _other:
			return reason_text(why)


def of_record(row: Footprint, lines: Sequence[FootprintLine]) -> dict[str, Any]:
	"""The view of a recorded footprint."""
	names = [column.key for column in Footprint.__table__.columns]
	figures = {
		name: getattr(row, name) for name in names if name not in ("structure", "product_ids")
	}
	keys = [column.key for column in FootprintLine.__table__.columns]
	return view_of(figures, [{key: getattr(line, key) for key in keys} for line in lines])


def of_computed(work: Work, made: Computed) -> dict[str, Any]:
	"""The view of what nobody recorded yet."""
	return view_of(columns_of(made), line_rows(work, "", made))
