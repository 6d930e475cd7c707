"""The rows of a run: our figure, the reference's, their ratio, the target, and whether it is met."""

import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
	"""`ratio` above 1 means that we are better, for times and for rates alike. `ours` is empty where
	there is nothing to measure yet. `load` is that of the machine when the row was made."""

	work: str
	ours: float | None
	unit: str
	reference: float | None
	against: str
	ratio: float | None
	target: str
	ok: bool | None
	note: str
	part: str
	at: str
	load: float


@dataclass(slots=True)
class Report:
	rows: list[Row] = field(default_factory=list)
	broken: dict[str, str] = field(default_factory=dict)
	part: str = ""

	def _add(
		self,
		work: str,
		ours: float | None,
		unit: str,
		reference: float | None,
		against: str,
		ratio: float | None,
		target: str,
		ok: bool | None,
		note: str,
	) -> Row:
		at, load = datetime.now(UTC).isoformat(timespec="seconds"), round(os.getloadavg()[0], 1)
		row = Row(
			work, ours, unit, reference, against, ratio, target, ok, note, self.part, at, load
		)
		self.rows.append(row)
		print(_line(row), flush=True)
		return row

	def not_built(self, work: str, target: str, what: str) -> Row:
		"""A row of the design for which the product has nothing to measure yet."""
		return self._add(work, None, "", None, "", None, target, None, f"not built yet ({what})")

	def row(
		self,
		work: str,
		ours: float,
		unit: str,
		*,
		reference: float | None = None,
		against: str = "",
		at_least: float | None = None,
		limit: float | None = None,
		more_is_better: bool = False,
		note: str = "",
	) -> Row:
		"""Adds and prints a row.

		`at_least` is the smallest ratio to the reference that will do (20: twenty times better, 1/3:
		at most three times worse); `limit` bounds our own figure from above, or from below when more
		is better. Without either the row is information.
		"""
		ratio = None
		if reference is not None:
			ratio = ours / reference if more_is_better else reference / ours
		targets: list[str] = []
		met: list[bool] = []
		if at_least is not None:
			if ratio is None:
				raise ValueError(f"{work}: a ratio needs a reference")
			targets.append(f"ratio ≥ {at_least:.3g}")
			met.append(ratio >= at_least)
		if limit is not None:
			targets.append(f"{'≥' if more_is_better else '≤'} {limit:g} {unit}")
			met.append(ours >= limit if more_is_better else ours <= limit)
		ok = all(met) if met else None
		return self._add(work, ours, unit, reference, against, ratio, ", ".join(targets), ok, note)

	def passed(self) -> bool:
		return not self.broken and all(row.ok is not False for row in self.rows)

	def write(self, path: Path) -> None:
		"""Rows of measurements that did not run this time stay as they were."""
		ran = {row.part for row in self.rows} | set(self.broken)
		before: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
		kept = [row for row in before.get("rows", ()) if row.get("part", "") not in {*ran, ""}]
		broken = {name: why for name, why in before.get("broken", {}).items() if name not in ran}
		facts: dict[str, Any] = {
			"at": datetime.now(UTC).isoformat(timespec="seconds"),
			"python": sys.version.split()[0],
			"machine": f"{platform.machine()}, {os.cpu_count()} cores",
			"load": os.getloadavg()[0],
			"broken": broken | self.broken,
			"rows": [*kept, *(asdict(row) for row in self.rows)],
		}
		path.write_text(json.dumps(facts, indent="\t", ensure_ascii=False) + "\n", "utf-8")


HEADER = f"{'work':<52} {'ours':>14} {'reference':>14} {'ratio':>8}  {'target':<28} ok"


def _line(row: Row) -> str:
	ours = "–" if row.ours is None else f"{row.ours:,.4g} {row.unit}"
	reference = "" if row.reference is None else f"{row.reference:,.4g} {row.unit}"
	ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
	ok = {True: "yes", False: "NO", None: ""}[row.ok]
	against = row.against and f"against {row.against}"
	remarks = "; ".join(filter(None, (against, row.note, f"load {row.load:.1f}")))
	first = f"{row.work:<52} {ours:>14} {reference:>14} {ratio:>8}  {row.target:<28} {ok}".rstrip()
	return f"{first}\n    {remarks}"


def race(*works: Callable[[], object], repeat: int = 7) -> list[float]:
	"""Median seconds of each work, taken in turns, so that a noisy moment hits all alike."""
	taken: list[list[float]] = [[] for _ in works]
	for work in works:
		work()
	gc.collect()
	for _ in range(repeat):
		for place, work in enumerate(works):
			begun = time.perf_counter()
			work()
			taken[place].append(time.perf_counter() - begun)
	return [statistics.median(each) for each in taken]
