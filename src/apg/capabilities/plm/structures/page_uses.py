"""Where a product is used, as a tree upwards: what uses it first, below it what uses that."""

from dataclasses import dataclass
from typing import Any

from apg.capabilities.plm.shared.designators import format_designators
from apg.kernel.web.lists import Column, TreeRow

MOST_ROWS = 2_000
COLUMNS = (
	Column("quantity", "Qty in one of it", kind="number"),
	Column("revision", "Revision"),
	Column("find_number", "Find", kind="number"),
	Column("designators", "Designators"),
	Column("lifecycle_phase", "Phase", kind="state"),
	Column("product_type", "Type"),
)


@dataclass(frozen=True, slots=True)
class Shown:
	"""The rows, whether there are more, and how many levels there are."""

	rows: list[TreeRow]
	truncated: bool
	levels: int


def tree_of(found: dict[str, Any]) -> Shown:
	"""Each way upwards is a branch of its own, so a product can stand in several places."""
	uses: list[dict[str, Any]] = found["uses"]
	direct = [use for use in uses if use["lines"]]
	above: dict[str, list[dict[str, Any]]] = {}
	for use in uses:
		for nearer in use["via"]:
			above.setdefault(nearer, []).append(use)
	rows: list[TreeRow] = []
	levels = 0
	stack = _placed(direct, "", 1)
	while stack and len(rows) < MOST_ROWS:
		use, key, parent, level, position, siblings = stack.pop()
		higher = above.get(use["revision_id"], [])
		levels = max(levels, level)
		lines = use["lines"] if level == 1 else []
		rows.append(
			TreeRow(
				key=key,
				label=use["product_number"],
				level=level,
				parent=parent,
				position=position,
				siblings=siblings,
				children=len(higher),
				open=bool(higher),
				href=f"/plm/products/{use['product_id']}",
				values={
					**use,
					"find_number": ", ".join(str(line["find_number"]) for line in lines),
					"designators": format_designators(
						{name for line in lines for name in line["designators"]}
					),
				},
			)
		)
		stack += _placed(higher, key, level + 1)
	return Shown(rows, bool(stack), levels)


def _placed(uses: list[dict[str, Any]], parent: str, level: int) -> list[Any]:
	"""In reverse, because the last of a stack is taken first."""
	placed = [
		(use, f"{parent}.{use['revision_id']}".lstrip("."), parent, level, n, len(uses))
		for n, use in enumerate(uses, start=1)
	]
	return placed[::-1]
