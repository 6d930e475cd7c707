"""Tasks and events of a tenant: what waits, runs, failed; again, or not any more."""
