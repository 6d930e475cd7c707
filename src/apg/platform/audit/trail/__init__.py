"""The trail of changes: search, one entry, the history of a row."""
