"""What was refused or read: aggregated, so that a flood costs one row; written after the refusal."""

from sqlalchemy import text

from apg.kernel.log import entrust
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime

RISK: dict[str, str] = {
	"denied": "low",
	"unauthenticated": "low",
	"login_failed": "medium",
	"token_reuse": "high",
	"key_revoked": "medium",
	"session_revoked": "low",
	"export": "low",
	"download": "low",
	"verify_failed": "critical",
	"tenant_mismatch": "medium",
	"cross_site": "medium",
	"operator_entry": "high",
}

# What is high or critical goes into the log once for each row, so that a flood raises one event.
RECORDER = """
create or replace function security_event(p_tenant uuid, p_kind text, p_risk text, p_subject text,
	p_route text, p_user uuid, p_address text, p_agent text) returns void
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
	with noted as (
		insert into security_events as e (tenant_id, kind, risk, subject, route, minute, user_id,
			address, agent)
		values (p_tenant, p_kind, p_risk, left(p_subject, 200), left(p_route, 200),
			date_trunc('minute', clock_timestamp()), p_user, left(p_address, 64), left(p_agent, 200))
		on conflict (tenant_id, kind, subject, route, minute) do update
			set times = e.times + 1, last_at = clock_timestamp()
		returning id, times)
	insert into event_log (epoch, tenant_id, name, body)
	select l.epoch, p_tenant, 'audit.security_event.raised.v1',
		jsonb_build_object('event_id', n.id, 'kind', p_kind, 'risk', p_risk)
	from noted n, log_epoch l
	where n.times = 1 and p_tenant is not null and p_risk in ('high', 'critical')
$$
"""

RECORDERS = ("set local role apg_system", RECORDER, "set local role apg_owner")

DDL: tuple[str, ...] = (
	"""
	create table security_events (
		id uuid primary key default gen_random_uuid(),
		tenant_id uuid,
		kind text not null,
		risk text not null check (risk in ('low', 'medium', 'high', 'critical')),
		subject text not null,
		route text not null,
		minute timestamptz not null,
		times integer not null default 1,
		user_id uuid,
		address text not null,
		agent text not null,
		first_at timestamptz not null default clock_timestamp(),
		last_at timestamptz not null default clock_timestamp(),
		constraint uq_security_events unique nulls not distinct
			(tenant_id, kind, subject, route, minute)
	)
	""",
	"create index ix_security_events_tenant on security_events (tenant_id, last_at)",
	"comment on table security_events is 'keep=400 days after last_at'",
	RECORDER,
	"grant select, insert, update, delete on security_events to apg_system",
	*entrust("security_event", "apg_system", "apg_app, apg_worker"),
	"grant select on security_events to apg_app, apg_worker, apg_backup",
	"alter table security_events enable row level security",
	"alter table security_events force row level security",
	"create policy tenant on security_events for select using (tenant_id = "
	"(select nullif(current_setting('app.current_tenant_id', true), '')::uuid))",
	"create policy reach on security_events as restrictive using ("
	"(select current_setting('app.reach', true)) = 'member')",
)


async def record(
	runtime: Runtime,
	kind: str,
	*,
	route: str,
	address: str,
	agent: str = "",
	principal: Principal | None = None,
	tenant_id: str | None = None,
	subject: str | None = None,
) -> None:
	"""Adds one to the row of (who, route, minute), in a short transaction of its own."""
	async with runtime.engine.begin() as connection:
		await connection.execute(
			text(
				"select security_event(:tenant, :kind, :risk, :subject, :route, :user, :addr, :agent)"
			),
			{
				"tenant": principal.tenant_id if principal else tenant_id,
				"kind": kind,
				"risk": RISK[kind],
				"subject": _storable(subject or (principal.actor_key if principal else address)),
				"route": _storable(route),
				"user": principal.user_id if principal else None,
				"addr": _storable(address),
				"agent": _storable(agent),
			},
		)


def _storable(text: str) -> str:
	# What a stranger wrote must not be able to keep its own refusal from being recorded.
	return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
