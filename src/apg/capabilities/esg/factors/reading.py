"""The selects over both layers of factors; their labels are the wire's field names."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
	ARRAY,
	BindParameter,
	Text,
	and_,
	any_,
	bindparam,
	case,
	cast,
	func,
	literal,
	or_,
	select,
	union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from apg.capabilities.esg.factors.models import (
	PLATFORM,
	TENANT,
	Decision,
	OwnFactor,
	Pack,
	PackFactor,
	PackVersion,
	Source,
	Verdict,
	Version,
	VersionState,
)
from apg.kernel.database import AnySelect, id_type
from apg.kernel.search import found_by

SORTABLE = ("name", "activity_code", "region", "unit", "valid_from", "co2e")
STATES = ("staged", "linted", "quarantined", "approved", "superseded", "withdrawn")
WORDS = ("q", "q2", "q3", "q4")
_TEXT = PackFactor.name + " " + PackFactor.activity_code + " " + PackFactor.region


def ids(values: Collection[str]) -> Any:
	"""`column == ids(…)`: any of them, as one parameter."""
	return any_(literal(list(values), ARRAY(id_type)))


def texts(values: Collection[str] | BindParameter[Any]) -> Any:
	"""`column == texts(…)`: any of them, as one parameter."""
	given = values if isinstance(values, BindParameter) else literal(list(values), ARRAY(Text))
	return any_(given)


def _words(search: str) -> list[str]:
	return search.split()[: len(WORDS)]


def _branch(layer: str, factor: Any, version: Any, source: Any, conditions: Sequence[Any]) -> Any:
	"""One layer, with the decision that stands for each version."""
	of_version, of_source = aliased(Decision), aliased(Decision)
	verdict = func.coalesce(of_version.verdict, of_source.verdict)
	return (
		select(
			literal(layer, Text).label("layer"),
			factor.id.label("id"),
			version.id.label("version_id"),
			source.id.label("source_id"),
			source.series.label("series"),
			source.title.label("source"),
			source.publisher.label("publisher"),
			source.edition.label("edition"),
			source.licence.label("licence"),
			source.url.label("url"),
			source.file_name.label("file_name"),
			source.file_sha256.label("file_sha256"),
			source.gas_basis.label("gas_basis"),
			factor.activity_code.label("activity_code"),
			factor.name.label("name"),
			factor.labels.label("labels"),
			factor.region.label("region"),
			factor.stage.label("stage"),
			factor.scope.label("scope"),
			factor.unit.label("unit"),
			version.valid_from.label("valid_from"),
			version.valid_to.label("valid_to"),
			version.published_on.label("published_on"),
			version.gases.label("gases"),
			version.co2e.label("co2e"),
			version.native_gwp_set.label("native_gwp_set"),
			version.biogenic_co2.label("biogenic_co2"),
			version.low.label("low"),
			version.high.label("high"),
			version.spend_currency.label("spend_currency"),
			version.price_year.label("price_year"),
			version.printed.label("printed"),
			version.findings.label("findings"),
			version.locator.label("locator"),
			version.supersedes_id.label("supersedes_id"),
			version.sha256.label("sha256"),
			version.created_at.label("created_at"),
			version.state.label("own_state"),
			verdict.label("verdict"),
			func.coalesce(of_version.id, of_source.id).label("approval_id"),
			case(
				(of_version.id.is_not(None), of_version.decided_by), else_=of_source.decided_by
			).label("decided_by"),
			case(
				(of_version.id.is_not(None), of_version.decided_at), else_=of_source.decided_at
			).label("decided_at"),
		)
		.select_from(version)
		.join(factor, factor.id == version.factor_id)
		.join(source, source.id == version.source_id)
		.outerjoin(
			of_version,
			and_(of_version.version_id == version.id, of_version.ended_at.is_(None)),
		)
		.outerjoin(
			of_source,
			and_(
				of_source.source_id == source.id,
				of_source.version_id.is_(None),
				of_source.ended_at.is_(None),
			),
		)
		.where(*conditions)
	)


def versions(
	*,
	factor_id: str | None = None,
	version_ids: Collection[str] | None = None,
	source_id: str | None = None,
	codes: Collection[str] | BindParameter[Any] | None = None,
	under: str | None = None,
	regions: Collection[str] | BindParameter[Any] | None = None,
	unit: str | None = None,
	search: str | None = None,
	layer: str | None = None,
) -> Any:
	"""A subquery of versions of both layers that fit, each with `state` as a company sees it.

	Filters are of the factor, so that all versions of one stay together: of the approved ones of one
	day of validity the newest stands, the others are superseded.
	"""
	branches: list[Any] = []
	for name, factor, version, source in (
		(PLATFORM, PackFactor, PackVersion, Pack),
		(TENANT, OwnFactor, Version, Source),
	):
		if layer not in (None, name):
			continue
		found: list[Any] = []
		if factor_id is not None:
			found.append(factor.id == factor_id)
		if version_ids is not None:
			of = aliased(version)
			found.append(factor.id.in_(select(of.factor_id).where(of.id == ids(version_ids))))
		if source_id is not None:
			of = aliased(version)
			found.append(factor.id.in_(select(of.factor_id).where(of.source_id == source_id)))
		if codes is not None:
			found.append(factor.activity_code == texts(codes))
		if under:
			found.append(
				or_(
					factor.activity_code == under,
					factor.activity_code.startswith(f"{under}.", autoescape=True),
				)
			)
		if regions is not None:
			found.append(factor.region == texts(regions))
		if unit:
			found.append(factor.unit == unit)
		if search and (words := _words(search)):
			if name == PLATFORM:
				found.extend(_TEXT.ilike(func.apg_like(word)) for word in words)
			else:
				criteria: dict[str, Any] = dict(zip(WORDS, words, strict=False))
				# As an array, so that the function is asked once whatever the planner believes.
				hits = func.array(found_by("esg_factors", criteria).scalar_subquery())
				found.append(factor.id == any_(cast(hits, ARRAY(id_type))))
		branches.append(_branch(name, factor, version, source, found))
	both = (union_all(*branches) if len(branches) > 1 else branches[0]).subquery("both")
	sound = both.c.own_state == VersionState.LINTED
	approved = and_(sound, both.c.verdict == Verdict.APPROVED)
	place = func.row_number().over(
		partition_by=(both.c.id, both.c.valid_from),
		order_by=(approved.desc().nulls_last(), both.c.created_at.desc(), both.c.version_id.desc()),
	)
	state = case(
		(~sound, both.c.own_state),
		(both.c.verdict == Verdict.WITHDRAWN, literal("withdrawn", Text)),
		(and_(approved, place > 1), literal("superseded", Text)),
		(approved, literal("approved", Text)),
		else_=literal("linted", Text),
	)
	return select(*both.c, state.label("state")).subquery("v")


@cache
def approved() -> Any:
	"""The approved versions for `codes` and `regions`; built once, it is asked with every roll-up."""
	codes, regions = (bindparam(name, type_=ARRAY(Text)) for name in ("codes", "regions"))
	found = versions(codes=codes, regions=regions)
	return select(found).where(found.c.state == "approved")


WIRE = (
	"layer",
	"source_id",
	"source",
	"publisher",
	"edition",
	"licence",
	"activity_code",
	"name",
	"labels",
	"region",
	"stage",
	"scope",
	"unit",
	"state",
	"valid_from",
	"valid_to",
	"published_on",
	"gases",
	"co2e",
	"native_gwp_set",
	"gas_basis",
	"biogenic_co2",
	"low",
	"high",
	"spend_currency",
	"price_year",
	"printed",
	"findings",
	"locator",
	"file_name",
	"file_sha256",
	"sha256",
	"supersedes_id",
	"approval_id",
	"decided_by",
	"decided_at",
	"created_at",
)


def select_factors(found: Any, *, state: str | None = None, source_id: str | None = None) -> Any:
	"""One row a factor with its leading version of those that fit: a sound one before others, the
	latest valid, the newest."""
	leading = select(found)
	if state:
		leading = leading.where(found.c.state == state)
	if source_id:
		leading = leading.where(found.c.source_id == source_id)
	leading = leading.ext(distinct_on(found.c.id)).order_by(
		found.c.id,
		(found.c.own_state == VersionState.LINTED).desc(),
		found.c.valid_from.desc(),
		found.c.created_at.desc(),
		found.c.version_id,
	)
	one = leading.subquery("leading")
	return select(
		one.c.id.label("id"),
		one.c.version_id.label("version_id"),
		*(one.c[name].label(name) for name in WIRE),
	)


def select_versions(found: Any, factor_id: str) -> AnySelect:
	"""All versions of a factor, the latest valid first."""
	return (
		select(
			found.c.version_id.label("id"),
			found.c.id.label("factor_id"),
			*(found.c[name].label(name) for name in WIRE),
		)
		.where(found.c.id == factor_id)
		.order_by(found.c.valid_from.desc(), found.c.created_at.desc(), found.c.version_id)
	)


def select_sources() -> Any:
	"""Sources of both layers, each with the decision that stands for the whole of it."""
	branches: list[Any] = []
	for layer, source, loaded in (
		(PLATFORM, Pack, Pack.loaded_at),
		(TENANT, Source, Source.created_at),
	):
		branches.append(
			select(
				source.id.label("id"),
				literal(layer, Text).label("layer"),
				source.series.label("series"),
				source.title.label("title"),
				source.publisher.label("publisher"),
				source.edition.label("edition"),
				source.licence.label("licence"),
				source.redistributable.label("redistributable"),
				source.url.label("url"),
				source.kind.label("kind"),
				source.file_name.label("file_name"),
				source.file_sha256.label("file_sha256"),
				source.gas_basis.label("gas_basis"),
				source.native_gwp_set.label("native_gwp_set"),
				source.counts.label("counts"),
				source.retrieved_at.label("retrieved_at"),
				loaded.label("created_at"),
				Decision.verdict.label("verdict"),
				Decision.id.label("approval_id"),
				Decision.decided_by.label("decided_by"),
				Decision.decided_at.label("decided_at"),
				func.coalesce(Decision.reason, "").label("reason"),
			).outerjoin(
				Decision,
				and_(
					Decision.source_id == source.id,
					Decision.version_id.is_(None),
					Decision.ended_at.is_(None),
				),
			)
		)
	both = union_all(*branches).subquery("s")
	state = func.coalesce(both.c.verdict, literal("linted", Text))
	return select(*(c for c in both.c if c.name != "verdict"), cast(state, Text).label("state"))
