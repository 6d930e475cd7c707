"""What the machinery tells a collector: how far the readers of the event log are."""

from apg.kernel.log import horizon, lag
from apg.kernel.observe import Observer
from apg.kernel.runtime import Runtime


def observe(observer: Observer, runtime: Runtime) -> None:
	"""Gauges that are read from the database at each scrape."""
	behind = observer.gauge(
		"apg_event_log_lag_seconds", "Age of the oldest event a reader has not read", ["consumer"]
	)
	failed = observer.gauge(
		"apg_event_log_failures", "Events that a reader could not handle", ["consumer"]
	)
	held = observer.gauge(
		"apg_event_log_horizon_seconds", "Age of the transaction that holds all readers back"
	)
	known = {consumer.name for consumer in runtime.composition.consumers}

	async def refresh() -> None:
		async with runtime.engine.connect() as connection:
			lags, oldest = await lag(connection), await horizon(connection)
		for one in lags:
			if one.consumer in known:
				behind.labels(one.consumer).set(one.seconds or 0.0)
				failed.labels(one.consumer).set(one.failed)
		held.set((oldest.seconds or 0.0) if oldest else 0.0)

	observer.before_scrape(refresh)
