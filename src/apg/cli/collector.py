"""Python's collector of cycles, set for processes that load much and keep it."""

import gc


def rest_the_collector() -> None:
	"""Loading makes a million objects that all stay, and arrays of a structure are no cycles; to look
	through everything after every 700 new objects would cost a quarter of the time."""
	gc.set_threshold(50_000, 20, 50)
