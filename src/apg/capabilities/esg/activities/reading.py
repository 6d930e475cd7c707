"""The selects behind every answer about activity records."""

from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, cast, func, select

from apg.capabilities.esg.activities.models import RECORD_COLUMNS, ActivityRecord, SourceDocument
from apg.kernel.database import AnySelect
from apg.kernel.search import found_by

A = ActivityRecord
SORTABLE: dict[str, Any] = {
	"updated_at": A.updated_at,
	"period_start": A.period_start,
	"activity_code": A.activity_code,
	"quantity": A.quantity,
	"state": A.state,
}
_SAME_NAME = (
	"kind",
	"site_id",
	"product_id",
	"revision_id",
	"activity_code",
	"quantity",
	"unit",
	"conversion_context",
	"period_start",
	"period_end",
	"region",
	"stage",
	"quality",
	"estimate_method",
	"is_primary",
	"meter",
	"data_source",
	"document_id",
	"locator",
	"note",
	"distinct_because",
	"state",
	"reason",
	"content_hash",
	"batch_id",
	"submitted_at",
	"submitted_by",
	"validated_at",
	"validated_by",
	"approved_at",
	"approved_by",
	"locked_at",
	"locked_by",
	"return_reason",
	"superseded_at",
	"withdrawn_at",
	"withdrawn_by",
	"withdrawal_reason",
	"created_at",
	"updated_at",
	"created_by",
	"updated_by",
)


def status_of() -> Any:
	return case(
		(A.withdrawn_at.is_not(None), "withdrawn"),
		(A.superseded_at.is_not(None), "superseded"),
		else_="standing",
	)


def select_activities() -> AnySelect:
	"""Versions of records as the wire shows them."""
	return select(
		A.record_id.label("id"),
		A.revision.label("version"),
		status_of().label("status"),
		*(getattr(A, name).label(name) for name in _SAME_NAME),
		func.concat(cast(A.revision, Text), ".", cast(A.version, Text)).label("etag"),
	)


def newest(statement: AnySelect) -> AnySelect:
	"""One row for each record: the version that stands, or that stood when it was withdrawn."""
	return statement.where(A.superseded_at.is_(None))


def standing(statement: AnySelect) -> AnySelect:
	return statement.where(A.superseded_at.is_(None), A.withdrawn_at.is_(None))


def stood_at(statement: AnySelect, moment: datetime) -> AnySelect:
	"""Versions that stood at a moment."""
	return statement.where(
		A.created_at <= moment,
		(A.superseded_at.is_(None)) | (A.superseded_at > moment),
		(A.withdrawn_at.is_(None)) | (A.withdrawn_at > moment),
	)


def narrowed(statement: AnySelect, wanted: dict[str, Any]) -> AnySelect:
	"""Records that fit: equal columns by name, `from` and `to` by overlap of the period, `search`."""
	for name in ("kind", "site_id", "product_id", "revision_id", "activity_code", "batch_id"):
		if wanted.get(name) is not None:
			statement = statement.where(getattr(A, name) == wanted[name])
	for name in ("state", "quality", "meter", "document_id"):
		if wanted.get(name) is not None:
			statement = statement.where(getattr(A, name) == wanted[name])
	if wanted.get("from") is not None:
		statement = statement.where(A.period_end > wanted["from"])
	if wanted.get("to") is not None:
		statement = statement.where(A.period_start < wanted["to"])
	search = (wanted.get("search") or "").strip()
	if search:
		statement = statement.where(A.id.in_(found_by("esg_activity_records", {"q": search})))
	return statement


def select_records() -> AnySelect:
	"""What a calculation needs."""
	return select(*RECORD_COLUMNS)


def select_documents() -> AnySelect:
	"""Source documents as the wire shows them."""
	D = SourceDocument
	return select(
		D.id.label("id"),
		D.file_name.label("file_name"),
		D.sha256.label("sha256"),
		D.kind.label("kind"),
		D.size.label("size"),
		D.origin.label("origin"),
		D.received_at.label("received_at"),
		D.created_at.label("created_at"),
		D.created_by.label("created_by"),
		D.version.label("etag"),
	)
