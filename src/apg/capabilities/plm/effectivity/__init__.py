"""Which revision is effective for a date, a unit or a lot, in the context of an end item."""
