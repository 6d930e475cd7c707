"""What others may know of ESG: its events and its ports."""

from apg.kernel.events import Event


class MetricCreated(Event):
	"""A metric was defined."""

	name = "esg.metric.created.v1"
	metric_id: str


class MetricChanged(Event):
	"""The definition of a metric changed; its readings did not."""

	name = "esg.metric.changed.v1"
	metric_id: str
	fields: list[str]


class MeasurementRecorded(Event):
	"""A reading was recorded, corrected (`supersedes` names the old one) or withdrawn."""

	name = "esg.measurement.recorded.v1"
	metric_id: str
	measurement_id: str
	measurement_date: str
	supersedes: str | None = None
	withdrawn: bool = False


class MetricValueChanged(Event):
	"""The current value of a metric is another one now; targets and live pages follow from it."""

	name = "esg.metric.value_changed.v1"
	metric_id: str
	measurement_id: str | None
	current_value: str | None
	current_date: str | None
