"""What is given of units."""

from apg.kernel.web.wire import Amount, WireModel


class UnitOut(WireModel):
	"""A unit: one of it is `factor` of the base of its dimension, exactly, as a fraction."""

	symbol: str
	name: str
	dimension: str
	factor: str
	offset: str
	aliases: list[str]


class ConvertedOut(WireModel):
	"""A value in two units; the result is rounded half to even to 20 significant digits."""

	value: Amount
	source: str
	target: str
	result: Amount
	factor: str | None
