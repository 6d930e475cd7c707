"""Every filter and search of the lists, over 100,000 rows of a tenant: plans and times.

The rows are written past the services. Each list is asked through the API by one caller: first for
times, then with `auto_explain` on, whose plans of the very statements of the request (those inside of
functions too) tell how many rows any node has read. More than half of the tenant's is as good as all
of them: an exact count ends at 10,000, a search at 20,000.
"""

import json
import re
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from benchmarks.report import Report
from benchmarks.serving import Place, installation, web
from benchmarks.structures import renewed

ROWS = 100_000
MOST_READ = ROWS // 2
MOST_MS = 100.0
ONE = "01000000-0000-7000-8000-000000000007"
SITE = "05000000-0000-7000-8000-000000000001"
SOURCE = "06000000-0000-7000-8000-000000000001"

# Expressions of the running number n; what is not named and may not be empty gets a value of its type.
TABLES: dict[str, dict[str, str]] = {
	"plm_items": {
		"number": "'B-' || lpad(n::text, 6, '0')",
		"product_type": "(array['manufactured','purchased','purchased','raw_material'])[n % 4 + 1]",
		"unit_of_measure": "'each'",
		"lifecycle_phase": "case when n % 500 = 0 then 'prototype' else 'production' end",
		"tags": "case when n % 500 = 0 then '[\"rare\"]'::jsonb else '[\"bench\"]'::jsonb end",
		"current_revision_id": "{uuid2}",
		"is_active": "n % 500 <> 0",
	},
	"plm_revisions": {
		"id": "{uuid2}",
		"item_id": "{uuid1}",
		"ordinal": "1",
		"label": "'A'",
		"state": "'working'",
		"name": "'Part number ' || n || ' of the bench'",
		"attributes": "jsonb_build_object('colour', case when n % 500 = 0 then 'red' else 'grey' end)",
	},
	"plm_item_costs": {
		"item_id": "{uuid1}",
		"kind": "'manual'",
		"valid_from": "date '2026-01-01'",
		"amount": "n % 1000 + 0.5",
		"currency": "'EUR'",
	},
	"plm_changes": {
		"kind": "(array['change_order','change_request','change_order','deviation'])[n % 4 + 1]",
		"number": "'CO-' || lpad(n::text, 6, '0')",
		"title": "'Change number ' || n || ' of the bench'",
		"change_type": "case when n % 500 = 0 then 'safety' else 'design' end",
		"priority": "case when n % 500 = 0 then 'critical' else 'medium' end",
		"urgency": "'normal'",
		"track": "'full'",
		"status": "case when n % 500 = 0 then 'draft' else 'closed' end",
		"implemented_at": "now()",
		"package_hash": "repeat('a', 64)",
		"due_at": "case when n % 500 = 0 then now() - interval '1 day' end",
	},
	"esg_metrics": {
		"name": "'Metric number ' || n || ' of the bench'",
		"code": "'M-' || lpad(n::text, 6, '0')",
		"metric_type": "case when n % 500 = 0 then 'governance' else 'environmental' end",
		"category": "case when n % 500 = 0 then 'water' else 'energy' end",
		"unit": "'kWh'",
		"measurement_period": "'month'",
		"aggregation": "'sum'",
		"polarity": "'neutral'",
		"source": "'manual'",
		"is_kpi": "n % 500 = 0",
		"is_active": "n % 500 <> 0",
	},
	"esg_sites": {
		"id": "('05000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
		"code": "'S-' || lpad(n::text, 6, '0')",
		"name": "'Site number ' || n || ' of the bench'",
		"country": "case when n % 500 = 0 then 'SE' else 'DE' end",
		"is_active": "n % 500 <> 0",
	},
	"esg_activity_records": {
		"record_id": "{uuid1}",
		"kind": "'site'",
		"site_id": "('05000000-0000-7000-8000-' || lpad(to_hex(n % 500 + 1), 12, '0'))::uuid",
		"activity_code": "'energy.kind_' || n % 500",
		"quantity": "n",
		"unit": "'kWh'",
		"period_start": "timestamptz '2026-01-01' - n * interval '1 hour'",
		"period_end": "timestamptz '2026-01-01' - (n - 1) * interval '1 hour'",
		"region": "'GB'",
		"quality": "case when n % 500 = 0 then 'estimated' else 'measured' end",
		"estimate_method": "case when n % 500 = 0 then 'by floor area' end",
		"content_hash": "md5(n::text) || md5(n::text)",
		"duplicate_key": "md5(n::text)",
		"state": "case when n % 500 = 0 then 'draft' else 'approved' end",
		"meter": "'MTR-' || n % 500",
	},
	"esg_factors": {
		"series": "'bench'",
		"activity_code": "'energy.kind_' || n % 500",
		"name": "'Factor number ' || n || ' of the bench'",
		"region": "'R' || n",
		"stage": "''",
		"unit": "case when n % 500 = 0 then 'MWh' else 'kWh' end",
	},
	"esg_factor_versions": {
		"id": "{uuid2}",
		"factor_id": "{uuid1}",
		"source_id": f"'{SOURCE}'::uuid",
		"state": "case when n % 500 = 0 then 'quarantined' else 'linted' end",
		"valid_from": "date '2025-01-01'",
		"native_gwp_set": "'AR5'",
		"co2e": "1",
		"sha256": "md5(n::text) || md5(n::text)",
	},
	"esg_materials": {
		"name": "'Material number ' || n || ' of the bench'",
		"activity_code": "'material.kind_' || n % 500",
		"region": "'GLOBAL'",
	},
	"esg_material_names": {
		"id": "{uuid2}",
		"material_id": "{uuid1}",
		"name": "'Material number ' || n || ' of the bench'",
		"key": "'material number ' || n || ' of the bench'",
	},
	"audit_entries": {
		"table_name": "case when n % 500 = 0 then 'esg_sites' else 'plm_items' end",
		"operation": "case when n % 500 = 0 then 'delete' else 'update' end",
		"action": "case when n % 500 = 0 then 'site.delete' else 'product.update' end",
		"row_id": "{uuid1}",
		"occurred_at": "now() - (100000 - n) * interval '1 minute'",
	},
	"security_events": {
		"tenant_id": "{tenant}",
		"kind": "case when n % 500 = 0 then 'token_reuse' else 'denied' end",
		"risk": "case when n % 500 = 0 then 'critical' else 'low' end",
		"subject": "'user-' || n % 500",
		"route": "'GET /'",
		"minute": "now() - n * interval '1 minute'",
		"last_at": "now() - n * interval '1 minute'",
	},
	"notifications": {
		"recipient_id": "{user}",
		"subject": "'Subject ' || n",
		"key": "'key-' || n",
		"kind": "case when n % 500 = 0 then 'change_due' else 'change_asked' end",
		"priority": "case when n % 500 = 0 then 'urgent' else 'normal' end",
		"read_at": "case when n % 500 = 0 then null else now() end",
	},
}  # fmt: skip
BY_TYPE = {
	"text": "'x'",
	"timestamp with time zone": "now() - n * interval '1 second'",
	"date": "date '2026-01-01'",
	"numeric": "1",
	"integer": "1",
	"smallint": "1",
	"bigint": "n",
	"boolean": "false",
	"bytea": "''::bytea",
	"jsonb": "'{{}}'::jsonb",
	"ARRAY": "'{{}}'",
	"uuid": "{uuid1}",
	"inet": "'127.0.0.1'::inet",
}


@dataclass(frozen=True, slots=True)
class Asked:
	"""A list, and the filters it is asked with one by one."""

	name: str
	path: str
	size: str
	filters: tuple[tuple[str, str], ...]


LISTS = (
	Asked("products", "/api/v1/plm/products", "page_size", (
		("", ""), ("search", "number 99"), ("search", "B-0999"), ("search", "rare"),
		("product_type", "raw_material"), ("lifecycle_phase", "prototype"), ("status", "active"),
		("status", "inactive"), ("status", "deleted"), ("tags", "rare"), ("attribute", "colour:red"),
		("cost_min", "999"), ("cost_max", "2"),
	)),
	Asked("products, page", "/plm/products", "page_size", (
		("", ""), ("lacking", "mass"), ("lacking", "cost"),
	)),
	Asked("changes", "/api/v1/plm/changes", "page_size", (
		("", ""), ("search", "number 99"), ("status", "draft"), ("kind", "deviation"),
		("change_type", "safety"), ("priority", "critical"), ("waiting", "true"), ("overdue", "true"),
		("open", "true"), ("mine", "true"), ("product_id", ONE),
	)),
	Asked("metrics", "/api/v1/esg/metrics", "limit", (
		("", ""), ("search", "number 99"), ("metric_type", "governance"), ("category", "water"),
		("is_kpi", "true"), ("is_active", "true"), ("is_active", "false"),
	)),
	Asked("metrics, page", "/esg/metrics", "page_size", (("", ""), ("due", "true"))),
	Asked("sites", "/api/v1/esg/sites", "limit", (
		("", ""), ("search", "number 99"), ("country", "SE"), ("is_active", "true"), ("is_active", "false"),
	)),
	Asked("activity records", "/api/v1/esg/activities", "limit", (
		("", ""), ("search", "MTR-77"), ("kind", "site"), ("kind", "product"), ("site_id", SITE),
		("product_id", ONE), ("activity_code", "energy.kind_77"), ("state", "draft"),
		("quality", "estimated"), ("meter", "MTR-77"), ("start", "2025-12-01T00:00:00Z"), ("end", "2016-01-01T00:00:00Z"),
		("include_superseded", "true"),
	)),
	Asked("factors", "/api/v1/esg/factors", "limit", (
		("", ""), ("search", "number 99"), ("activity", "energy.kind_77"), ("region", "R77"),
		("unit", "MWh"), ("state", "quarantined"), ("layer", "tenant"), ("source_id", SOURCE),
	)),
	Asked("materials", "/api/v1/esg/materials", "limit", (("", ""), ("search", "number 99"))),
	Asked("trail", "/api/v1/audit", "limit", (
		("", ""), ("table", "esg_sites"), ("row_id", ONE), ("user", ONE), ("action", "site.delete"),
		("operation", "delete"), ("from", "2026-01-01"), ("to", "2026-01-01"), ("request_id", ONE),
	)),
	Asked("security events", "/api/v1/audit/security-events", "limit", (
		("", ""), ("kind", "token_reuse"), ("risk", "critical"), ("user", ONE), ("from", "2026-01-01"),
	)),
	Asked("notifications", "/api/v1/notifications", "limit", (
		("", ""), ("unread", "true"), ("kind", "change_due"), ("priority", "urgent"),
	)),
)  # fmt: skip


def fill(place: Place, table: str, values: dict[str, str]) -> None:
	"""ROWS rows; foreign keys are not looked at, checks are."""
	with psycopg.connect(place.admin_url) as connection:
		connection.execute("set session_replication_role = replica")
		needed = connection.execute(
			"select column_name, data_type from information_schema.columns where table_name = %s "
			"and is_nullable = 'NO' and column_default is null and is_generated = 'NEVER' "
			"and is_identity = 'NO'",
			(table,),
		).fetchall()
		given = {name: BY_TYPE[kind] for name, kind in needed}
		tenants = {name: "{tenant}" for name in ("tenant_id", "scope_id") if name in given}
		columns = given | tenants | values
		uuid = "('{:02}000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
		names = {
			"tenant": f"'{place.tenant_id}'::uuid",
			"user": f"'{place.user_id}'::uuid",
			"uuid1": uuid.format(1),
			"uuid2": uuid.format(2),
		}
		shown = ", ".join(each.format(**names) for each in columns.values())
		connection.execute(
			f"insert into {table} ({', '.join(columns)}) select {shown} "
			f"from generate_series(1, {ROWS}) n"
		)
	with psycopg.connect(place.admin_url, autocommit=True) as connection:
		connection.execute(f"vacuum analyze {table}")


@contextmanager
def explained(place: Place) -> Iterator[None]:
	"""Every statement's plan goes to the log of the server, as connections are made anew."""
	settings = {
		"auto_explain.log_min_duration": "0",
		"auto_explain.log_analyze": "on",
		"auto_explain.log_timing": "off",
		"auto_explain.log_nested_statements": "on",
		"auto_explain.log_format": "json",
	}
	with psycopg.connect(place.admin_url, autocommit=True) as connection:
		connection.execute("alter role apg_app set session_preload_libraries = 'auto_explain'")
		for name, value in settings.items():
			connection.execute("load 'auto_explain'")
			connection.execute(f"alter role apg_app set {name} = '{value}'")
	try:
		yield
	finally:
		with psycopg.connect(place.admin_url, autocommit=True) as connection:
			connection.execute("alter role apg_app reset all")


_PLAN = re.compile(r"duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)")


def plans(text: str) -> list[dict[str, Any]]:
	"""The plans in a piece of the server's log, whose further lines begin with a tab."""
	return [json.loads(each) for each in _PLAN.findall(text)]


def worst(found: list[dict[str, Any]]) -> tuple[float, str]:
	"""The most rows that a node of any plan has read of a table, and which node that was."""
	most, where = 0.0, ""
	waiting = [plan["Plan"] for plan in found]
	while waiting:
		node = waiting.pop()
		waiting += node.get("Plans", [])
		if "Relation Name" not in node and "Index Name" not in node:
			continue
		names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
		read = sum(node.get(name, 0) for name in names) * node.get("Actual Loops", 1)
		if read > most:
			most = read
			where = f"{node['Node Type']} of {node.get('Relation Name') or node['Index Name']}"
	return most, where


SOURCE_ROW = """
	insert into esg_factor_sources (id, tenant_id, series, title, publisher, licence, redistributable,
		kind, gas_basis, native_gwp_set, retrieved_at, created_at, updated_at)
	values (%s, %s, 'bench', 'Bench', 'Bench', 'CC0-1.0', true, 'own', 'co2e', 'AR5', now(), now(), now())
"""


def run(report: Report) -> None:
	with installation() as place:
		measure(report, place)


def measure(report: Report, place: Place) -> None:
	for table, values in TABLES.items():
		fill(place, table, values)
	with psycopg.connect(place.admin_url) as connection:
		connection.execute(SOURCE_ROW, (SOURCE, place.tenant_id))
	ask(report, place)


def ask(report: Report, place: Place) -> None:
	log = next(Path(place.settings.home).rglob("postgres.log"))
	urls: dict[tuple[str, str, str], str] = {}
	for one in LISTS:
		for name, value in one.filters:
			wanted = f"&{name}={quote(value)}" if name else ""
			urls[one.name, name, value] = f"{one.path}?{one.size}=50{wanted}"
	place = renewed(place)
	taken: dict[tuple[str, str, str], tuple[float, str]] = {}
	with web(place, "apg.app:make_app", workers=1) as address:
		for key, url in urls.items():
			taken[key] = times(place, address + url, 5)
	place = renewed(place)
	read: dict[tuple[str, str, str], tuple[float, str]] = {}
	with explained(place), web(place, "apg.app:make_app", workers=1) as address:
		for key, url in urls.items():
			begun = log.stat().st_size
			times(place, address + url, 1)
			with log.open("rb") as file:
				file.seek(begun)
				text = file.read().decode("utf-8", "replace")
			read[key] = worst(plans(text))
	for one in LISTS:
		show(report, one, taken, read)


def times(place: Place, url: str, repeat: int) -> tuple[float, str]:
	"""Milliseconds of a request at the median, after a first one, and why it was refused if it was."""
	head = place.headers | ({} if "/api/" in url else {"Accept": "text/html"})
	asked = urllib.request.Request(url, headers=head)
	taken: list[float] = []
	try:
		for _ in range(repeat + 1):
			begun = time.perf_counter()
			with urllib.request.urlopen(asked, timeout=60) as answer:
				answer.read()
			taken.append((time.perf_counter() - begun) * 1e3)
	except urllib.error.HTTPError as error:
		return 0.0, f"{error.code} {error.read()[:200].decode('utf-8', 'replace')}"
	return statistics.median(taken[1:]), ""


def show(
	report: Report,
	one: Asked,
	taken: dict[tuple[str, str, str], tuple[float, str]],
	read: dict[tuple[str, str, str], tuple[float, str]],
) -> None:
	"""Two rows a list: the slowest filter, and the one whose plan reads most; each filter beside."""
	keys = [(one.name, name, value) for name, value in one.filters]

	def words(key: tuple[str, str, str]) -> str:
		return f"{key[1]}={key[2]}" if key[1] else "no filter"

	if refused := [f"{words(key)}: {taken[key][1]}" for key in keys if taken[key][1]]:
		report.broken[f"filters of {one.name}"] = "; ".join(refused)
		print(f"{one.name} BROKEN {refused}")
	slowest = max(keys, key=lambda key: taken[key][0])
	times = ", ".join(f"{words(key)} {taken[key][0]:.0f}" for key in keys)
	report.row(f"{one.name}: slowest of {len(keys)} filters, 100,000 rows", taken[slowest][0], "ms",
		limit=MOST_MS, note=f"{words(slowest)}; all: {times}")  # fmt: skip
	largest = max(keys, key=lambda key: read[key][0])
	over = ", ".join(
		f"{words(key)} {read[key][0]:,.0f} by {read[key][1]}"
		for key in keys
		if read[key][0] > MOST_READ
	)
	report.row(f"{one.name}: rows that the widest plan reads", read[largest][0], "rows",
		limit=MOST_READ, note=over or f"{words(largest)}: {read[largest][1]}")  # fmt: skip
