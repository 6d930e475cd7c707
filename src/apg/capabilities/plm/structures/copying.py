"""Lines of revisions copied into others inside the database: none of them travels."""

from collections.abc import Iterator, Mapping

from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.kernel.database import Versioned
from apg.kernel.stamps import utc_now
from apg.kernel.tenancy import TenantOwned
from apg.kernel.work import Work

CHUNK = 5_000  # lines of one statement, which has ten seconds; the trail writes a row for each
STAMPS = frozenset(TenantOwned.__annotations__) | frozenset(Versioned.__annotations__) | {"id"}
_MADE = "id, tenant_id, version, created_at, updated_at, created_by, updated_by"
# A uuid of version 7 (RFC 9562): 48 bits of milliseconds before the random ones of a version 4.
_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send(
	(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1),
	'hex')::uuid"""
_STAMPED = f"{_ID}, $3::uuid, 1, $4::timestamptz, $4::timestamptz, $5::uuid, $5::uuid"
_COPIED = "unnest($1::uuid[], $2::uuid[]) as copied(source, target)"


def _kept(entity: type[Line] | type[LineSubstitute], *but: str) -> list[str]:
	"""What a copy takes over; computed columns are the database's."""
	columns = entity.__table__.columns
	return [c.key for c in columns if c.computed is None and c.key not in STAMPS | {*but}]


_LINES = f"""
	insert into plm_lines ({_MADE}, parent_revision_id, {", ".join(_kept(Line, "parent_revision_id"))})
	select {_STAMPED}, copied.target, {", ".join(f"l.{n}" for n in _kept(Line, "parent_revision_id"))}
	from {_COPIED} join plm_lines l on l.parent_revision_id = copied.source
	order by copied.target, l.find_number
"""  # noqa: S608 - names of our own columns
_SUBSTITUTES = f"""
	insert into plm_line_substitutes ({_MADE}, line_id, {", ".join(_kept(LineSubstitute, "line_id"))})
	select {_STAMPED}, n.id, {", ".join(f"s.{name}" for name in _kept(LineSubstitute, "line_id"))}
	from {_COPIED} join plm_lines l on l.parent_revision_id = copied.source
	join plm_line_substitutes s on s.line_id = l.id
	join plm_lines n on n.parent_revision_id = copied.target and n.line_uid = l.line_uid
"""  # noqa: S608 - names of our own columns
_COUNTS = """
	select parent_revision_id::text, count(*) from plm_lines
	where parent_revision_id = any($1::uuid[]) group by 1
"""


async def copy_lines(work: Work, copied: Mapping[str, str]) -> int:
	"""Copies lines and substitutes from revisions into others (source → target), `line_uid` kept;
	answers how many lines. Two statements for each five thousand lines."""
	counts = {row[0]: int(row[1]) for row in await fetched(work, _COUNTS, list(copied))}
	connection = await work.connection()
	for sources in _chunks(counts):
		given = (
			sources,
			[copied[source] for source in sources],
			work.principal.tenant_id,
			utc_now(),
			work.principal.user_id,
		)
		await connection.exec_driver_sql(_LINES, given)
		await connection.exec_driver_sql(_SUBSTITUTES, given)
	return sum(counts.values())


def _chunks(counts: Mapping[str, int]) -> Iterator[list[str]]:
	"""Revisions whose lines together are no more than a statement takes; a larger one stands alone."""
	present: list[str] = []
	held = 0
	for revision, count in counts.items():
		if present and held + count > CHUNK:
			yield present
			present, held = [], 0
		present.append(revision)
		held += count
	if present:
		yield present
