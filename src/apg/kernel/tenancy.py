"""Tenancy in the database: what binds a transaction, and what refuses whatever the code forgets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from apg.kernel.database import Id, Versioned, id_column, id_type

TENANT = "(select nullif(current_setting('app.current_tenant_id', true), '')::uuid)"
_USER = "(select nullif(current_setting('app.user_id', true), '')::uuid)"
_SAFE = re.compile(r"[A-Za-z0-9 _.,:/@+-]*\Z")

# What a transaction is bound to, in the order of `Binding.values`.
BOUND = (
	"app.current_tenant_id",
	"app.user_id",
	"app.reach",
	"app.action",
	"app.origin",
	"app.request_id",
)

# Tables without a tenant, each with the reason; a test holds the list against the database.
WITHOUT_TENANT: dict[str, str] = {
	"tenants": "the list of tenants itself; a policy shows each tenant its own row",
	"users": "a person may belong to several tenants; shown through memberships",
	"signing_keys": "keys of the installation, readable through one function",
	"exchange_rates": "published reference data, read-only for the application",
	"currencies": "ISO 4217, read-only for the application",
	"exchange_rate_files": "which published files were loaded",
	"esg_factor_packs": "published emission factors, read-only for the application: one file each",
	"esg_pack_factors": "the factors of those files",
	"esg_pack_versions": "their figures, edition by edition",
	"auth_epochs": "numbers that say what to read again, no content",
	"rate_buckets": "counters leased by processes",
	"log_cursors": "positions of readers of the log",
	"log_epoch": "one number",
	"audit_cursor": "how far the trail is sealed",
	"task_runs": "numbers of jobs that took effect, no content",
	"procrastinate_jobs": "the queue; the web role has no rights on it",
	"procrastinate_workers": "heartbeats of workers",
	"procrastinate_events": "when jobs changed state",
	"procrastinate_periodic_defers": "which schedules were started",
}


@dataclass(frozen=True, slots=True)
class Protect:
	"""How a table is protected; a model carries it as `__protect__`, migrations repeat it."""

	audited: bool = True
	redact: tuple[str, ...] = ()
	reach: tuple[str, ...] = ("member",)
	keep: str | None = None
	app: str = "select, insert, update, delete"


class TenantOwned(Versioned):
	"""A row of exactly one tenant. The database fills nothing in and forgets nothing."""

	__protect__ = Protect()

	@declared_attr
	def id(cls) -> Mapped[Id]:
		return id_column()

	tenant_id: Mapped[Id] = mapped_column(id_type)

	@declared_attr.directive
	def __mapper_args__(cls) -> dict[str, Any]:
		return {"version_id_col": cls.version, "version_id_generator": lambda v: (v or 0) + 1}  # pyright: ignore


@dataclass(frozen=True, slots=True)
class Binding:
	"""What one transaction is bound to: BIND, made here for the session and the driver alike."""

	tenant_id: str
	user_id: str
	reach: str
	action: str
	origin: str
	request_id: str

	@property
	def values(self) -> dict[str, str]:
		given = (
			self.tenant_id,
			self.user_id,
			self.reach,
			self.action,
			self.origin,
			self.request_id,
		)
		if not _SAFE.match("".join(given)) or max(map(len, given)) > 200:
			for name, value in zip(BOUND, given, strict=True):
				if not _SAFE.match(value) or len(value) > 200:
					raise ValueError(f"{name} may not be bound to {value!r}")
		return dict(zip(BOUND, given, strict=True))


def bind_statement(binding: Binding, *, read_only: bool) -> tuple[str, list[str]]:
	"""One select that binds the transaction, with its parameters (driver style: $1 …)."""
	values = binding.values
	calls = [f"set_config('{name}', ${n}, true)" for n, name in enumerate(values, start=1)]
	if read_only:
		calls.append("set_config('transaction_read_only', 'on', true)")
	return "select " + ", ".join(calls), list(values.values())


def set_script(binding: Binding) -> str:
	"""BIND as text, for scripts of the simple protocol; every value was checked for quotes."""
	calls = ", ".join(
		f"set_config('{name}', '{value}', true)" for name, value in binding.values.items()
	)
	return f"select {calls}"


def protect_sql(
	table: str,
	*,
	audited: bool = True,
	redact: Sequence[str] = (),
	reach: Sequence[str] = ("member",),
	keep: str | None = None,
	app: str = "select, insert, update, delete",
	tenant_column: str = "tenant_id",
) -> list[str]:
	"""The statements that make a table safe: forced policies, rights, trail, growth bound."""
	reaches = ", ".join(f"'{name}'" for name in reach)
	reach_is = (
		"(select split_part(coalesce(current_setting('app.reach', true), ''), ':', 1) "
		f"= any (array[{reaches}]))"
	)
	statements = [
		f"alter table {table} enable row level security",
		f"alter table {table} force row level security",
		f"create policy tenant on {table} using ({tenant_column} = {TENANT}) "
		f"with check ({tenant_column} = {TENANT})",
		# One sub-select of a boolean: the planner then guesses a half; of a comparison with an
		# unknown value it would guess one row in two hundred, and join in the wrong order.
		f"create policy reach on {table} as restrictive using ({reach_is}) with check ({reach_is})",
		f"grant {app} on {table} to apg_app, apg_worker",
		f"grant select on {table} to apg_search, apg_system, apg_backup",
	]
	if audited:
		columns = ", ".join(f"'{name}'" for name in redact)
		statements.append(
			f"create trigger audit after insert or update or delete on {table} "
			f"for each row execute function audit_row({columns})"
		)
	if keep:
		# What growth.py reads: `<interval>[ after <column>]`, and its right to remove.
		statements.append(f"comment on table {table} is 'keep={keep}'")
		statements.append(f"grant delete on {table} to apg_system")
	return statements


def protect(op: Any, table: str, **options: Any) -> None:
	"""Protects a table inside a migration; the options are those of `Protect`."""
	for statement in protect_sql(table, **options):
		op.execute(statement)


def grant_platform(op: Any, table: str, rights: str = "select") -> None:
	"""Rights on a table without a tenant."""
	op.execute(f"grant {rights} on {table} to apg_app, apg_worker")
	op.execute(f"grant select on {table} to apg_system, apg_backup")
