"""What others may know of ESG: its events and its ports."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Protocol

from apg.kernel.events import Event

if TYPE_CHECKING:
	from apg.kernel.work import Work


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


class MeasurementsRecorded(Event):
	"""Many readings were recorded at once; `metric_ids` are those of at most a hundred metrics
	(`more_metrics` says that there are others). Days are those of the first and the last reading."""

	name = "esg.measurements.recorded.v1"
	import_id: str
	count: int
	metric_ids: list[str]
	more_metrics: bool
	first_day: str
	last_day: str


class MetricValueChanged(Event):
	"""The current value of a metric is another one now; targets and live pages follow from it."""

	name = "esg.metric.value_changed.v1"
	metric_id: str
	measurement_id: str | None
	current_value: str | None
	current_date: str | None


class ActivityRecorded(Event):
	"""An activity was recorded. `site_id` or `product_id` names whose, days are of its period."""

	name = "esg.activity.recorded.v1"
	activity_id: str
	version: int
	kind: str
	activity_code: str
	site_id: str | None
	product_id: str | None
	first_day: str
	last_day: str


class ActivitiesRecorded(Event):
	"""A batch of activities was recorded as a whole; `codes` are those of its activities, at most
	a hundred (`more_codes` says that there are others)."""

	name = "esg.activities.recorded.v1"
	batch_id: str
	count: int
	codes: list[str]
	more_codes: bool
	first_day: str
	last_day: str


class ActivityCorrected(Event):
	"""A new version stands in place of `version - 1`; days cover the periods of both."""

	name = "esg.activity.corrected.v1"
	activity_id: str
	version: int
	kind: str
	activity_code: str
	former_code: str
	site_id: str | None
	product_id: str | None
	first_day: str
	last_day: str


class ActivityWithdrawn(Event):
	"""The record no longer stands; it is kept with the reason."""

	name = "esg.activity.withdrawn.v1"
	activity_id: str
	version: int
	kind: str
	activity_code: str
	site_id: str | None
	product_id: str | None
	first_day: str
	last_day: str


class ActivitiesMoved(Event):
	"""Records came into another state of their review."""

	name = "esg.activities.moved.v1"
	state: str
	count: int
	activity_ids: list[str]


class CalculationDone(Event):
	"""A calculation ended and is sealed; totals in kg CO2e as text."""

	name = "esg.calculation.done.v1"
	calculation_id: str
	lines: int
	missing: int
	co2e: str
	seal: str


class FactorsApproved(Event):
	"""A company may calculate with these factors from now on: a whole source, or one version.

	Results from before stay as they are.
	"""

	name = "esg.factors.approved.v1"
	source_id: str
	version_id: str | None
	layer: str
	series: str
	edition: str
	factors: int


class FactorsWithdrawn(Event):
	"""A company takes these factors for no new result any more."""

	name = "esg.factors.withdrawn.v1"
	source_id: str
	version_id: str | None
	layer: str
	series: str
	edition: str
	factors: int


class FactorsImported(Event):
	"""A file of factors was taken; none of them is used before somebody approves it."""

	name = "esg.factors.imported.v1"
	import_id: str
	source_id: str
	series: str
	edition: str
	factors: int
	quarantined: int


class FootprintRecorded(Event):
	"""A footprint of a revision was recorded and sealed; it never changes again."""

	name = "esg.footprint.recorded.v1"
	footprint_id: str
	product_id: str
	revision_id: str
	seal: str


class FootprintOutdated(Event):
	"""A recorded footprint no longer shows the product as it stands; the figures stay."""

	name = "esg.footprint.outdated.v1"
	footprint_id: str
	product_id: str
	reason: str


class MaterialChanged(Event):
	"""Another activity or region stands for a material, or none any more; recorded figures stay."""

	name = "esg.material.changed.v1"
	material_id: str


class SupplierFootprintChanged(Event):
	"""A supplier's statement about a product was recorded or withdrawn."""

	name = "esg.supplier_footprint.changed.v1"
	needs = "esg.footprints.read"
	statement_id: str
	product_id: str
	withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Carbon:
	"""What one unit of a product brings of its own, in kg CO2e, exact.

	`stages` by stage of the life cycle and gas; `total` is their sum without biogenic CO2, which
	stands apart. `low` and `high` are 95 % bounds of the total. `primary_share`: how much of the total
	rests on data of the company or its supplier, 0 to 1. `stops`: it is the whole figure, and nothing
	below the product counts. `source`: `material`, `records` or `supplier`.
	"""

	stages: Mapping[str, Mapping[str, Decimal]]
	total: Decimal
	biogenic: Decimal = Decimal(0)
	low: Decimal = Decimal(0)
	high: Decimal = Decimal(0)
	primary_share: Decimal = Decimal(0)
	estimated: bool = False
	as_published: bool = False
	factor_version_ids: tuple[str, ...] = ()
	stops: bool = False
	source: str = "material"


@dataclass(frozen=True, slots=True)
class NoCarbon:
	"""Why a product brings no figure of its own.

	reason: `no_material`, `no_mass`, `mass_unit_not_convertible`, `material_unknown`, `not_approved`,
	`unknown_activity`, `no_region`, `no_date`, `unit_not_convertible`, `not_expressible` or
	`unknown_revision`. `subject` is what it is about, such as the name of the material.
	"""

	reason: str
	subject: str = ""


class ItemCarbon(Protocol):
	"""What products bring of their own in carbon, before anything rolls up; provided by ESG."""

	absent: ClassVar["ItemCarbon"]

	def shown(self, work: "Work") -> bool:
		"""Whether the reader of this Work may see carbon figures; false where ESG is absent."""
		...

	async def own(
		self,
		work: "Work",
		revision_ids: Collection[str],
		*,
		assemblies: Collection[str] = (),
		on: date | None = None,
		gwp_set: str | None = None,
	) -> dict[str, Carbon | NoCarbon]:
		"""The figures of many revisions on a day (default: today); at most five queries in all.

		Of `assemblies` (revisions with lines that count) the mass and material do not count, since
		their parts do: they bring what is recorded for them beside that, else they are left out.
		`gwp_set` defaults to the company's. Empty where ESG is absent.
		"""
		...

	async def per_kilogram(
		self,
		work: "Work",
		materials: Collection[str],
		*,
		on: date | None = None,
		gwp_set: str | None = None,
	) -> dict[str, Carbon | NoCarbon]:
		"""What a kilogram of each material brings, by its name; for structures too large for `own`."""
		...

	async def beside_materials(self, work: "Work") -> tuple[frozenset[str], frozenset[str]]:
		"""The revisions with records and the products with suppliers' statements: of these alone
		`own` may say another thing than mass times material."""
		...

	def reason(self, missing: NoCarbon) -> str:
		"""Why there is no figure and what mends it, in words."""
		...

	def remedy(self, missing: NoCarbon) -> str:
		"""The page where that is mended, empty where it is the product's own form."""
		...

	def page(self, product_id: str) -> str:
		"""The page of a product's footprint, empty where there is none."""
		...


class NoItemCarbon:
	"""Without ESG no product has a carbon figure, and none is asked for."""

	def shown(self, work: "Work") -> bool:
		return False

	async def own(
		self,
		work: "Work",
		revision_ids: Collection[str],
		*,
		assemblies: Collection[str] = (),
		on: date | None = None,
		gwp_set: str | None = None,
	) -> dict[str, Carbon | NoCarbon]:
		return {}

	async def per_kilogram(
		self,
		work: "Work",
		materials: Collection[str],
		*,
		on: date | None = None,
		gwp_set: str | None = None,
	) -> dict[str, Carbon | NoCarbon]:
		return {}

	async def beside_materials(self, work: "Work") -> tuple[frozenset[str], frozenset[str]]:
		return frozenset(), frozenset()

	def reason(self, missing: NoCarbon) -> str:
		return ""

	def remedy(self, missing: NoCarbon) -> str:
		return ""

	def page(self, product_id: str) -> str:
		return ""


ItemCarbon.absent = NoItemCarbon()  # type: ignore[assignment]
