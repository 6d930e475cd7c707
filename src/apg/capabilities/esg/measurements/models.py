"""What a reading refuses; its table stands beside its metric's, whose state it moves."""

from apg.capabilities.esg.metrics.models import Measurement
from apg.kernel.errors import Conflict

__all__ = ["Measurement", "MeasurementSuperseded"]


class MeasurementSuperseded(Conflict):
	"""Only the standing revision of a measurement can be corrected."""

	code = "MEASUREMENT_SUPERSEDED"
