"""How pages call what the database keeps as short words; English, translated when shown."""

from apg.capabilities.esg.shared.periods import Method
from apg.capabilities.esg.shared.vocabulary import (
	CollectionMethod,
	MeasurementPeriod,
	MetricType,
	Polarity,
	accepted_unit,
)

TYPES = (
	(str(MetricType.ENVIRONMENTAL), "Environmental"),
	(str(MetricType.SOCIAL), "Social"),
	(str(MetricType.GOVERNANCE), "Governance"),
)
PERIODS = (
	(str(MeasurementPeriod.MONTHLY), "Every month"),
	(str(MeasurementPeriod.QUARTERLY), "Every quarter"),
	(str(MeasurementPeriod.YEARLY), "Every year"),
	(str(MeasurementPeriod.WEEKLY), "Every week"),
	(str(MeasurementPeriod.DAILY), "Every day"),
	(str(MeasurementPeriod.HOURLY), "Every hour"),
)
METHODS = (
	(str(Method.SUM), "The sum of the values (consumption, incidents, hours)"),
	(str(Method.MEAN), "The mean of the values (shares, temperatures)"),
	(str(Method.LAST), "The last value (head count, stock, share at the end)"),
)
METHOD_NAMES = {Method.SUM: "Sum", Method.MEAN: "Mean", Method.LAST: "Last value"}
POLARITIES = (
	(str(Polarity.LOWER_IS_BETTER), "Less is better"),
	(str(Polarity.HIGHER_IS_BETTER), "More is better"),
	(str(Polarity.NEUTRAL), "Neither"),
)
COLLECTION = (
	(str(CollectionMethod.MEASURED), "Measured: meter or count"),
	(str(CollectionMethod.AUTOMATED), "Automated: sensor or interface"),
	(str(CollectionMethod.INVOICED), "Invoiced: bill of a supplier"),
	(str(CollectionMethod.MANUAL), "Entered by hand from a record"),
	(str(CollectionMethod.IMPORTED), "Imported from a file"),
	(str(CollectionMethod.CALCULATED), "Calculated from other figures"),
	(str(CollectionMethod.SURVEY), "Survey"),
	(str(CollectionMethod.ESTIMATED), "Estimated"),
)
DIRECTIONS = {"up": ("▲", "rising"), "down": ("▼", "falling"), "flat": ("■", "steady")}
ASSESSMENTS = {
	"improving": ("good", "better"),
	"worsening": ("bad", "worse"),
	"stable": ("plain", "no change"),
	"neutral": ("plain", "neither good nor bad"),
}


def symbol(unit: str) -> str:
	"""What stands beside a figure; a plain count needs no word."""
	found = accepted_unit(unit).symbol
	return "" if found == "each" else found
