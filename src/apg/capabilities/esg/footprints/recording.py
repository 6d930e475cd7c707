"""A computed footprint goes on record: its inputs as activity records, then lines, figures, seal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import any_, bindparam, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from apg.capabilities.esg.activities import service as activities
from apg.capabilities.esg.activities.models import ActivityRecord, record_of
from apg.capabilities.esg.activities.schemas import MOST_ROWS, ActivityCorrection, ActivityIn
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.footprints.computing import (
	ENGINE,
	METHOD,
	Computed,
	Counted,
	Gap,
)
from apg.capabilities.esg.footprints.models import Footprint, FootprintLine
from apg.capabilities.esg.footprints.own import DECLARED, Exactly, Input, Inputs, decimal_of
from apg.capabilities.esg.shared.activity_words import Kind, Quality, Stage
from apg.capabilities.esg.shared.calculation import Record, calculate
from apg.capabilities.esg.shared.factor import Chosen
from apg.contracts.esg import FootprintRecorded
from apg.contracts.plm import Content
from apg.kernel.database import id_type
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import N_, _
from apg.kernel.work import Work

ROWS = 2_000
GAPS_KEPT = 2_000
ASSUMED = N_("assumed for the material or the part")


async def put_on_record(work: Work, made: Computed, footprint_id: str | None = None) -> Footprint:
	"""Records the inputs that were only declared, then the footprint on exactly their versions."""
	sealed = await _on_records(work, made)
	row = Footprint(
		**columns_of(sealed),
		id=footprint_id or new_id(),
		structure=sealed.snapshot.content,
		product_ids=sorted(set(sealed.snapshot.product_ids)),
		created_at=made.began or utc_now(),
	)
	work.add(row)
	await work.flush()
	lines = list(line_rows(work, row.id, sealed))
	for start in range(0, len(lines), ROWS):
		await work.execute(insert(FootprintLine), lines[start : start + ROWS])
	work.publish(
		FootprintRecorded(
			footprint_id=row.id,
			product_id=row.product_id,
			revision_id=row.revision_id,
			seal=row.seal,
		)
	)
	return row


async def _on_records(work: Work, made: Computed) -> Computed:
	"""The same footprint with the mass and material of each revision as a version of a record."""
	declared = {
		one.content.revision_id: (one.content, one.input.line.record)
		for one in made.lines
		if one.input.source == "material" and one.input.line is not None
	}
	if not declared:
		return made
	held = await _standing(work, list(declared))
	fresh: list[ActivityIn] = []
	for revision, (content, record) in declared.items():
		known = held.get(revision)
		if known is None:
			fresh.append(_activity(content, record, made.day))
		elif not _says(known, record):
			await activities.correct(work, known.record_id, _correction(record))
	for start in range(0, len(fresh), MOST_ROWS):
		await activities.record_many(work, fresh[start : start + MOST_ROWS])
	rows = await _standing(work, list(declared))
	gwp = await factors.gwp_set(work, made.gwp_set)
	exactly = Exactly(gwp)
	now: dict[str, Input] = {}
	before = {
		one.content.revision_id: one.input for one in made.lines if one.input.source == "material"
	}
	order = list(declared)
	chosen = [_choice(before[revision]) for revision in order]
	records = [record_of(rows[revision]) for revision in order]
	for revision, line in zip(order, calculate(records, chosen, gwp), strict=True):
		now[revision] = exactly.input(line, revision, "material")
	return _with(made, now)


def _choice(one: Input) -> Chosen:
	line = one.line
	assert line is not None
	assert line.factor is not None
	return Chosen(line.factor, line.level or 0, line.reason)


def _with(made: Computed, now: Mapping[str, Input]) -> Computed:
	"""The footprint with these inputs in place of the declared ones; the figures are the same."""
	of: dict[str, Sequence[Input]] = {
		revision: [now[revision] if one.source == "material" else one for one in some]
		if revision in now
		else some
		for revision, some in made.inputs.of.items()
	}
	lines = [
		Counted(one.content, one.quantity, now[one.content.revision_id])
		if one.input.source == "material"
		else one
		for one in made.lines
	]
	inputs = Inputs(of, made.inputs.missing, made.inputs.contents, made.inputs.gwp_set)
	return replace(made, inputs=inputs, lines=lines)


async def _standing(work: Work, revision_ids: Sequence[str]) -> dict[str, ActivityRecord]:
	row = ActivityRecord
	ids = bindparam("ids", list(revision_ids), type_=ARRAY(id_type))
	found = await work.scalars(
		select(row)
		.where(
			row.revision_id == any_(ids),
			row.kind == Kind.PRODUCT,
			row.data_source == DECLARED,
			row.superseded_at.is_(None),
			row.withdrawn_at.is_(None),
		)
		.order_by(row.id)
		.execution_options(populate_existing=True)
	)
	return {one.revision_id: one for one in found}


def _says(known: ActivityRecord, record: Record) -> bool:
	"""Whether the record on file says what the revision says now."""
	return (
		known.activity_code == record.activity_code
		and known.quantity == record.quantity
		and known.unit == record.unit
		and known.region == record.region
		and (known.quality == Quality.ESTIMATED) == record.estimated
	)


def _activity(content: Content, record: Record, day: date) -> ActivityIn:
	"""The mass of a revision as a record for one unit of its product; its evidence is the revision."""
	return ActivityIn(
		kind=Kind.PRODUCT,
		product_id=content.product_id,
		revision_id=content.revision_id,
		activity_code=record.activity_code,
		quantity=record.quantity,
		unit=record.unit,
		period_start=datetime(day.year, 1, 1, tzinfo=UTC),
		period_end=datetime(day.year + 1, 1, 1, tzinfo=UTC),
		region=record.region,
		stage=Stage.MATERIALS,
		quality=Quality.ESTIMATED if record.estimated else Quality.CALCULATED,
		estimate_method=_(ASSUMED) if record.estimated else None,
		data_source=DECLARED,
		note=f"{content.number}, revision {content.revision}, field mass, {content.material}",
	)


def _correction(record: Record) -> ActivityCorrection:
	return ActivityCorrection(
		activity_code=record.activity_code,
		quantity=record.quantity,
		unit=record.unit,
		region=record.region,
		quality=Quality.ESTIMATED if record.estimated else Quality.CALCULATED,
		estimate_method=_(ASSUMED) if record.estimated else None,
		reason=_("The revision or the meaning of its material is another one now."),
	)


def columns_of(made: Computed) -> dict[str, Any]:
	"""What a footprint says, by the names of its columns."""
	root = made.root
	return {
		"product_id": root.product_id,
		"product_number": root.number,
		"product_name": root.name,
		"revision_id": root.revision_id,
		"revision": root.revision,
		"view": made.view,
		"declared_unit": root.unit,
		"day": made.day,
		"gwp_set": made.gwp_set,
		"method": METHOD,
		"engine": ENGINE,
		"snapshot_hash": made.snapshot.hash,
		"choices_hash": made.choices_hash,
		"total": made.total,
		"biogenic": made.biogenic,
		"least": made.least,
		"most": made.most,
		"choice_count": made.choice_count,
		"choices_without_figures": made.choices_without_figures,
		"low": made.bounds.low,
		"high": made.bounds.high,
		"uncertainty_share": made.bounds.share,
		"primary_share": made.primary_share,
		"coverage": made.coverage,
		"mass_coverage": made.mass_coverage,
		"is_complete": made.rolled.complete,
		"is_estimated": made.estimated,
		"has_as_published": made.as_published,
		"missing_count": made.rolled.missing_count,
		"line_count": len(made.lines),
		"stages": {
			stage: dict(sorted(gases.items())) for stage, gases in sorted(made.stages.items())
		},
		"gaps": [_gap(gap) for gap in made.gaps[:GAPS_KEPT]],
		"branches": _branches(made),
		"seal": made.seal,
	}


def _gap(gap: Gap) -> dict[str, Any]:
	return {
		"product_id": gap.product_id,
		"revision_id": gap.revision_id,
		"product_number": gap.number,
		"product_name": gap.name,
		"quantity": gap.quantity,
		"unit": gap.unit,
		"mass": gap.mass,
		"reason": gap.why.reason,
		"subject": gap.why.subject,
	}


def _branches(made: Computed) -> list[dict[str, Any]]:
	contents = made.inputs.contents
	return [
		{
			"level": one.level,
			"parent": one.parent,
			"product_id": one.product_id,
			"revision_id": one.revision_id,
			"product_number": contents[one.revision_id].number
			if one.revision_id in contents
			else "",
			"product_name": contents[one.revision_id].name if one.revision_id in contents else "",
			"quantity": one.quantity,
			"co2e": decimal_of(one.value, 12),
		}
		for one in made.branches
	]


def line_rows(work: Work, footprint_id: str, made: Computed) -> Sequence[dict[str, Any]]:
	now, tenant, person = utc_now(), work.principal.tenant_id, work.principal.user_id
	total = made.total or Decimal(0)
	rows: list[dict[str, Any]] = []
	for position, one in enumerate(made.lines, start=1):
		said = one.input
		line = said.line
		factor = line.factor if line else None
		rows.append(
			{
				"id": new_id(),
				"tenant_id": tenant,
				"created_at": now,
				"updated_at": now,
				"created_by": person,
				"updated_by": person,
				"version": 1,
				"footprint_id": footprint_id,
				"position": position,
				"product_id": one.content.product_id,
				"product_number": one.content.number,
				"product_name": one.content.name,
				"revision_id": one.content.revision_id,
				"revision": one.content.revision,
				"quantity": one.quantity,
				"unit": one.content.unit,
				"source": said.source,
				"stage": said.stage,
				"activity_code": line.record.activity_code if line else None,
				"activity_name": factor.name if factor else None,
				"activity_quantity": said.needed,
				"activity_unit": said.unit,
				"record_id": line.record.id if line else None,
				"record_version": line.record.version if line else None,
				"record_row_id": line.record.row_id if line else None,
				"factor_version_id": factor.version_id if factor else None,
				"factor_level": line.level if line else None,
				"factor_reason": line.reason if line else None,
				"supplier_footprint_id": said.statement.id if said.statement else None,
				"gwp_set": said.gwp_set,
				"by_gas": dict(said.by_gas),
				"each": said.each,
				"co2e": one.co2e,
				"biogenic": one.biogenic,
				"low": one.bound(said.low),
				"high": one.bound(said.high),
				"share": decimal_of(Fraction(one.co2e) / Fraction(total), 9) if total else None,
				"primary_share": said.primary_share,
				"is_estimated": said.estimated,
				"as_published": said.as_published,
				"seal": one.sealed,
			}
		)
	return rows
