"""Who changed what of a product, put together from the trail of its rows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.products.framing import rows_of
from apg.contracts.audit import AuditTrail, TrailEntry
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work

LONGEST = 200
# What changes beside what a person did, and what reads as nothing but an id.
UNTOLD = frozenset({"scope_id", "content_hash", "current_revision_id", "item_id", "is_deleted"})
# Rows that are removed for good; the trail alone remembers them.
GOES = frozenset({"plm_item_costs", "plm_identifiers"})
THINGS = {
	"plm_items": "product",
	"plm_revisions": "revision",
	"plm_item_costs": "cost",
	"plm_identifiers": "identifier",
}


@dataclass(frozen=True, slots=True)
class Told:
	"""One entry in the form `ui.history` shows."""

	seq: int
	at: datetime
	who: str
	what: str
	changes: tuple[tuple[str, Any, Any], ...]


async def history_of(work: Work, product_id: str, *, costs: bool) -> list[Told]:
	"""The latest changes of the product, its revisions, costs and identifiers, newest first."""
	trail = work.port(AuditTrail)
	found: list[Told] = []
	for table, row_ids in (await rows_of(work, product_id)).items():
		if not costs and table == "plm_item_costs":
			continue
		if table in GOES:
			gone = await trail.removed(work, table, "item_id", product_id, limit=LONGEST)
			row_ids = [*row_ids, *gone]
		if row_ids:
			entries = await trail.history_of(work, table, *row_ids, limit=LONGEST)
			found.extend(_told(entry) for entry in entries)
	return sorted(found, key=lambda one: -one.seq)[:LONGEST]


def _told(entry: TrailEntry) -> Told:
	thing = _(THINGS[entry.table])
	changes = tuple(
		(name.replace("_", " "), _shown(old), _shown(new))
		for name, old, new in entry.changes
		if name not in UNTOLD and not name.endswith("_id") and old != new
	)
	if entry.operation == "insert":
		what = _("created the {thing} {name}", thing=thing, name=_name(entry))
		changes = ()
	elif entry.operation == "delete":
		what = _("removed the {thing} {name}", thing=thing, name=_name(entry, before=True))
		changes = ()
	elif deleted := {name: new for name, _old, new in entry.changes}.get("is_deleted"):
		what = _("deleted the {thing}", thing=thing)
	elif deleted is False:
		what = _("restored the {thing}", thing=thing)
	else:
		what = _("changed the {thing}", thing=thing)
	return Told(entry.seq, entry.at, entry.who, what, changes)


def _name(entry: TrailEntry, *, before: bool = False) -> str:
	"""What the new row is called, or what the removed one was."""
	new = {name: old if before else value for name, old, value in entry.changes}
	match entry.table:
		case "plm_items":
			return str(new.get("number", ""))
		case "plm_revisions":
			return str(new.get("label", ""))
		case "plm_item_costs":
			break_ = Decimal(str(new.get("quantity_break") or 1))
			amount = Decimal(str(new.get("amount") or 0))
			text = f"{amount_text(amount)} {new.get('currency', '')}"
			return text if break_ == 1 else _("{cost} from {n}", cost=text, n=amount_text(break_))
		case _:
			return f"{new.get('scheme', '')} {new.get('value', '')}"


def _shown(value: Any) -> Any:
	if value is None or value == [] or value == {}:
		return None
	if isinstance(value, bool):
		return _("yes") if value else _("no")
	if isinstance(value, list):
		return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	if isinstance(value, dict):
		return ", ".join(f"{name}: {one}" for name, one in value.items())  # pyright: ignore[reportUnknownVariableType]
	return value
