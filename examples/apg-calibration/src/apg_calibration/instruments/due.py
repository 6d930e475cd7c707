"""When an instrument is due: pure, so that it can be tested without anything else."""

import calendar
from datetime import date, timedelta

SOON = timedelta(days=30)


def due_on(calibrated_on: date, months: int) -> date:
	"""The same day `months` later; the last day of the month where it has no such day."""
	whole = calibrated_on.year * 12 + calibrated_on.month - 1 + months
	year, month = divmod(whole, 12)
	last = calendar.monthrange(year, month + 1)[1]
	return date(year, month + 1, min(calibrated_on.day, last))
