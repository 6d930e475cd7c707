"""A bill of materials that people made: the demo set shipped with the product."""

import json
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from typing import Any

import pytest
from tests.capabilities.plm.shared.reference import Tree

from apg.capabilities.plm.shared.bom_math import GapReason, roll_up
from apg.capabilities.plm.shared.explosion import explode, where_used
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.lines import BomLine
from apg.capabilities.plm.shared.structure import Structure


@pytest.fixture(name="rows", scope="module")
def _rows() -> list[dict[str, Any]]:
	folder = resources.files("apg").joinpath("demo", "inventree")
	text = folder.joinpath("inventree_demo_2024-02-28_parts_bom.json").read_text("utf-8")
	return json.loads(text)


@pytest.fixture(name="lines", scope="module")
def _lines(rows) -> list[BomLine]:
	items = [row["fields"] for row in rows if row["model"] == "part.bomitem"]
	return [
		BomLine(
			parent=f"part-{item['part']}",
			child=f"part-{item['sub_part']}",
			quantity=Decimal(item["quantity"]),
		)
		for item in items
	]


@pytest.fixture(name="prices", scope="module")
def _prices(rows) -> dict[str, Decimal]:
	"""The internal price of each part at its lowest break, whatever the currency."""
	found: dict[str, tuple[Decimal, Decimal]] = {}
	for row in rows:
		if row["model"] == "part.partinternalpricebreak":
			fields = row["fields"]
			part, step = f"part-{fields['part']}", Decimal(fields["quantity"])
			if part not in found or step < found[part][0]:
				found[part] = (step, Decimal(fields["price"]))
	return {part: price for part, (_, price) in found.items()}


def test_every_product_of_the_demo_adds_up_exactly(rows, lines, prices):
	parts = [f"part-{row['pk']}" for row in rows if row["model"] == "part.part"]
	structure = Structure.from_lines(lines, parts)
	assert (structure.node_count, structure.line_count) == (414, 228)
	rolled = roll_up(structure, {"cost": Figures.of(structure, prices)})
	tree = Tree(lines, prices)
	gaps = 0
	for part in sorted({line.parent for line in lines}):
		exact, missing, needed = tree.total(part)
		report = rolled.report(part, "cost")
		assert report.total == pytest.approx(float(exact), rel=1e-12)
		assert report.coverage == pytest.approx(1 - missing / needed, abs=1e-15)
		assert report.complete == (missing == 0)
		recorded = exact.limit_denominator(10**6)
		assert recorded == exact
		assert rolled.recorded(part, "cost", 6) == Decimal(exact.numerator) / exact.denominator
		amounts: dict[str, Fraction] = {}
		tree.amounts(part, Fraction(1), amounts)
		lacking = {item for item in amounts if not tree.uses(item) and item not in prices}
		assert {gap.item for gap in report.gaps} == lacking
		assert {gap.reason for gap in report.gaps} <= {GapReason.NO_FIGURE}
		gaps += len(lacking)
		exploded = explode(structure, part)
		assert {name: exploded[name] for name in amounts} == pytest.approx(
			{name: float(amount) for name, amount in amounts.items()}, rel=1e-12
		)
		for item in lacking:
			assert part in structure.names(where_used(structure, item).nodes)
	assert gaps > 0
