"""Erasure finds what names the person outside of the account, too; the trail no longer takes the
names of API keys."""

from alembic import op

from apg.kernel.tenancy import TENANT

revision = "0003"
down_revision = "0002"

USER = "nullif(current_setting('app.user_id', true), '')::uuid"

# Answers that are kept for repetition may show the person; they are looked for where he is a member.
ERASE = f"""
create or replace function user_erase(p_user uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
	v_tenants uuid[];
	v_values text[];
begin
	if (p_user = {USER} or exists (select from users u where u.id = p_user
		and u.home_tenant_id = {TENANT})) is not true then
		raise insufficient_privilege;
	end if;
	select array[u.username, u.email, nullif(u.display_name, '')] into v_values
		from users u where u.id = p_user;
	select array_agg(m.tenant_id) into v_tenants from memberships m where m.user_id = p_user;
	delete from account_links where user_id = p_user or username = v_values[1]
		or email = v_values[2];
	delete from refresh_tokens where session_id in (select id from sessions
		where user_id = p_user);
	update sessions set address = '', agent = '',
		revoked_at = coalesce(revoked_at, clock_timestamp()) where user_id = p_user;
	update api_keys set revoked_at = coalesce(revoked_at, clock_timestamp()),
		name = 'erased' where user_id = p_user;
	update memberships set is_active = false where user_id = p_user;
	-- Its own id behind what is not the person's: rows of one minute must stay apart.
	update security_events set address = '', agent = '',
		subject = case when subject = p_user::text then subject else 'erased-' || id end
		where user_id = p_user or subject = p_user::text;
	delete from idempotency_keys k where k.tenant_id = any(v_tenants) and exists (
		select from unnest(v_values) as v(value) where v.value is not null
			and position(convert_to(v.value, 'UTF8') in k.body) > 0);
	update users set username = 'erased-' || id, display_name = '', email = null,
		locale = null, is_active = false, must_change_password = false,
		password_hash = null, totp_secret = null, totp_confirmed_at = null,
		totp_last_step = null, recovery_hashes = null, erased_at = clock_timestamp(),
		updated_at = clock_timestamp(), version = version + 1
	where id = p_user;
end $$
"""


def upgrade() -> None:
	op.execute("grant select, delete on idempotency_keys to apg_system")
	op.execute("set local role apg_system")
	op.execute(ERASE)
	op.execute("set local role apg_owner")
	op.execute("drop trigger audit on api_keys")
	op.execute(
		"create trigger audit after insert or update or delete on api_keys "
		"for each row execute function audit_row('secret_hash', 'name')"
	)
