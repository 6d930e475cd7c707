"""What a metric looks like on the wire; names and limits are the guide's."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from apg.capabilities.esg.shared import vocabulary
from apg.capabilities.esg.shared.free_fields import bounded
from apg.capabilities.esg.shared.periods import Method
from apg.capabilities.esg.shared.rule_nodes import MOST_RULES
from apg.capabilities.esg.shared.rule_tree import read_entry, write_rules
from apg.capabilities.esg.shared.vocabulary import MetricSource, MetricType, Polarity
from apg.kernel.errors import Invalid
from apg.kernel.web.wire import Amount, IdText, Line, WireModel


def _told(check: Any) -> Any:
	"""Turns the domain's own refusal into a field error with the same words."""

	def run(value: Any) -> Any:
		try:
			return check(value)
		except Invalid as error:
			text = " ".join(problem.message for problem in error.problems) or error.message
			raise PydanticCustomError("domain", "{text}", {"text": text}) from error

	return run


Name = Annotated[Line, Field(min_length=1, max_length=255)]
Code = Annotated[str, AfterValidator(_told(vocabulary.metric_code))]
Unit = Annotated[str, AfterValidator(_told(lambda text: vocabulary.accepted_unit(text).text))]
Period = Annotated[
	str, AfterValidator(_told(lambda text: vocabulary.measurement_period(text).value))
]
Category = Annotated[Line, Field(min_length=1, max_length=128)]
LongText = Annotated[Line, Field(max_length=2000)]


def _rule(entry: Any) -> Any:
	"""The stored form of one rule; in a tree the refusal names the place below the rule."""
	try:
		return write_rules((read_entry(entry, field=""),))[0]
	except Invalid as error:
		first = error.problems[0]
		place = first.field.lstrip(".")
		raise PydanticCustomError(
			"rule", "{text}", {"text": f"{place}: {first.message}" if place else first.message}
		) from error


Rules = Annotated[list[Annotated[Any, AfterValidator(_rule)]], Field(max_length=MOST_RULES)]
Sources = Annotated[list[Any], Field(max_length=100), AfterValidator(bounded("data_sources"))]
Config = Annotated[dict[str, Any], AfterValidator(bounded("automation_config"))]

EXAMPLE: dict[str, Any] = {
	"name": "Electricity consumption",
	"code": "ENERGY_ELECTRICITY",
	"metric_type": "environmental",
	"category": "energy",
	"description": "Electricity drawn from the grid, all sites",
	"unit": "kwh",
	"target_value": 900000,
	"baseline_value": 1200000,
	"is_kpi": True,
}


class MetricIn(WireModel):
	"""A new metric. `enable_ai_predictions` is an option, not a column of the guide's table."""

	model_config = ConfigDict(
		extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]}
	)

	name: Name
	code: Code
	metric_type: MetricType
	category: Category
	subcategory: Category | None = None
	description: LongText | None = None
	calculation_method: LongText | None = None
	data_sources: Sources = Field(default_factory=list)
	unit: Unit
	target_value: Amount | None = None
	baseline_value: Amount | None = None
	measurement_period: Period = "monthly"
	aggregation: Method = Method.SUM
	polarity: Polarity = Polarity.LOWER_IS_BETTER
	source: MetricSource = MetricSource.MANUAL
	is_kpi: bool = False
	is_public: bool = False
	is_automated: bool = False
	is_active: bool = True
	enable_ai_predictions: bool = False
	automation_config: Config = Field(default_factory=dict)
	validation_rules: Rules = Field(default_factory=list)
	framework_id: IdText | None = None
	tenant_id: str | None = Field(default=None, description="accepted when it is your own")
	created_by: str | None = Field(default=None, description="accepted when it is you")


class MetricPut(MetricIn):
	"""The whole definition anew."""


class MetricPatch(WireModel):
	"""Only what changes."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"target_value": 850000}]},
	)

	name: Name | None = None
	code: Code | None = None
	metric_type: MetricType | None = None
	category: Category | None = None
	subcategory: Category | None = None
	description: LongText | None = None
	calculation_method: LongText | None = None
	data_sources: Sources | None = None
	unit: Unit | None = None
	target_value: Amount | None = None
	baseline_value: Amount | None = None
	measurement_period: Period | None = None
	aggregation: Method | None = None
	polarity: Polarity | None = None
	source: MetricSource | None = None
	is_kpi: bool | None = None
	is_public: bool | None = None
	is_automated: bool | None = None
	is_active: bool | None = None
	enable_ai_predictions: bool | None = None
	automation_config: Config | None = None
	validation_rules: Rules | None = None
	framework_id: IdText | None = None


class MetricOut(WireModel):
	"""Definition and state; amounts are exact numbers, `ai_predictions` is empty until a model
	has run."""

	id: str
	name: str
	code: str
	metric_type: MetricType
	category: str
	subcategory: str | None
	description: str | None
	calculation_method: str | None
	data_sources: list[Any]
	unit: str
	current_value: Decimal | None
	current_date: datetime | None
	target_value: Decimal | None
	baseline_value: Decimal | None
	measurement_period: str
	aggregation: Method
	polarity: Polarity
	source: MetricSource
	is_kpi: bool
	is_public: bool
	is_automated: bool
	is_active: bool
	enable_ai_predictions: bool
	automation_config: dict[str, Any]
	ai_predictions: dict[str, Any]
	trend_analysis: dict[str, Any]
	data_quality_score: Decimal | None
	validation_rules: list[Any]
	framework_id: str | None
	created_at: datetime
	updated_at: datetime
	created_by: str | None
	updated_by: str | None
