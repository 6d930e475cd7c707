"""An import on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from apg.capabilities.plm.imports.columns import Field as ColumnField
from apg.capabilities.plm.imports.readers import ENCODINGS
from apg.kernel.texts import _
from apg.kernel.web.wire import Line, WireModel
from apg.platform.reference.currency_codes import CURRENCY_CODES

RESERVED = frozenset({"mpn", "sku", "gtin"})


class ImportOptions(WireModel):
	"""How the table is to be read; whatever is left out is guessed from the content."""

	model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

	parent: Annotated[Line, Field(max_length=50)] | None = Field(
		default=None, description="number of the assembly a list of one level belongs to"
	)
	decimal: Literal["auto", "point", "comma"] = "auto"
	currency: str | None = Field(default=None, description="of prices that name none")
	delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
	encoding: str | None = Field(default=None, json_schema_extra={"enum": [*ENCODINGS, None]})
	header_row: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
	source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,29}$")] = Field(
		default="import", description="the system the keys of the file come from"
	)
	sheet: Annotated[Line, Field(max_length=100)] | None = Field(
		default=None, description="sheet of a workbook; the first one with rows if left out"
	)
	hand_lines: Literal["keep", "remove"] = Field(
		default="keep", description="lines made by hand that are not in the file"
	)

	@field_validator("currency")
	@classmethod
	def _known_currency(cls, value: str | None) -> str | None:
		if value and value not in CURRENCY_CODES:
			raise ValueError(_("Give the three letters of ISO 4217, as EUR."))
		return value or None

	@field_validator("encoding")
	@classmethod
	def _known_encoding(cls, value: str | None) -> str | None:
		if value and value not in ENCODINGS:
			raise ValueError(_("Choose one of {names}.", names=", ".join(ENCODINGS)))
		return value or None

	@field_validator("source")
	@classmethod
	def _own_source(cls, value: str) -> str:
		if value in RESERVED:
			raise ValueError(_("This name has a meaning of its own; choose another one."))
		return value


class ImportPatch(WireModel):
	"""What a person corrects: meanings of columns (heading → field or null), how to read the table,
	and which product a part of the file is. An empty body compares the file with the record anew."""

	model_config = ConfigDict(
		extra="forbid",
		str_strip_whitespace=True,
		json_schema_extra={"examples": [{"columns": {"Menge": "quantity"}, "decimal": "comma"}]},
	)

	columns: dict[str, ColumnField | None] = Field(default_factory=dict, max_length=1_000)
	parent: Annotated[Line, Field(max_length=50)] | None = None
	decimal: Literal["auto", "point", "comma"] | None = None
	currency: str | None = None
	delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
	encoding: str | None = None
	header_row: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
	source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,29}$")] | None = None
	sheet: Annotated[Line, Field(max_length=100)] | None = None
	hand_lines: Literal["keep", "remove"] | None = None
	matches: dict[str, Annotated[Line, Field(max_length=50)] | None] = Field(
		default_factory=dict,
		max_length=10_000,
		description="key of a part of the file → id of the product it is, `new`, or null: as found",
	)


class Progress(WireModel):
	state: str
	done: int
	total: int | None
	rate: float | None


class ImportOut(WireModel):
	"""`counts` says for parts, lines, prices, identifiers, attributes and substitutes how many are
	added, changed, removed and (parts, lines) unchanged."""

	import_id: str
	file_name: str
	file_size: int
	file_sha256: str
	kind: Literal["csv", "xlsx", "inventree", "kicad", "step"]
	state: Literal["uploaded", "previewed", "running", "done", "failed", "cancelled"]
	options: dict[str, Any]
	counts: dict[str, dict[str, int]]
	problem_count: int
	warning_count: int
	failure: str | None
	progress: Progress | None
	previewed_at: datetime | None
	finished_at: datetime | None
	created_at: datetime
	created_by: str | None
	updated_at: datetime


class ColumnOut(WireModel):
	heading: str
	field: str | None
	confidence: int
	unit: str | None
	corrected: bool


class ColumnsOut(WireModel):
	"""How the columns were understood, the first rows, and which meanings there are."""

	columns: list[ColumnOut]
	sample: list[list[str]]
	shape: str | None
	notes: list[str]
	fields: list[str]
	sheets: list[str]
	sheet: str | None
	header_row: int | None


class ProblemOut(WireModel):
	severity: Literal["error", "warning"]
	row: int | None
	column: str | None
	value: str | None
	reason: str
	remedy: str


class FieldChange(WireModel):
	field: str
	old: str | None
	new: str | None


class ChangeOut(WireModel):
	"""One part or line; `product_id` is the product itself, or the parent of the line."""

	subject: Literal["part", "line"]
	kind: Literal["added", "changed", "removed", "kept"]
	row: int | None
	source_key: str
	label: str
	parent: str | None
	product_id: str | None
	matched_by: str | None
	changes: list[FieldChange]


class Candidate(WireModel):
	product_id: str
	label: str


class MatchOut(WireModel):
	"""A part of the file and the product it is taken for; null where it is new or undecided."""

	source_key: str
	label: str
	row: int | None
	outcome: Literal["new", "matched", "ambiguous"]
	matched_by: str | None
	product_id: str | None
	product: str | None
	candidates: list[Candidate]
