"""Runs the measurements: `python -m benchmarks [name …]`; results also go to `benchmarks/last.json`.

A measurement is a module here with `run(report)`, plain or async. The exit code is 1 when a target is
missed or a measurement breaks.
"""

import asyncio
import importlib
import inspect
import pkgutil
import sys
import traceback
from pathlib import Path

import benchmarks
from benchmarks.report import HEADER, Report

RESULTS = Path(__file__).with_name("last.json")


def measurements() -> dict[str, str]:
	"""Module by short name; `report` and names with an underscore are none."""
	found = (info.name for info in pkgutil.iter_modules(benchmarks.__path__))
	return {
		name: f"benchmarks.{name}"
		for name in sorted(found)
		if not name.startswith("_") and name != "report"
	}


def measure(name: str, module: str, report: Report) -> None:
	print(f"\n{name}", flush=True)
	report.part = name
	try:
		run = getattr(importlib.import_module(module), "run", None)
		if run is None:
			return
		done = run(report)
		if inspect.isawaitable(done):
			asyncio.run(_wait(done))
	except Exception as error:  # noqa: BLE001  one broken measurement must not hide the others
		traceback.print_exc()
		report.broken[name] = f"{type(error).__name__}: {error}"


async def _wait(done) -> None:
	await done


def main(names: list[str]) -> int:
	known = measurements()
	unknown = [name for name in names if name not in known]
	if unknown:
		print(f"No measurement {', '.join(unknown)}. There are: {', '.join(known)}.")
		return 2
	report = Report()
	print(HEADER)
	for name in names or known:
		measure(name, known[name], report)
	report.write(RESULTS)
	missed = [row.work for row in report.rows if row.ok is False]
	absent = sum(row.ours is None for row in report.rows)
	print(
		f"\n{len(report.rows)} rows, {len(missed)} below target, {absent} not built yet, "
		f"{len(report.broken)} broken."
	)
	return 0 if report.passed() else 1


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
