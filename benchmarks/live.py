"""Rows about pages that follow what others do, for which there is nothing to measure yet."""

from benchmarks.report import Report


def run(report: Report) -> None:
	report.not_built(
		"a change on another process, to the tile on an open page",
		"p95 of 100 ≤ 1 s",
		"live pages",
	)
	report.not_built(
		"10,000 idle WebSockets with authentication and channels",
		"≤ 45 KiB each, last receiver ≤ 0.5 s",
		"live pages",
	)
