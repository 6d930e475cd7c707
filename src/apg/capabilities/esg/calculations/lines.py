"""Records to lines: the factor of each, the arithmetic, and the rows that keep the result."""

from collections.abc import Mapping, Sequence
from typing import Any

from apg.capabilities.esg.calculations.models import CalculationLine
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.settings import esg_settings
from apg.capabilities.esg.shared import calculation
from apg.capabilities.esg.shared.calculation import Line, Lines, Record
from apg.capabilities.esg.shared.factor import Chosen, FactorWanted, NoFactor
from apg.kernel.work import Work
from apg.platform.reference import unit_contexts
from apg.platform.reference.units import UnitError

Choice = Chosen | NoFactor | None


async def lines_of(work: Work, records: Sequence[Record], gwp_set: str | None = None) -> Lines:
	"""The line of each record under a set (default: the company's), in order; nothing is stored.

	Two queries at most, however many records. Raises Invalid for a set that is none.
	"""
	gwp = await factors.gwp_set(work, gwp_set or esg_settings().gwp_set)
	return calculation.calculate(records, await choose(work, records), gwp)


async def choose(work: Work, records: Sequence[Record]) -> list[Choice]:
	"""The factor of each record. Where its unit has none and the record names how gross and net
	calorific value relate, the other basis is asked for."""
	asked = {_key(record): record.wanted for record in records if not _reported(record)}
	found: dict[tuple[Any, ...], Choice] = dict(
		zip(asked, await factors.choose(work, list(asked.values())), strict=True)
	)
	again: dict[tuple[Any, ...], FactorWanted] = {}
	for record in records:
		choice = found.get(_key(record))
		other = _other_basis(record) if _lacks_unit(choice) else None
		if other is not None:
			again[_key(record)] = other
	if again:
		answers = await factors.choose(work, list(again.values()))
		found |= dict(zip(again, answers, strict=True))
	return [None if _reported(record) else found[_key(record)] for record in records]


def _lacks_unit(choice: Choice) -> bool:
	return isinstance(choice, NoFactor) and choice.reason == "unit_not_convertible"


def _reported(record: Record) -> bool:
	return record.kind == calculation.REPORTED


def _key(record: Record) -> tuple[Any, ...]:
	return (
		record.activity_code,
		record.region,
		record.on,
		record.unit,
		record.conversion_context,
	)


def _other_basis(record: Record) -> FactorWanted | None:
	if record.conversion_context is None:
		return None
	try:
		ways = unit_contexts.ways_from(record.unit, record.conversion_context)
	except UnitError:
		return None
	if len(ways) < 2:
		return None
	return FactorWanted(record.activity_code, record.region, record.on, ways[1])


def row_of(run_id: str, line: Line) -> dict[str, Any]:
	"""The columns of a stored line."""
	factor = line.factor
	return {
		"run_id": run_id,
		"activity_row_id": line.record.row_id,
		"record_id": line.record.id,
		"record_version": line.record.version,
		"record_hash": line.record.content_hash,
		"activity_code": line.record.activity_code,
		"quantity": line.record.quantity,
		"unit": line.record.unit,
		"normalised": line.normalised,
		"normalised_unit": line.normalised_unit,
		"conversions": [
			{
				"from": one.source,
				"to": one.target,
				"factor": str(one.factor),
				"context": one.context,
			}
			for one in line.conversions
		],
		"factor_version_id": factor.version_id if factor else None,
		"factor_sha256": factor.sha256 if factor else None,
		"approval_id": factor.approval_id if factor else None,
		"fallback_level": line.level,
		"factor_reason": line.reason,
		"masses": dict(line.masses),
		"by_gas": dict(line.by_gas),
		"co2e": line.co2e,
		"biogenic_co2": line.biogenic_co2,
		"low": line.low,
		"high": line.high,
		"per_unit": None if line.per_unit is None else format(line.per_unit, "f"),
		"gwp_set": line.gwp_set,
		"as_published": line.as_published,
		"is_estimated": line.record.estimated,
		"missing": line.missing,
		"seal": line.seal,
	}


async def kept_choices(
	work: Work, lines: Sequence[CalculationLine], records: Mapping[str, Record]
) -> list[tuple[Record, Choice]]:
	"""Records and factors exactly as stored lines name them."""
	versions = {line.factor_version_id for line in lines if line.factor_version_id}
	known = await factors.factors_of(work, versions)
	found: list[tuple[Record, Choice]] = []
	for line in lines:
		record = records[line.activity_row_id]
		factor = known.get(line.factor_version_id or "")
		choice: Choice
		if _reported(record):
			choice = None
		elif factor is not None:
			choice = Chosen(factor, line.fallback_level or 0, line.factor_reason)
		else:
			choice = NoFactor(record.wanted, line.missing or "unknown_activity")
		found.append((record, choice))
	return found
