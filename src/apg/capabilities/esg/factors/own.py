"""Factors a company enters by hand: checked like those of a file, then approved by somebody."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.esg.factors.models import OwnFactor, Source, Version, VersionState
from apg.capabilities.esg.factors.schemas import FactorIn, FiguresIn
from apg.capabilities.esg.shared.factor_cells import is_fuel, unit_of
from apg.capabilities.esg.shared.factor_draft import MASS, Draft, Finding
from apg.capabilities.esg.shared.factor_lint import Reading, lint
from apg.capabilities.esg.shared.factor_words import told_of
from apg.capabilities.esg.shared.regions import region_coded
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.reference.currency_codes import CURRENCY_CODES

SERIES = "own"
_FIELDS = {
	"calorific_basis": "unit",
	"unit_ambiguous": "unit",
	"unit_unknown": "unit",
	"negative": "co2e",
	"bounds": "low",
	"other_basis": "gases",
	"no_basis": "gases",
}


async def create(work: Work, new: FactorIn) -> OwnFactor:
	"""A factor with its first version, sound and not yet approved. Raises Invalid, Conflict."""
	draft = _draft(new, new.activity_code, new.name, new.region, new.stage, new.unit, new)
	await _lock(work)
	factor = await work.session.scalar(
		select(OwnFactor).where(
			OwnFactor.series == SERIES,
			OwnFactor.activity_code == draft.activity_code,
			OwnFactor.region == draft.region,
			OwnFactor.stage == draft.stage,
			OwnFactor.unit == draft.unit,
		)
	)
	if factor is not None:
		raise Conflict(
			_("There is a factor for this activity, region, stage and unit; add a version to it."),
			code="FACTOR_EXISTS",
		)
	factor = work.add(
		OwnFactor(
			series=SERIES,
			activity_code=draft.activity_code,
			name=draft.name,
			labels=list(draft.labels),
			region=draft.region,
			stage=draft.stage,
			scope=new.scope,
			unit=draft.unit,
		)
	)
	await work.flush()
	await _record(work, factor, draft, new.citation)
	return factor


async def add_version(work: Work, factor_id: str, new: FiguresIn) -> Version:
	"""Another version of an own factor; the ones before stay. Raises NotFound, Invalid, Conflict."""
	factor = await work.get(OwnFactor, factor_id)
	if factor.series != SERIES:
		raise Conflict(
			_("The factor came from a file; import the newer edition of that file."),
			code="FACTOR_FROM_FILE",
		)
	currency = factor.unit if factor.unit in CURRENCY_CODES else None
	draft = _draft(
		new,
		factor.activity_code,
		factor.name,
		factor.region,
		factor.stage,
		factor.unit,
		currency=currency,
	)
	await _lock(work)
	return await _record(work, factor, draft, new.citation)


async def _lock(work: Work) -> None:
	await work.flush()
	key = f"{work.principal.tenant_id}/{SERIES}"
	await work.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


async def _record(work: Work, factor: OwnFactor, draft: Draft, citation: str) -> Version:
	before = await work.session.scalar(
		select(Version)
		.where(Version.factor_id == factor.id, Version.valid_from == draft.valid_from)
		.order_by(Version.created_at.desc())
		.limit(1)
	)
	if before is not None and before.sha256 == draft.sha256():
		raise Conflict(_("The newest version holds these very figures."), code="NOTHING_NEW")
	source = await work.session.scalar(select(Source).where(Source.series == SERIES))
	if source is None:
		source = work.add(
			Source(
				series=SERIES,
				title=_("Own factors"),
				publisher=_("entered by hand"),
				licence=_("own"),
				kind="own",
				gas_basis=MASS,
				native_gwp_set="",
			)
		)
		await work.flush()
	made = work.add(
		Version(
			factor_id=factor.id,
			source_id=source.id,
			state=VersionState.LINTED,
			valid_from=draft.valid_from,
			valid_to=draft.valid_to,
			published_on=draft.published_on,
			gases=dict(sorted(draft.gases.items())),
			co2e=draft.total,
			native_gwp_set=draft.native_gwp_set,
			biogenic_co2=draft.biogenic_co2,
			low=draft.low,
			high=draft.high,
			spend_currency=draft.spend_currency,
			price_year=draft.price_year,
			printed=draft.printed,
			locator=citation,
			supersedes_id=before.id if before else None,
			sha256=draft.sha256(),
		)
	)
	await work.flush()
	return made


def _draft(
	figures: FiguresIn,
	code: str,
	name: str,
	region: str,
	stage: str,
	unit: str,
	new: FactorIn | None = None,
	currency: str | None = None,
) -> Draft:
	"""The figures as a draft that passed the lint. Raises Invalid that names each field."""
	problems: list[Problem] = []
	currency = new.spend_currency if new is not None else currency
	place = region_coded(region)
	if place is None:
		problems.append(Problem("region", _("Use ISO 3166 (GB, GB-SCT) or 001 for the world.")))
	if currency is not None and currency not in CURRENCY_CODES:
		problems.append(Problem("spend_currency", _("Give the three letters of ISO 4217.")))
	symbol, refused = (currency, "") if currency else unit_of(unit, fuel=is_fuel(code))
	if figures.co2e is None and not figures.gases and figures.biogenic_co2 is None:
		problems.append(
			Problem("co2e", _("Give the total or the gases; blank is not zero."), "missing")
		)
	if figures.valid_to is not None and figures.valid_to < figures.valid_from:
		problems.append(Problem("valid_to", _("The end lies before the beginning.")))
	draft = Draft(
		code,
		name,
		tuple(part.replace("_", " ") for part in code.split(".")),
		place or region,
		stage,
		symbol,
		figures.valid_from,
		figures.valid_to,
		(),
		published_on=figures.published_on,
		given=dict(figures.gases),
		total=figures.co2e,
		biogenic_co2=figures.biogenic_co2,
		low=figures.low,
		high=figures.high,
		spend_currency=currency,
		price_year=figures.price_year,
		printed=_printed(figures),
		native_gwp_set=figures.native_gwp_set,
	)
	if refused:
		draft.findings.append(Finding(refused, {"unit": unit or "—"}))
	lint([draft], Reading(MASS, figures.native_gwp_set))
	for finding in draft.findings:
		words = told_of(finding)
		field = _FIELDS.get(finding.code, "co2e")
		problems.append(Problem(field, f"{words['reason']} {words['remedy']}", finding.code))
	if problems:
		raise Invalid(problems=problems)
	return draft


def _printed(figures: FiguresIn) -> dict[str, Any]:
	given: dict[str, Decimal | date | None] = {"co2e": figures.co2e, **figures.gases}
	return {name: str(value) for name, value in given.items() if value is not None}
