"""`/api/v1/plm/products/{id}/structure…`, `/where-used`, `/compare`, `/rollup` for programs."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import ConfigDict, Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.exports import as_file
from apg.capabilities.plm.structures import answers, exporting, service
from apg.capabilities.plm.structures.demands import (
	DEMAND_FIELDS,
	At,
	Counted,
	DemandIn,
	Named,
	rule_of,
)
from apg.capabilities.plm.structures.exporting import Format
from apg.capabilities.plm.structures.rules import AnyRule, Rule, View
from apg.capabilities.plm.structures.schemas import (
	ComparisonOut,
	FlatOut,
	LineIn,
	LineOut,
	LinePatch,
	RollUpOut,
	TreeOut,
	WhereUsedOut,
)
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.describing import answers_file
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Amount, Day, IdText, WireModel
from apg.kernel.work import Work

WHOLE = 150  # ids of 42 bytes each, in an address of at most 8,192

router = Router(prefix="/products/{product_id}", tags=["PLM structures"])
Reading = Annotated[Work, allow(may.STRUCTURES_READ)]
Updating = Annotated[Work, allow(may.STRUCTURES_UPDATE)]
Product = Annotated[str, Field(max_length=100)]
OfRevision = Annotated[
	str | None,
	Query(max_length=40, description="label or id of a working revision, also of a change's"),
]


class _Chosen(DemandIn):
	"""Which revision of the product, and which lines and revisions below it."""

	model_config = ConfigDict(extra="forbid")

	revision: Annotated[str | None, Field(max_length=40, description="label or id")] = None
	view: View = View.ENGINEERING


class _Priced(_Chosen):
	quantity: Annotated[Amount, Field(gt=0, lt=Decimal(10**12))] = Decimal(1)
	lot: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
	currency: Annotated[str | None, Field(pattern="^[A-Z]{3}$")] = None
	date: Day | None = None


class StructureQuery(_Priced):
	depth: Annotated[int, Field(ge=1, le=50)] = 1
	flat: bool = False
	whole: Annotated[list[IdText], Field(max_length=WHOLE)] = Field(default_factory=list)
	rollup: bool = False
	limit: Annotated[int, Field(ge=1, le=20_000)] = 5_000


class ExportQuery(_Priced):
	depth: Annotated[int, Field(ge=1, le=50)] = 50
	flat: bool = False
	whole: Annotated[list[IdText], Field(max_length=WHOLE)] = Field(default_factory=list)
	rollup: bool = False
	format: Format = Format.CSV
	raw: bool = Field(default=False, description="for machines: CSV without the guard of formulas")


class RollUpQuery(_Priced):
	limit: Annotated[int, Field(ge=1, le=5_000)] = 200


class WhereUsedQuery(WireModel):
	model_config = ConfigDict(extra="forbid")

	rule: Rule = Rule.DEFAULT
	view: View = View.ENGINEERING
	depth: Annotated[int | None, Field(ge=1, le=50)] = None


class CompareQuery(_Chosen):
	other: Annotated[
		str | None,
		Field(alias="with", min_length=1, max_length=100, description="revision or product"),
	] = None
	with_rule: Rule | None = None
	with_at: At | None = None
	with_serial: Counted | None = None
	with_lot_number: Counted | None = None
	with_baseline: Named | None = None
	depth: Annotated[int, Field(ge=1, le=50)] = 1


@router.get("/structure", response_model=Ok[TreeOut | FlatOut], summary="Read a structure")
async def read_structure(
	product_id: Product, work: Reading, query: Annotated[StructureQuery, Query()]
) -> Response:
	data, etag = await answers.structure(work, product_id, **await _given(work, product_id, query))
	return ok(work, data, headers={"ETag": f'W/"{etag}"'})


@router.get(
	"/structure/export",
	summary="Export a structure",
	responses=answers_file(*exporting.MEDIA.values()),
)
async def export_structure(
	product_id: Product,
	request: Request,
	work: Reading,
	query: Annotated[ExportQuery, Query()],
) -> Response:
	name, content = await answers.export(work, product_id, **await _given(work, product_id, query))
	return await as_file(work, request, name, content, exporting.MEDIA[query.format])


@router.get("/structure/lines", response_model=Ok[list[LineOut]], summary="List recorded lines")
async def list_lines(
	product_id: Product, work: Reading, revision: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
	return ok(work, await answers.lines(work, product_id, revision))


@router.post("/structure/lines", response_model=Ok[LineOut], status_code=201, summary="Add a line")
async def add_line(
	product_id: Product, body: LineIn, work: Updating, revision: OfRevision = None
) -> Response:
	line = await service.add_line(work, product_id, body, revision)
	place = f"/api/v1/plm/products/{product_id}/structure/lines/{line.line_uid}"
	shown = await answers.line(work, product_id, line.line_uid, revision)
	return ok(work, shown, status=201, message=_("Line added"), headers={"Location": place})


@router.get(
	"/structure/lines/{line_uid}", response_model=Ok[LineOut], summary="Read a recorded line"
)
async def read_line(
	product_id: Product,
	line_uid: str,
	work: Reading,
	revision: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
	return ok(work, await answers.line(work, product_id, line_uid, revision))


@router.patch("/structure/lines/{line_uid}", response_model=Ok[LineOut], summary="Change a line")
async def change_line(
	product_id: Product,
	line_uid: str,
	body: LinePatch,
	work: Updating,
	revision: OfRevision = None,
) -> Response:
	await service.change_line(work, product_id, line_uid, body, revision)
	shown = await answers.line(work, product_id, line_uid, revision)
	return ok(work, shown, message=_("Line changed"))


@router.delete("/structure/lines/{line_uid}", status_code=204, summary="Take a line out")
async def remove_line(
	product_id: Product, line_uid: str, work: Updating, revision: OfRevision = None
) -> Response:
	await service.remove_line(work, product_id, line_uid, revision)
	return Response(status_code=204)


@router.get("/rollup", response_model=Ok[RollUpOut], summary="Roll up cost and mass")
async def read_rollup(
	product_id: Product, work: Reading, query: Annotated[RollUpQuery, Query()]
) -> Response:
	data, etag = await answers.rollup(work, product_id, **await _given(work, product_id, query))
	return ok(work, data, headers={"ETag": f'W/"{etag}"'})


@router.get("/where-used", response_model=Ok[WhereUsedOut], summary="Where a product is used")
async def read_where_used(
	product_id: Product, work: Reading, query: Annotated[WhereUsedQuery, Query()]
) -> Response:
	given = {name: getattr(query, name) for name in type(query).model_fields}
	return ok(work, await answers.where_used(work, product_id, **given))


@router.get("/compare", response_model=Ok[ComparisonOut], summary="Compare two structures")
async def compare_structures(
	product_id: Product, work: Reading, query: Annotated[CompareQuery, Query()]
) -> Response:
	given = await _given(work, product_id, query)
	told = {name: given.pop(f"with_{name}") for name in ("at", "serial", "lot_number", "baseline")}
	given["with_rule"] = await _before(work, product_id, query, told)
	return ok(work, await answers.comparison(work, product_id, **given))


async def _before(
	work: Work, product_id: str, query: CompareQuery, told: dict[str, Any]
) -> AnyRule | None:
	"""How the other side is read; as this one where nothing is said."""
	if query.with_rule is None and all(value is None for value in told.values()):
		if query.other is None:
			raise Invalid.one(
				"with", _("Name a revision or product, a baseline or a moment to compare with.")
			)
		return None
	asked = DemandIn(rule=query.with_rule, context=query.context, **told)
	return await rule_of(work, product_id, asked)


async def _given(work: Work, product_id: str, query: _Chosen) -> dict[str, Any]:
	rule = await rule_of(work, product_id, query)
	fields = [name for name in type(query).model_fields if name not in DEMAND_FIELDS]
	return {"rule": rule, **{name: getattr(query, name) for name in fields}}
