import json

import pytest
from benchmarks.__main__ import main, measurements
from benchmarks.report import Report, race


def test_a_time_is_better_when_shorter():
	report = Report()
	row = report.row("roll-up", 10.0, "ms", reference=200.0, against="other", at_least=20)
	assert (row.ratio, row.ok, row.target) == (20.0, True, "ratio ≥ 20")
	assert not report.row("slow", 10.1, "ms", reference=200.0, at_least=20).ok


def test_a_rate_is_better_when_higher():
	report = Report()
	row = report.row(
		"list", 1500.0, "rps", reference=3000.0, at_least=0.35, limit=1000, more_is_better=True
	)
	assert (row.ratio, row.ok, row.target) == (0.5, True, "ratio ≥ 0.35, ≥ 1000 rps")
	assert not report.row("few", 900.0, "rps", limit=1000, more_is_better=True).ok
	assert not report.passed()


def test_both_targets_must_be_met():
	report = Report()
	assert not report.row("a", 60.0, "ms", reference=6000.0, at_least=20, limit=50).ok
	assert report.row("b", 60.0, "ms").ok is None


def test_a_ratio_needs_a_reference():
	with pytest.raises(ValueError, match="needs a reference"):
		Report().row("a", 1.0, "ms", at_least=2)


def test_a_broken_measurement_is_a_failure(tmp_path):
	report = Report()
	report.row("a", 1.0, "ms", limit=2)
	assert report.passed()
	report.broken["lists"] = "ValueError: no"
	assert not report.passed()
	report.write(tmp_path / "last.json")
	written = json.loads((tmp_path / "last.json").read_text("utf-8"))
	assert written["rows"][0]["work"] == "a"
	assert written["broken"] == {"lists": "ValueError: no"}


def test_works_are_run_in_turns():
	calls: list[str] = []
	medians = race(lambda: calls.append("a"), lambda: calls.append("b"), repeat=3)
	assert calls == ["a", "b"] * 4
	assert len(medians) == 2


def test_measurements_are_found_and_unknown_ones_named(capsys):
	assert measurements()["bom_rollup"] == "benchmarks.bom_rollup"
	assert "report" not in measurements()
	assert main(["nothing_such"]) == 2
	assert "bom_rollup" in capsys.readouterr().out
