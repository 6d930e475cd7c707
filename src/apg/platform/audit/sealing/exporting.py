"""The filtered trail as a file that can be checked alone: entries, and the proofs of all of them."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import select

from apg.kernel import security_events
from apg.kernel.audit import AuditEntry
from apg.kernel.errors import Invalid
from apg.kernel.merkle import canonical, moment
from apg.kernel.sealing import audit_keys
from apg.kernel.stamps import utc_now
from apg.kernel.tabular import write_csv
from apg.kernel.texts import _
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.audit.sealing import proofs
from apg.platform.audit.sealing.proofs import Row, Sealed
from apg.platform.audit.trail import service as trail
from apg.platform.audit.trail.schemas import FILTERS

MOST = 50_000
MEDIA = {
	"zip": "application/zip",
	"csv": "text/csv; charset=utf-8",
	"jsonl": "application/x-ndjson",
}
# English on purpose: a file of evidence reads the same for everybody.
HEADINGS = (
	"seq", "occurred_at", "user_id", "action", "operation", "table_name", "row_id", "before", "after",
	"origin", "request_id", "tenant_id", "epoch", "xid",
)  # fmt: skip


async def export(work: Work, state: ListState) -> tuple[str, str, bytes]:
	"""(name, media type, content) of exactly the entries that the filters leave, in log order.

	Raises Invalid when there are more than a file holds.
	"""
	form = str(state["format"] or "zip")
	# Before anything is read: this takes a connection of its own.
	await security_events.record(
		work.runtime,
		"export",
		route="GET /api/v1/audit/export",
		address=work.origin.address,
		agent=work.origin.agent,
		principal=work.principal,
	)
	query = trail.narrowed(select(AuditEntry.seq), state).limit(MOST + 1)
	seqs = await work.scalars(query)
	if len(seqs) > MOST:
		raise Invalid.one(
			"from", _("More than {n} entries. Narrow the days, or filter.", n=f"{MOST:,}")
		)
	rows = await proofs.entry_rows(work, seqs)
	name = f"audit-{utc_now():%Y-%m-%d}.{form}"
	if form == "csv":
		return name, MEDIA[form], _csv(rows, raw=bool(state["raw"]))
	if form == "jsonl":
		return name, MEDIA[form], _lines(rows)
	manifest = await _manifest(work, state, rows)
	book = io.BytesIO()
	with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as bundle:
		bundle.writestr("entries.jsonl", _lines(rows))
		bundle.writestr("entries.csv", _csv(rows, raw=False))
		bundle.writestr("manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
	return name, MEDIA[form], book.getvalue()


def _csv(rows: Sequence[Row], *, raw: bool) -> bytes:
	cells = ([row[name] for name in HEADINGS] for row in rows)
	return "".join(write_csv(cells, HEADINGS, raw=raw)).encode()


def _lines(rows: Sequence[Row]) -> bytes:
	"""Each line is the RFC 8785 form of an entry: after 0x00, the very bytes that are hashed."""
	return b"".join(canonical(proofs.texts_of(row)) + b"\n" for row in rows)


async def _manifest(work: Work, state: ListState, rows: Sequence[Row]) -> dict[str, Any]:
	places = {row["place"]: row["seq"] for row in rows if row["place"] is not None}
	sealed = await proofs.sealed_by(work, places)
	keys = await audit_keys(await work.connection(), work.runtime)
	heads: dict[int, tuple[Sealed, list[int]]] = {}
	for place, one in sealed.items():
		heads.setdefault(one.head.number, (one, []))[1].append(place)
	kids = sorted({one.head.kid for one, _places in heads.values()})
	return {
		"format": "apg audit export 1",
		"rule": proofs.RULE
		+ "; nodes: hash over the leaves from the first number to before the second",
		"company": work.principal.tenant_slug,
		"exported_at": moment(utc_now()),
		"filters": {
			each.name: ", ".join(state.values(each.name)) if each.many else str(state[each.name])
			for each in FILTERS
			if state[each.name] is not None
		},
		"entries": len(rows),
		"unsealed": [row["seq"] for row in rows if row["place"] not in sealed],
		"keys": [proofs.public_key(keys, kid) for kid in kids],
		"heads": [
			{
				"head": one.row(),
				"entries": {places[place]: place for place in inside},
				"nodes": {
					f"{low}-{high}": node.hex()
					for (low, high), node in one.tree.around(inside).items()
				},
			}
			for one, inside in heads.values()
		],
	}  # fmt: skip
