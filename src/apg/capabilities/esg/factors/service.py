"""Factors: which one an activity takes, what a version was, who approved what."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from sqlalchemy import and_, func, or_, select

from apg.capabilities.esg.factors import reading
from apg.capabilities.esg.factors.choosing import Candidate, Choice, asked_for, explained
from apg.capabilities.esg.factors.models import (
	PLATFORM,
	TENANT,
	Decision,
	OwnFactor,
	Pack,
	PackVersion,
	Source,
	Verdict,
	Version,
	VersionState,
	must_be_sound,
)
from apg.capabilities.esg.shared.factor import Chosen, Factor, FactorWanted, NoFactor
from apg.capabilities.esg.shared.ghg import GwpSet, gwp_sets
from apg.contracts.esg import FactorsApproved, FactorsWithdrawn
from apg.kernel.errors import Conflict, Invalid, NotFound
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

# calculating


async def choose(work: Work, wanted: Sequence[FactorWanted]) -> list[Chosen | NoFactor]:
	"""The factor of each wish, in the order of the wishes; one query for all of them.

	Only versions with the company's standing approval are taken. What nothing fits is told apart by
	a second query: not approved, no region, or no such activity.
	"""
	if not wanted:
		return []
	await work.flush()
	codes, regions, pinned = asked_for(wanted)
	given = {"codes": list(codes), "regions": list(regions)}
	rows = (await work.execute(reading.approved(), given)).all()
	candidates = [Candidate(_factor(row), row.created_at) for row in rows]
	if missing := pinned - {one.factor.version_id for one in candidates}:
		held = reading.versions(version_ids=missing)
		query = select(held).where(
			held.c.version_id == reading.ids(missing), held.c.state.in_(("approved", "superseded"))
		)
		extra = (await work.execute(query)).all()
		candidates += [Candidate(_factor(row), row.created_at) for row in extra]
		codes_of_extra = {row.activity_code for row in extra}
	else:
		codes_of_extra = set[str]()
	choice = Choice(candidates)
	answers = [choice.of(each) for each in wanted]
	if any(isinstance(one, NoFactor) for one in answers) or codes_of_extra - codes:
		known = await _known(work, codes)
		answers = [explained(one, known) if isinstance(one, NoFactor) else one for one in answers]
	return answers


async def _known(work: Work, codes: Collection[str]) -> dict[str, dict[str, bool]]:
	found = reading.versions(codes=codes)
	approved = func.bool_or(found.c.state == "approved")
	query = (
		select(found.c.activity_code, found.c.region, approved)
		.where(found.c.own_state == VersionState.LINTED)
		.group_by(found.c.activity_code, found.c.region)
	)
	known: dict[str, dict[str, bool]] = {}
	for code, region, held in (await work.execute(query)).all():
		known.setdefault(code, {})[region] = held
	return known


async def factors_of(work: Work, version_ids: Collection[str]) -> dict[str, Factor]:
	"""Versions by id, also superseded and withdrawn ones: an old result stays explainable."""
	wanted = {each for each in version_ids if is_id(each)}
	if not wanted:
		return {}
	await work.flush()
	found = reading.versions(version_ids=wanted)
	query = select(found).where(found.c.version_id == reading.ids(wanted))
	return {row.version_id: _factor(row) for row in (await work.execute(query)).all()}


def _factor(row: Any) -> Factor:
	gases = {name: Decimal(str(value)) for name, value in sorted(row.gases.items())}
	return Factor(
		version_id=row.version_id,
		factor_id=row.id,
		source_id=row.source_id,
		layer=row.layer,
		approval_id=row.approval_id if row.verdict == Verdict.APPROVED else None,
		activity_code=row.activity_code,
		name=row.name,
		region=row.region,
		unit=row.unit,
		valid_from=row.valid_from,
		valid_to=row.valid_to,
		published_on=row.published_on,
		gases=MappingProxyType(gases),
		co2e=row.co2e,
		native_gwp_set=row.native_gwp_set,
		biogenic_co2=row.biogenic_co2,
		low=row.low,
		high=row.high,
		spend_currency=row.spend_currency,
		price_year=row.price_year,
		source=row.source,
		edition=row.edition,
		licence=row.licence,
		locator=row.locator,
		file_sha256=row.file_sha256,
		sha256=row.sha256,
	)


async def gwp_set(work: Work, code: str) -> GwpSet:
	"""The set of potentials. Raises Invalid for a code that is none."""
	found = gwp_sets().get(code)
	if found is None:
		raise Invalid.one(
			"gwp_set",
			_("{code} is no set; choose one of {names}.", code=code, names=", ".join(gwp_sets())),
		)
	return found


# deciding


async def approve_source(work: Work, source_id: str, reason: str = "") -> Decision:
	"""Every sound factor of the source may be used from now on. Raises NotFound.

	Results that were calculated stay as they are; nothing is calculated anew.
	"""
	layer, source = await source_of(work, source_id)
	return await _decide(work, layer, source, None, Verdict.APPROVED, reason)


async def withdraw_source(work: Work, source_id: str, reason: str) -> Decision:
	"""No factor of the source is used any more. Raises NotFound, Conflict where none was."""
	layer, source = await source_of(work, source_id)
	if await _standing(work, source.id, None) is None:
		raise Conflict(_("The source is not approved; there is nothing to withdraw."))
	return await _decide(work, layer, source, None, Verdict.WITHDRAWN, reason)


async def approve_version(
	work: Work, factor_id: str, version_id: str, reason: str = ""
) -> Decision:
	"""One version may be used, whatever holds for its source. Raises NotFound, FactorQuarantined."""
	layer, version, source = await _version_of(work, factor_id, version_id)
	must_be_sound(version.state)
	return await _decide(work, layer, source, version.id, Verdict.APPROVED, reason)


async def withdraw_version(work: Work, factor_id: str, version_id: str, reason: str) -> Decision:
	"""One version is not used any more, the others of its source are. Raises NotFound."""
	layer, version, source = await _version_of(work, factor_id, version_id)
	return await _decide(work, layer, source, version.id, Verdict.WITHDRAWN, reason)


async def source_of(work: Work, source_id: str) -> tuple[str, Source | Pack]:
	"""The source with its layer. Raises NotFound."""
	if own := await work.find(Source, source_id):
		return TENANT, own
	return PLATFORM, await work.get(Pack, source_id)


async def _version_of(
	work: Work, factor_id: str, version_id: str
) -> tuple[str, Version | PackVersion, Source | Pack]:
	own = await work.find(Version, version_id)
	held = own or await work.find(PackVersion, version_id)
	if held is None or held.factor_id != factor_id:
		raise NotFound(_("{what} not found", what=_("factor version")))
	layer, source = await source_of(work, held.source_id)
	return layer, held, source


async def _standing(work: Work, source_id: str, version_id: str | None) -> Decision | None:
	which = (
		Decision.version_id.is_(None) if version_id is None else Decision.version_id == version_id
	)
	return await work.session.scalar(
		select(Decision)
		.where(Decision.source_id == source_id, which, Decision.ended_at.is_(None))
		.with_for_update()
	)


async def _decide(
	work: Work,
	layer: str,
	source: Source | Pack,
	version_id: str | None,
	verdict: Verdict,
	reason: str,
) -> Decision:
	standing = await _standing(work, source.id, version_id)
	if standing is not None:
		if standing.verdict == verdict:
			return standing
		standing.ended_at, standing.ended_by = utc_now(), work.principal.user_id
		await work.flush()
	count = 1
	if version_id is None:
		version = PackVersion if layer == PLATFORM else Version
		count = await work.scalar(
			select(func.count()).where(
				version.source_id == source.id, version.state == VersionState.LINTED
			)
		)
	made = work.add(
		Decision(
			layer=layer,
			source_id=source.id,
			version_id=version_id,
			verdict=verdict,
			reason=reason.strip(),
			decided_by=work.principal.user_id,
			factors=count,
		)
	)
	await work.flush()
	event = FactorsApproved if verdict == Verdict.APPROVED else FactorsWithdrawn
	work.publish(
		event(
			source_id=source.id,
			version_id=version_id,
			layer=layer,
			series=source.series,
			edition=source.edition,
			factors=count,
		)
	)
	return made


# reading


async def page(
	work: Work,
	*,
	search: str | None = None,
	activity: str | None = None,
	region: str | None = None,
	unit: str | None = None,
	source_id: str | None = None,
	state: str | None = None,
	layer: str | None = None,
	sort: Sequence[tuple[str, bool]] = (("name", False),),
	limit: int,
	offset: int,
) -> Page:
	"""One page of factors, each with its leading version."""
	if source_id is not None and not is_id(source_id):
		raise NotFound(_("{what} not found", what=_("factor source")))
	found = reading.versions(
		under=activity,
		regions=[region] if region else None,
		unit=unit,
		search=search,
		layer=layer,
		source_id=source_id,
	)
	statement = reading.select_factors(found, state=state, source_id=source_id)
	columns = statement.selected_columns
	order = [columns[name].desc() if falls else columns[name] for name, falls in sort]
	statement = statement.order_by(*order, columns.id)
	return await work.read_list(statement, limit=limit, offset=offset)


async def read(work: Work, factor_id: str) -> One:
	"""A factor with its leading version as JSON. Raises NotFound."""
	if not is_id(factor_id):
		raise NotFound(_("{what} not found", what=_("factor")))
	found = reading.versions(factor_id=factor_id)
	return await work.read_one(reading.select_factors(found), OwnFactor)


async def versions(work: Work, factor_id: str, *, limit: int = 200, offset: int = 0) -> Page:
	"""All versions of a factor. Raises NotFound."""
	if not is_id(factor_id):
		raise NotFound(_("{what} not found", what=_("factor")))
	found = reading.versions(factor_id=factor_id)
	held = await work.read_list(
		reading.select_versions(found, factor_id), limit=limit, offset=offset
	)
	if not held.total and not offset:
		raise NotFound(_("{what} not found", what=_("factor")))
	return held


async def read_version(work: Work, factor_id: str, version_id: str) -> One:
	"""One version of a factor as JSON. Raises NotFound."""
	if not (is_id(factor_id) and is_id(version_id)):
		raise NotFound(_("{what} not found", what=_("factor version")))
	found = reading.versions(factor_id=factor_id)
	statement = reading.select_versions(found, factor_id).where(found.c.version_id == version_id)
	return await work.read_one(statement, Version)


async def sources(work: Work, *, limit: int, offset: int) -> Page:
	"""One page of sources, the newest first."""
	statement = reading.select_sources()
	columns = statement.selected_columns
	statement = statement.order_by(columns.created_at.desc(), columns.id)
	return await work.read_list(statement, limit=limit, offset=offset)


async def read_source(work: Work, source_id: str) -> One:
	"""One source as JSON. Raises NotFound."""
	if not is_id(source_id):
		raise NotFound(_("{what} not found", what=_("factor source")))
	statement = reading.select_sources()
	return await work.read_one(statement.where(statement.selected_columns.id == source_id), Source)


async def decisions(work: Work, source_id: str) -> Sequence[Decision]:
	"""All that was decided about a source and its versions, the newest first."""
	return await work.scalars(
		select(Decision)
		.where(Decision.source_id == source_id)
		.order_by(Decision.decided_at.desc())
		.limit(200)
	)


async def counts(work: Work) -> Mapping[str, int]:
	"""How many of the company's own factors wait: quarantined, and sound in sources without a
	decision."""
	quarantined = await work.scalar(
		select(func.count()).where(Version.state == VersionState.QUARANTINED)
	)
	decided = select(Decision.id).where(
		Decision.source_id == Version.source_id,
		Decision.ended_at.is_(None),
		or_(Decision.version_id.is_(None), Decision.version_id == Version.id),
	)
	waiting = await work.scalar(
		select(func.count()).where(and_(Version.state == VersionState.LINTED, ~decided.exists()))
	)
	return {"quarantined": quarantined or 0, "waiting": waiting or 0}
