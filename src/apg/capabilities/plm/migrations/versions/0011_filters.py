"""Filters of lists that read a company's every row: by index, costs and attributes from what may fit."""

from alembic import op

from apg.kernel.search import searchable

revision = "0011"
down_revision = "0010"

# What few rows are is worth a partial index, which costs the others nothing.
INDEXES = (
	"ix_plm_items_inactive on plm_items (tenant_id, created_at, id) "
	"where not is_active and not is_deleted",
	"ix_plm_items_deleted on plm_items (tenant_id, created_at, id) where is_deleted",
	"ix_plm_item_costs_amount on plm_item_costs (tenant_id, amount)",
	"ix_plm_changes_type on plm_changes (tenant_id, change_type, created_at)",
	"ix_plm_changes_priority on plm_changes (tenant_id, priority, created_at)",
	"ix_plm_changes_author on plm_changes (tenant_id, created_by, created_at)",
)
TEXT = "(r.name || ' ' || coalesce(r.description, ''))"
# Items of which any cost lies within the bound, and of those the cost that counts.
COST = (
	"select k.id from (select distinct item_id as id from plm_item_costs where tenant_id = {{tenant}} "
	"and amount {sign} {{value}}::numeric and valid_from <= current_date) k cross join lateral ("
	"select c.amount from plm_item_costs c where c.tenant_id = {{tenant}} and c.item_id = k.id "
	"and c.valid_from <= current_date order by "
	"case c.kind when 'manual' then 0 when 'internal' then 1 else 2 end, c.valid_from desc, "
	"c.quantity_break, c.id limit 1) now where now.amount {sign} {{value}}::numeric"
)
# By the first pair through the index, as a text or as what the text is in JSON; then all pairs.
FIRST = "(select jsonb_build_object(a.key, %s) from jsonb_each({json}) a limit 1)"
TYPED = (
	"case when pg_input_is_valid(a.value #>> '{{}}', 'jsonb') "
	"then (a.value #>> '{{}}')::jsonb else a.value end"
)
ATTRIBUTES = (
	"select i.id from plm_revisions r join plm_items i on i.current_revision_id = r.id "
	"where r.tenant_id = {tenant} "
	"and (r.attributes @> " + FIRST % "a.value" + " or r.attributes @> " + FIRST % TYPED + ") "
	"and (select bool_and(r.attributes @> jsonb_build_object(a.key, a.value) "
	"or r.attributes ->> a.key = a.value #>> '{{}}') from jsonb_each({json}) a)"
)


def upgrade() -> None:
	for index in INDEXES:
		op.execute(f"create index {index}")
	op.execute("set local role apg_search")  # whose function it is; `searchable` goes back
	searchable(
		op,
		"plm_items",
		{
			"q": (
				"select id from plm_items where tenant_id = {tenant} and number ilike {like} "
				"union select r.item_id from plm_revisions r join plm_items i "
				"on i.id = r.item_id and i.current_revision_id = r.id "
				f"where r.tenant_id = {{tenant}} and {TEXT} ilike {{like}} "
				"union select item_id from plm_identifiers "
				"where tenant_id = {tenant} and value ilike {like} "
				"union select id from plm_items where tenant_id = {tenant} "
				"and tags @> jsonb_build_array({value})"
			),
			"tags": "select id from plm_items where tenant_id = {tenant} and tags @> {json}",
			"attributes": ATTRIBUTES,
			"cost_min": COST.format(sign=">="),
			"cost_max": COST.format(sign="<="),
		},
	)
