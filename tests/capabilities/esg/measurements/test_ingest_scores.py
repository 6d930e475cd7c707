"""Scores in columns against the scores of one reading after the other."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.esg.measurements import ingest_scores as scores
from apg.capabilities.esg.measurements.states import HISTORY
from apg.capabilities.esg.shared import quality

# Few figures close together, so that medians and deviations tie; and very large ones.
VALUES = st.one_of(
	st.integers(-3, 3).map(Decimal),
	st.decimals("-99999999999999.999999", "99999999999999.999999", places=6),
	st.sampled_from([Decimal("0.000001"), Decimal("1000.5"), Decimal("999999999999")]),
)
ROWS = st.lists(
	st.tuples(st.integers(0, 1), st.integers(0, 40), VALUES, st.booleans()), max_size=80
)


@given(ROWS)
def test_the_anomaly_of_each_row_is_that_of_a_single_reading(
	given_rows: list[tuple[int, int, Decimal, bool]],
) -> None:
	metrics, dates = (np.array([row[k] for row in given_rows], np.int64) for k in (0, 1))
	numbers = np.array(
		[n if is_new else -1 for n, (_m, _d, _v, is_new) in enumerate(given_rows)], np.int64
	)
	found = scores.series(metrics, dates, [row[2] for row in given_rows], numbers)
	told = scores.anomalies(found)
	for at, row in enumerate(found.rows.tolist()):
		if row < 0:
			continue
		before = [
			found.values[k]
			for k in range(at)
			if found.metrics[k] == found.metrics[at] and found.dates[k] < found.dates[at]
		]
		score = quality.anomaly_score(found.values[at], before[-HISTORY:])
		assert told[at] == (scores.UNKNOWN if score is None else int(score.scaleb(2)))
