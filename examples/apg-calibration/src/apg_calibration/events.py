"""What others may know: publishing is a promise, so a later version only adds fields."""

from datetime import date

from apg.kernel.events import Event


class InstrumentCalibrated(Event):
	"""An instrument was calibrated; it is due again on `due_on`."""

	name = "calibration.instrument.calibrated.v1"
	instrument_id: str
	calibrated_on: date
	due_on: date
