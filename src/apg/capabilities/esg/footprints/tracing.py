"""What one unit of a line stands on, in the form that the trace of calculations shows."""

from typing import Any

from apg.capabilities.esg.activities import service as activities
from apg.capabilities.esg.calculations import service as calculations
from apg.capabilities.esg.calculations.lines import row_of
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.footprints.models import FootprintLine
from apg.capabilities.esg.shared.calculation import Line, calculate
from apg.capabilities.esg.shared.factor import Chosen, reason_text
from apg.contracts.identity import Identity
from apg.kernel.texts import _
from apg.kernel.work import Work


async def trace_of(work: Work, line: FootprintLine) -> dict[str, Any] | None:
	"""Record, factor and formula of one unit, calculated from their versions; None for a supplier's
	statement, and where one of the two is gone."""
	if not line.record_row_id or not line.factor_version_id:
		return None
	records = await activities.records_of(work, [line.record_row_id])
	known = await factors.factors_of(work, [line.factor_version_id])
	record, factor = records.get(line.record_row_id), known.get(line.factor_version_id)
	if record is None or factor is None:
		return None
	gwp = await factors.gwp_set(work, line.gwp_set)
	chosen = Chosen(factor, line.factor_level or 0, line.factor_reason or "")
	made: Line = calculate([record], [chosen], gwp)[0]
	shown = row_of("", made)
	facts = await calculations.record_facts(work, line.record_row_id)
	held = facts["record"]
	people = await work.port(Identity).people(
		work, {held[name] for name in ("created_by", "approved_by") if held[name]}
	)

	def name(user_id: str | None) -> str:
		person = people.get(user_id or "")
		return (person.display_name or person.username) if person else ""

	return {
		"line": {**shown, "as_published": line.as_published, "is_estimated": line.is_estimated},
		"formula": calculations.formula(shown, shown["per_unit"]),
		**facts,
		"factor": calculations.factor_facts(factor),
		"gwp_source": gwp.source,
		"recorded_by": name(held["created_by"]) or _("the system"),
		"approved_by": name(held["approved_by"]),
		"why_factor": reason_text(line.factor_reason or ""),
		"why_missing": "",
	}
