"""What a file would add to a layer of factors, and the statements that write it.

The same statements serve the web and worker (a company's own layer, asyncpg) and the operator's
command (published packs, psycopg): rows go in as JSON, many in one statement.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import TextClause, text

from apg.capabilities.esg.factor_files.reading_files import Checked
from apg.capabilities.esg.shared.factor_draft import Draft
from apg.capabilities.esg.shared.factor_words import told_of
from apg.kernel.database import dump_json
from apg.kernel.stamps import new_id

CHUNK = 2_000
SOURCE = (
	"id uuid, series text, title text, publisher text, edition text, licence text, redistributable "
	"boolean, url text, kind text, file_name text, file_sha256 text, gas_basis text, native_gwp_set "
	"text, counts jsonb"
)
FACTOR = (
	"id uuid, series text, activity_code text, name text, labels jsonb, region text, stage text, "
	"scope text, unit text"
)
VERSION = (
	"id uuid, factor_id uuid, source_id uuid, state text, valid_from date, valid_to date, "
	"published_on date, gases jsonb, co2e numeric, native_gwp_set text, biogenic_co2 numeric, low "
	"numeric, high numeric, spend_currency text, price_year smallint, printed jsonb, findings jsonb, "
	"locator text, supersedes_id uuid, sha256 text"
)


@dataclass(frozen=True, slots=True)
class Layer:
	"""The tables of a layer; `owned` rows carry tenant and stamps."""

	sources: str
	factors: str
	versions: str
	owned: bool


PACKS = Layer("esg_factor_packs", "esg_pack_factors", "esg_pack_versions", False)
OWN = Layer("esg_factor_sources", "esg_factors", "esg_factor_versions", True)


@dataclass(slots=True)
class Known:
	"""What a layer holds of a series: factors by identity, and of each (identity, first day) the
	versions by content, the newest one with its total last."""

	factors: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])
	versions: dict[tuple[str, ...], dict[str, str]] = field(
		default_factory=dict[tuple[str, ...], dict[str, str]]
	)
	newest: dict[tuple[str, ...], tuple[str, Decimal | None, str]] = field(
		default_factory=dict[tuple[str, ...], tuple[str, Decimal | None, str]]
	)


@dataclass(slots=True)
class Differences:
	"""A file against a layer: what is new, what another content, what the file no longer has."""

	added: list[Draft]
	changed: list[tuple[Draft, str, Decimal | None]]
	unchanged: int
	removed: list[tuple[tuple[str, ...], str]]

	@property
	def counts(self) -> dict[str, int]:
		return {
			"added": len(self.added),
			"changed": len(self.changed),
			"unchanged": self.unchanged,
			"removed": len(self.removed),
		}


def known_sql(layer: Layer) -> TextClause:
	"""All versions of a series (`:series`), the oldest first."""
	return text(
		"select f.id::text as factor_id, f.activity_code, f.region, f.stage, f.unit, f.name, "  # noqa: S608
		"v.id::text as version_id, v.valid_from::text, v.sha256, v.co2e "
		f"from {layer.factors} f join {layer.versions} v on v.factor_id = f.id "
		"where f.series = :series order by v.created_at, v.id"
	)


def known_of(rows: Sequence[Any]) -> Known:
	known = Known()
	for row in rows:
		identity = (row.activity_code, row.region, row.stage, row.unit)
		key = (*identity, row.valid_from)
		known.factors[identity] = row.factor_id
		known.versions.setdefault(key, {})[row.sha256] = row.version_id
		known.newest[key] = (row.version_id, row.co2e, row.name)
	return known


def differences(drafts: Sequence[Draft], known: Known) -> Differences:
	"""Compares by content; a file is never compared with editions of other years."""
	found = Differences([], [], 0, [])
	seen: set[tuple[str, ...]] = set()
	for draft in drafts:
		key = draft.key
		seen.add(key)
		held = known.versions.get(key)
		if held is None:
			found.added.append(draft)
		elif draft.sha256() in held:
			found.unchanged += 1
		else:
			version_id, co2e, _name = known.newest[key]
			found.changed.append((draft, version_id, co2e))
	starts = {draft.valid_from.isoformat() for draft in drafts}
	found.removed = [
		(key, name)
		for key, (_id, _co2e, name) in known.newest.items()
		if key not in seen and key[-1] in starts
	]
	return found


@dataclass(slots=True)
class Writing:
	"""The rows of one source, ready to go into a layer."""

	source_id: str
	source: list[dict[str, Any]]
	factors: list[dict[str, Any]]
	versions: list[dict[str, Any]]


def writing_of(
	checked: Checked, found: Differences, known: Known, file_name: str, sha256: str
) -> Writing:
	"""Ids for everything that is new; what is unchanged stays with the source it came from."""
	file, source_id = checked.file, new_id()
	fresh: list[tuple[Draft, str | None]] = [(draft, None) for draft in found.added]
	fresh += [(draft, version_id) for draft, version_id, _co2e in found.changed]
	made = Writing(source_id, [], [], [])
	factors = dict(known.factors)
	for draft, supersedes in fresh:
		factor_id = factors.get(draft.identity)
		if factor_id is None:
			factor_id = factors[draft.identity] = new_id()
			made.factors.append(_factor_row(factor_id, file.series, draft))
		made.versions.append(version_row(draft, factor_id, source_id, supersedes))
	quarantined = sum(draft.quarantined for draft, _old in fresh)
	made.source.append(
		{
			"id": source_id,
			"series": file.series,
			"title": file.title,
			"publisher": file.publisher,
			"edition": file.edition,
			"licence": file.licence,
			"redistributable": file.redistributable,
			"url": file.url,
			"kind": file.kind,
			"file_name": file_name,
			"file_sha256": sha256,
			"gas_basis": checked.basis,
			"native_gwp_set": checked.reading.gwp_set,
			"counts": {
				**checked.counts(),
				"factors": len(fresh) - quarantined,
				"quarantined": quarantined,
			},
		}
	)
	return made


def _factor_row(factor_id: str, series: str, draft: Draft) -> dict[str, Any]:
	return {
		"id": factor_id,
		"series": series,
		"activity_code": draft.activity_code,
		"name": draft.name,
		"labels": draft.labels,
		"region": draft.region,
		"stage": draft.stage,
		"scope": draft.scope,
		"unit": draft.unit,
	}


def version_row(
	draft: Draft, factor_id: str, source_id: str, supersedes: str | None
) -> dict[str, Any]:
	return {
		"id": new_id(),
		"factor_id": factor_id,
		"source_id": source_id,
		"state": "quarantined" if draft.quarantined else "linted",
		"valid_from": draft.valid_from,
		"valid_to": draft.valid_to,
		"published_on": draft.published_on,
		"gases": dict(sorted(draft.gases.items())),
		"co2e": draft.total,
		"native_gwp_set": draft.native_gwp_set,
		"biogenic_co2": draft.biogenic_co2,
		"low": draft.low,
		"high": draft.high,
		"spend_currency": draft.spend_currency,
		"price_year": draft.price_year,
		"printed": {k: v for k, v in draft.printed.items() if k != "species"},
		"findings": [told_of(one) for one in draft.findings],
		"locator": draft.where,
		"supersedes_id": supersedes,
		"sha256": draft.sha256(),
	}


def statements(
	layer: Layer, made: Writing, tenant_id: str = "", user_id: str | None = None
) -> Iterator[tuple[TextClause, Mapping[str, Any]]]:
	"""The inserts in their order, each with its parameters."""
	stamps = {"tenant": tenant_id, "user": user_id} if layer.owned else {}
	when = "retrieved_at" if layer.owned else "retrieved_at, loaded_at"
	times = ["now()"] * len(when.split(", "))
	parts = (
		(layer.sources, SOURCE, made.source, when, times),
		(layer.factors, FACTOR, made.factors, "", []),
		(
			layer.versions,
			VERSION,
			made.versions,
			"" if layer.owned else "created_at",
			[] if layer.owned else ["now()"],
		),
	)
	for table, columns, rows, extra, values in parts:
		statement = _insert(layer, table, columns, extra, values)
		for start in range(0, len(rows), CHUNK):
			chunk = dump_json(rows[start : start + CHUNK])
			yield statement, {"rows": chunk, **stamps}


def _insert(
	layer: Layer, table: str, columns: str, extra: str, values: Sequence[str]
) -> TextClause:
	names = [column.split()[0] for column in columns.split(", ")]
	taken = [f"r.{name}" for name in names]
	if extra:
		names += extra.split(", ")
		taken += values
	if layer.owned:
		names += ["tenant_id", "version", "created_at", "updated_at", "created_by", "updated_by"]
		user = "cast(:user as uuid)"
		taken += ["cast(:tenant as uuid)", "1", "now()", "now()", user, user]
	return text(
		f"insert into {table} ({', '.join(names)}) select {', '.join(taken)} "  # noqa: S608
		f"from jsonb_to_recordset(cast(:rows as jsonb)) as r ({columns})"
	)
