"""Classes, attributes and label schemes on the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from apg.capabilities.plm.examples import body
from apg.capabilities.plm.shared.attributes import AttributeKind
from apg.capabilities.plm.shared.document_kinds import DocumentKind
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.capabilities.plm.shared.numbering import LabelSeries
from apg.kernel.texts import _
from apg.kernel.web.wire import Amount, IdText, Line, WireModel

ClassName = Annotated[Line, Field(min_length=1, max_length=60, pattern="^[^/]+$")]
AttributeName = Annotated[Line, Field(min_length=1, max_length=60)]
Choice = Annotated[Line, Field(min_length=1, max_length=100)]
Text = Annotated[Line, Field(max_length=1000)]
Kinds = Annotated[list[DocumentKind], Field(max_length=len(DocumentKind))]


class ClassIn(WireModel):
	"""A new class; without a parent at the root."""

	model_config = body({"name": "Resistors", "description": "Fixed and variable"})

	name: ClassName
	parent_id: IdText | None = None
	description: Text | None = None
	required_documents: Kinds = Field(default_factory=list[DocumentKind])


class ClassPatch(WireModel):
	"""What changes. A new name or place moves the classes and products below it along."""

	model_config = body({"name": "Fixed resistors"})

	name: ClassName | None = None
	parent_id: IdText | None = None
	description: Text | None = None
	required_documents: Kinds | None = None


class ClassOut(WireModel):
	"""`product_count`: products of this class and of those below it. `required_documents`: kinds that
	the class itself asks for at release; those of classes above count as well."""

	class_id: str
	name: str
	path: str
	parent_id: str | None
	description: str | None
	required_documents: list[str]
	attribute_count: int
	product_count: int
	created_at: datetime
	updated_at: datetime


class AttributeIn(WireModel):
	"""An attribute of every product of the class and of those below it."""

	model_config = body(
		{
			"name": "tolerance",
			"title": "Tolerance",
			"kind": "number",
			"unit": "%",
			"minimum": 0,
			"maximum": 20,
			"is_required": True,
		}
	)

	name: AttributeName
	title: Annotated[Line, Field(max_length=100)] = ""
	kind: AttributeKind
	unit: Annotated[Line, Field(min_length=1, max_length=20)] | None = None
	choices: Annotated[list[Choice], Field(max_length=200)] = Field(default_factory=list[Choice])
	minimum: Amount | None = None
	maximum: Amount | None = None
	is_required: bool = False
	position: Annotated[int, Field(ge=0, le=10_000)] = 0

	@model_validator(mode="after")
	def _fits(self) -> Self:
		numeric = self.kind in (AttributeKind.NUMBER, AttributeKind.INTEGER)
		if (self.kind is AttributeKind.CHOICE) != bool(self.choices):
			raise ValueError(_("Give allowed values for a choice, and for nothing else."))
		if len(set(self.choices)) < len(self.choices):
			raise ValueError(_("Name each allowed value once."))
		if not numeric and (self.unit or self.minimum is not None or self.maximum is not None):
			raise ValueError(_("Only numbers have a unit, a minimum and a maximum."))
		least, most = self.minimum, self.maximum
		if least is not None and most is not None and least > most:
			raise ValueError(_("The minimum is above the maximum."))
		return self


class AttributePatch(WireModel):
	"""What changes; kind and name stay, because values were recorded under them."""

	model_config = body({"title": "Tolerance of value", "is_required": False})

	title: Annotated[Line, Field(max_length=100)] | None = None
	unit: Annotated[Line, Field(min_length=1, max_length=20)] | None = None
	choices: Annotated[list[Choice], Field(max_length=200)] | None = None
	minimum: Amount | None = None
	maximum: Amount | None = None
	is_required: bool | None = None
	position: Annotated[int, Field(ge=0, le=10_000)] | None = None


class AttributeOut(WireModel):
	attribute_id: str
	class_id: str
	class_path: str
	name: str
	title: str
	kind: str
	unit: str | None
	choices: list[str]
	minimum: Decimal | None
	maximum: Decimal | None
	is_required: bool
	position: int
	created_at: datetime
	updated_at: datetime


class LabelSchemeIn(WireModel):
	"""How revisions are labelled: letters A, B, … (without I, O, Q, S, X, Z; ASME Y14.35) or numbers.

	Without a class for every product, without a phase for every phase; the nearest class counts first.
	"""

	model_config = body({"phase": "prototype", "series": "numbers", "width": 2})

	class_id: IdText | None = None
	phase: LifecyclePhase | None = None
	series: LabelSeries
	width: Annotated[int, Field(ge=1, le=6)] = 1
	prefix: Annotated[Line, Field(max_length=4)] = ""


class LabelSchemePatch(WireModel):
	model_config = body({"width": 3})

	series: LabelSeries | None = None
	width: Annotated[int, Field(ge=1, le=6)] | None = None
	prefix: Annotated[Line, Field(max_length=4)] | None = None


class LabelSchemeOut(WireModel):
	"""`first` and `second` show what it gives."""

	scheme_id: str
	class_id: str | None
	class_path: str | None
	phase: str | None
	series: str
	width: int
	prefix: str
	created_at: datetime
	updated_at: datetime
