"""Classes, labels, manufacturer parts, suppliers, alternates; the moves of revisions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
	op.create_table(
		"plm_classes",
		sa.Column("parent_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("path", sa.Text(), nullable=False),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"name <> '' and strpos(name, '/') = 0", name=op.f("ck_plm_classes_name")
		),
		sa.CheckConstraint("parent_id <> id", name=op.f("ck_plm_classes_parent")),
		sa.ForeignKeyConstraint(
			["tenant_id", "parent_id"],
			["plm_classes.tenant_id", "plm_classes.id"],
			name=op.f("fk_plm_classes_tenant_id_parent_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_classes")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_classes_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "path", name="uq_plm_classes_path"),
	)
	op.create_index(op.f("ix_plm_classes_parent_id"), "plm_classes", ["parent_id"], unique=False)
	op.create_table(
		"plm_manufacturers",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("website", sa.Text(), nullable=True),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_manufacturers")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_manufacturers_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "name", name="uq_plm_manufacturers_name"),
	)
	op.create_table(
		"plm_suppliers",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("currency", sa.Text(), nullable=True),
		sa.Column("lead_time_days", sa.Integer(), nullable=True),
		sa.Column("website", sa.Text(), nullable=True),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_plm_suppliers_currency")),
		sa.CheckConstraint(
			"lead_time_days between 0 and 3650", name=op.f("ck_plm_suppliers_lead_time_days")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_suppliers")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_suppliers_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "name", name="uq_plm_suppliers_name"),
	)
	op.create_table(
		"plm_alternates",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("alternate_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("is_two_way", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("evidence", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("item_id <> alternate_id", name=op.f("ck_plm_alternates_not_itself")),
		sa.ForeignKeyConstraint(
			["tenant_id", "alternate_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_alternates_tenant_id_alternate_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_alternates_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_alternates")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_alternates_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "item_id", "alternate_id", name="uq_plm_alternates_pair"),
	)
	op.create_index(
		op.f("ix_plm_alternates_alternate_id"), "plm_alternates", ["alternate_id"], unique=False
	)
	op.create_index(op.f("ix_plm_alternates_item_id"), "plm_alternates", ["item_id"], unique=False)
	op.create_table(
		"plm_class_attributes",
		sa.Column("class_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), server_default="", nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("unit", sa.Text(), nullable=True),
		sa.Column(
			"choices",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("minimum", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("maximum", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("is_required", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("position", sa.Integer(), server_default="0", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(kind = 'choice') = (jsonb_array_length(choices) > 0)",
			name=op.f("ck_plm_class_attributes_choices"),
		),
		sa.CheckConstraint(
			"kind in ('text', 'number', 'integer', 'boolean', 'choice', 'date')",
			name=op.f("ck_plm_class_attributes_kind"),
		),
		sa.CheckConstraint("minimum <= maximum", name=op.f("ck_plm_class_attributes_range")),
		sa.ForeignKeyConstraint(
			["tenant_id", "class_id"],
			["plm_classes.tenant_id", "plm_classes.id"],
			name=op.f("fk_plm_class_attributes_tenant_id_class_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_class_attributes")),
		sa.UniqueConstraint("tenant_id", "class_id", "name", name="uq_plm_class_attributes_name"),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_class_attributes_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_class_attributes_class_id"), "plm_class_attributes", ["class_id"], unique=False
	)
	op.create_table(
		"plm_label_schemes",
		sa.Column("class_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("phase", sa.Text(), server_default="", nullable=False),
		sa.Column("series", sa.Text(), nullable=False),
		sa.Column("width", sa.Integer(), server_default="1", nullable=False),
		sa.Column("prefix", sa.Text(), server_default="", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"phase = '' or phase in ('concept', 'design', 'prototype', 'development', 'testing', 'production', 'active', 'mature', 'declining', 'obsolete', 'discontinued')",
			name=op.f("ck_plm_label_schemes_phase"),
		),
		sa.CheckConstraint(
			"series in ('letters', 'numbers')", name=op.f("ck_plm_label_schemes_series")
		),
		sa.CheckConstraint("length(prefix) <= 4", name=op.f("ck_plm_label_schemes_prefix")),
		sa.CheckConstraint("width between 1 and 6", name=op.f("ck_plm_label_schemes_width")),
		sa.ForeignKeyConstraint(
			["tenant_id", "class_id"],
			["plm_classes.tenant_id", "plm_classes.id"],
			name=op.f("fk_plm_label_schemes_tenant_id_class_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_label_schemes")),
		sa.UniqueConstraint(
			"tenant_id",
			"class_id",
			"phase",
			name="uq_plm_label_schemes_place",
			postgresql_nulls_not_distinct=True,
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_label_schemes_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_label_schemes_class_id"), "plm_label_schemes", ["class_id"], unique=False
	)
	op.create_table(
		"plm_manufacturer_parts",
		sa.Column("manufacturer_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("number", sa.Text(), nullable=False),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column("lifecycle", sa.Text(), server_default="unknown", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"lifecycle in ('unknown', 'active', 'not_recommended', 'last_time_buy', 'obsolete')",
			name=op.f("ck_plm_manufacturer_parts_lifecycle"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "manufacturer_id"],
			["plm_manufacturers.tenant_id", "plm_manufacturers.id"],
			name=op.f("fk_plm_manufacturer_parts_tenant_id_manufacturer_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_manufacturer_parts")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_manufacturer_parts_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "manufacturer_id", "number", name="uq_plm_manufacturer_parts_number"
		),
	)
	op.create_index(
		op.f("ix_plm_manufacturer_parts_manufacturer_id"),
		"plm_manufacturer_parts",
		["manufacturer_id"],
		unique=False,
	)
	op.create_table(
		"plm_approved_parts",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("manufacturer_part_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("status", sa.Text(), server_default="potential", nullable=False),
		sa.Column("rank", sa.Integer(), server_default="1", nullable=False),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"status in ('approved', 'potential', 'blocked')",
			name=op.f("ck_plm_approved_parts_status"),
		),
		sa.CheckConstraint("rank between 1 and 1000", name=op.f("ck_plm_approved_parts_rank")),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_approved_parts_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "manufacturer_part_id"],
			["plm_manufacturer_parts.tenant_id", "plm_manufacturer_parts.id"],
			name=op.f("fk_plm_approved_parts_tenant_id_manufacturer_part_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_approved_parts")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_approved_parts_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "item_id", "manufacturer_part_id", name="uq_plm_approved_parts_part"
		),
	)
	op.create_index(
		op.f("ix_plm_approved_parts_item_id"), "plm_approved_parts", ["item_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_approved_parts_manufacturer_part_id"),
		"plm_approved_parts",
		["manufacturer_part_id"],
		unique=False,
	)
	op.create_table(
		"plm_offers",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("supplier_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("manufacturer_part_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("sku", sa.Text(), server_default="", nullable=False),
		sa.Column("lead_time_days", sa.Integer(), nullable=True),
		sa.Column("minimum_quantity", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("order_multiple", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"lead_time_days between 0 and 3650", name=op.f("ck_plm_offers_lead_time_days")
		),
		sa.CheckConstraint("minimum_quantity > 0", name=op.f("ck_plm_offers_minimum_quantity")),
		sa.CheckConstraint("order_multiple > 0", name=op.f("ck_plm_offers_order_multiple")),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_offers_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "manufacturer_part_id"],
			["plm_manufacturer_parts.tenant_id", "plm_manufacturer_parts.id"],
			name=op.f("fk_plm_offers_tenant_id_manufacturer_part_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "supplier_id"],
			["plm_suppliers.tenant_id", "plm_suppliers.id"],
			name=op.f("fk_plm_offers_tenant_id_supplier_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_offers")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_offers_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "item_id", "supplier_id", "sku", name="uq_plm_offers_sku"),
	)
	op.create_index(op.f("ix_plm_offers_item_id"), "plm_offers", ["item_id"], unique=False)
	op.create_index(
		op.f("ix_plm_offers_manufacturer_part_id"),
		"plm_offers",
		["manufacturer_part_id"],
		unique=False,
	)
	op.create_index(op.f("ix_plm_offers_supplier_id"), "plm_offers", ["supplier_id"], unique=False)
	op.create_index(
		"uq_plm_identifiers_gtin",
		"plm_identifiers",
		["tenant_id", sa.literal_column("lpad(value, 14, '0')")],
		unique=True,
		postgresql_where=sa.text("scheme = 'gtin'"),
	)
	protect(op, "plm_classes")
	protect(op, "plm_manufacturers")
	protect(op, "plm_suppliers")
	protect(op, "plm_alternates")
	protect(op, "plm_class_attributes")
	protect(op, "plm_label_schemes")
	protect(op, "plm_manufacturer_parts")
	protect(op, "plm_approved_parts")
	protect(op, "plm_offers")
	_revision_moves()


def _revision_moves() -> None:
	"""The guard of revisions anew: every move of the states, and a label that its release may give."""
	op.execute("""
	create or replace function plm_revision_guard() returns trigger language plpgsql as $$
	begin
		if tg_op = 'INSERT' then
			if new.state <> 'working' then
				raise exception 'a new revision is working, not %', new.state
					using errcode = 'P0001', constraint = 'plm_revisions_begin_working';
			end if;
			return new;
		end if;
		if tg_op = 'DELETE' then
			if old.state in ('in_review', 'released', 'superseded', 'obsolete') then
				raise exception 'revision % is % and cannot be deleted', old.label, old.state
					using errcode = 'P0001', constraint = 'plm_released_is_immutable';
			end if;
			return old;
		end if;
		if old.state <> 'working' and (old.name, old.description, old.attributes, old.mass,
			old.mass_unit, old.material, old.item_id, old.ordinal)
			is distinct from (new.name, new.description, new.attributes, new.mass,
			new.mass_unit, new.material, new.item_id, new.ordinal) then
			raise exception 'revision % is %; its content cannot change', old.label, old.state
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		if old.label is distinct from new.label and old.state <> 'working'
			and not (old.state = 'in_review' and new.state = 'released') then
			raise exception 'revision % is %; its label cannot change', old.label, old.state
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		if old.state in ('released', 'superseded', 'obsolete') and
			(old.content_hash, old.released_at, old.released_by, old.supersedes_id, old.change_id)
			is distinct from
			(new.content_hash, new.released_at, new.released_by, new.supersedes_id, new.change_id)
			then
			raise exception 'revision % is %; a release is not taken back', old.label, old.state
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		if old.state <> new.state and (old.state, new.state) not in (
			('working', 'in_review'), ('working', 'released'), ('working', 'cancelled'),
			('in_review', 'working'), ('in_review', 'released'),
			('released', 'superseded'), ('released', 'obsolete'), ('superseded', 'obsolete')) then
			raise exception 'revision % cannot go from % to %', old.label, old.state, new.state
				using errcode = 'P0001', constraint = 'plm_revision_moves';
		end if;
		if new.state = 'released' and (new.content_hash is null or new.released_at is null) then
			raise exception 'a release needs the hash of its content and its time'
				using errcode = 'P0001', constraint = 'plm_release_is_complete';
		end if;
		return new;
	end $$
	""")
