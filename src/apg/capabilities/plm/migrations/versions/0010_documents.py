"""Documents of revisions, and the kinds that classes ask for at release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0010"
down_revision = "0009"

KINDS = (
	"kind in ('drawing', 'model', 'specification', 'datasheet', 'work_instruction', 'test_report', "
	"'certificate', 'manual', 'other')"
)


def _stamps() -> list[sa.Column[object]]:
	return [
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
	]


def _foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
	return sa.ForeignKeyConstraint(
		["tenant_id", column],
		[f"{target}.tenant_id", f"{target}.id"],
		name=f"fk_{table}_tenant_id_{column}",
		ondelete="RESTRICT",
	)


def upgrade() -> None:
	op.create_table(
		"plm_documents",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("label", sa.Text(), server_default="", nullable=False),
		sa.Column("sha256", sa.Text(), nullable=False),
		sa.Column("size", sa.BigInteger(), nullable=False),
		sa.Column("file_kind", sa.Text(), nullable=False),
		sa.Column("file_name", sa.Text(), nullable=False),
		*_stamps(),
		sa.CheckConstraint(KINDS, name=op.f("ck_plm_documents_kind")),
		sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_plm_documents_sha256")),
		_foreign("plm_documents", "item_id", "plm_items"),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_documents")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_documents_tenant_id_id")),
	)
	op.create_index("ix_plm_documents_item", "plm_documents", ["tenant_id", "item_id"])
	op.create_index(op.f("ix_plm_documents_item_id"), "plm_documents", ["item_id"])
	links = "plm_revision_documents"
	op.create_table(
		links,
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("document_id", sa.Uuid(as_uuid=False), nullable=False),
		*_stamps(),
		_foreign(links, "document_id", "plm_documents"),
		_foreign(links, "revision_id", "plm_revisions"),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_revision_documents")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_revision_documents_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "revision_id", "document_id", name="uq_plm_revision_documents_once"
		),
	)
	op.create_index(op.f("ix_plm_revision_documents_document_id"), links, ["document_id"])
	op.create_index(op.f("ix_plm_revision_documents_revision_id"), links, ["revision_id"])
	op.add_column(
		"plm_classes",
		sa.Column(
			"documents",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
	)
	# What a released revision was released with stays with it, whatever a service forgets.
	op.execute("""
	create function plm_document_guard() returns trigger language plpgsql as $$
	declare
		stands text;
	begin
		select state into stands from plm_revisions
			where id = coalesce(new.revision_id, old.revision_id) for share;
		if stands is distinct from 'working' then
			raise exception 'the documents of a % revision cannot change', coalesce(stands, 'missing')
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		return coalesce(new, old);
	end $$
	""")
	op.execute(
		"create trigger guard before insert or update or delete on plm_revision_documents "
		"for each row execute function plm_document_guard()"
	)
	protect(op, "plm_documents", app="select, insert, delete")
	protect(op, links, app="select, insert, delete")
