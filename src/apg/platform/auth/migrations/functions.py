"""What answers before a tenant is known, each with the least; and what tells every process to look again."""

from apg.kernel.log import definer
from apg.kernel.tenancy import TENANT

BOTH = "apg_app, apg_worker"


def _triggers(name: str, body: str, *triggers: str) -> tuple[str, ...]:
	"""A trigger function of apg_system and the triggers that run it."""
	made = definer(f"{name}()", "trigger", body, to="apg_owner")
	return (*made, *(f"create {trigger}" for trigger in triggers))


_USER = "nullif(current_setting('app.user_id', true), '')::uuid"

# A row says: whatever you remember of this person, session or key (`*`: of the whole tenant), read
# it again. `xid` lets a reader ask for all that it cannot have seen yet, whatever the order of
# commits: what was not visible in a snapshot has a number at or above that snapshot's xmin.
EPOCHS: tuple[str, ...] = (
	"""
	create table auth_epochs (
		seq bigint primary key generated always as identity,
		xid xid8 not null default pg_current_xact_id(),
		tenant_id uuid,
		subject text not null,
		at timestamptz not null default clock_timestamp()
	)
	""",
	"create index ix_auth_epochs_xid on auth_epochs (xid)",
	"comment on table auth_epochs is 'keep=2 days after at'",
	"grant select, insert, delete on auth_epochs to apg_system",
	"grant select on auth_epochs to apg_backup",
	*definer(
		"auth_epoch_raise(p_tenant text, p_subject text)",
		"void",
		"""
		begin
			insert into auth_epochs (tenant_id, subject) values (p_tenant::uuid, p_subject);
		end""",
		to=BOTH,
	),
	*definer(
		"auth_epochs_since(p_xid bigint)",
		"table (horizon bigint, seqs bigint[], tenants text[], subjects text[])",
		"""
		begin
			horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
			select coalesce(array_agg(e.seq), '{}'), coalesce(array_agg(e.tenant_id::text), '{}'),
				coalesce(array_agg(e.subject), '{}') into seqs, tenants, subjects
			from auth_epochs e where e.xid >= p_xid::text::xid8;
			return next;
		end""",
		to=BOTH,
	),
	*_triggers(
		"auth_changed",
		"""
		declare
			v jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
			v_subject text := case when tg_argv[0] = '*' then '*' else v ->> tg_argv[0] end;
		begin
			if tg_argv[0] = 'membership_id' then
				v_subject := (select m.user_id from memberships m where m.id = v_subject::uuid);
			end if;
			if v_subject is not null then
				insert into auth_epochs (tenant_id, subject)
				values ((v ->> 'tenant_id')::uuid, v_subject);
			end if;
			return null;
		end""",
		"trigger changed after update on users for each row execute function auth_changed('id')",
		"trigger changed after insert or update or delete on memberships "
		"for each row execute function auth_changed('user_id')",
		"trigger changed after insert or delete on membership_roles "
		"for each row execute function auth_changed('membership_id')",
		"trigger changed after update or delete on roles "
		"for each row execute function auth_changed('*')",
		"trigger changed after update of revoked_at or delete on sessions "
		"for each row execute function auth_changed('id')",
		"trigger changed after update of revoked_at, expires_at, scopes or delete on api_keys "
		"for each row execute function auth_changed('id')",
	),
)

LOOKUPS: tuple[str, ...] = (
	*definer(
		"login_lookup(p_username text)",
		"table (id uuid, password_hash text, totp_secret text, is_active boolean)",
		"""
		begin
			return query select u.id, u.password_hash,
				case when u.totp_confirmed_at is not null then u.totp_secret end, u.is_active
			from users u where u.username = p_username;
		end""",
		to=BOTH,
		options="stable",
	),
	*definer(
		"memberships_of(p_user uuid)",
		"table (tenant_id uuid, slug text, name text)",
		"""
		begin
			return query select t.id, t.slug, t.name from memberships m
				join tenants t on t.id = m.tenant_id
			where m.user_id = p_user and m.is_active and t.is_active
				and (m.valid_until is null or m.valid_until > clock_timestamp())
			order by t.name, t.id;
		end""",
		to=BOTH,
		options="stable",
	),
	*definer(
		"session_lookup(p_hash bytea)",
		"table (id uuid, tenant_id uuid, user_id uuid, expires_at timestamptz)",
		"""
		begin
			return query select s.id, s.tenant_id, s.user_id, s.expires_at from sessions s
			where s.secret_hash = p_hash and s.revoked_at is null
				and s.expires_at > clock_timestamp();
		end""",
		to=BOTH,
		options="stable",
	),
	# What an access token names: still there, still that person's, not ended.
	*definer(
		"session_standing(p_session uuid, p_tenant uuid, p_user uuid)",
		"timestamptz",
		"""
		begin
			return (select s.expires_at from sessions s where s.id = p_session
				and s.tenant_id = p_tenant and s.user_id = p_user and s.kind = 'api'
				and s.revoked_at is null and s.expires_at > clock_timestamp());
		end""",
		to=BOTH,
		options="stable",
	),
	# The same for whatever a socket or stream was opened with, by its id.
	*definer(
		"credential_stands(p_id uuid, p_tenant uuid, p_user uuid)",
		"boolean",
		"""
		begin
			return exists (select from sessions s where s.id = p_id and s.tenant_id = p_tenant
					and s.user_id = p_user and s.revoked_at is null
					and s.expires_at > clock_timestamp())
				or exists (select from api_keys k where k.id = p_id and k.tenant_id = p_tenant
					and k.user_id = p_user and k.revoked_at is null
					and k.expires_at > clock_timestamp());
		end""",
		to=BOTH,
		options="stable",
	),
	*definer(
		"refresh_lookup(p_hash bytea)",
		"table (id uuid, tenant_id uuid, session_id uuid, user_id uuid)",
		"""
		begin
			return query select r.id, r.tenant_id, r.session_id, s.user_id from refresh_tokens r
				join sessions s on s.id = r.session_id and s.tenant_id = r.tenant_id
			where r.secret_hash = p_hash;
		end""",
		to=BOTH,
		options="stable",
	),
	*definer(
		"api_key_lookup(p_hash bytea)",
		"table (id uuid, tenant_id uuid, user_id uuid, scopes text, expires_at timestamptz)",
		"""
		begin
			return query select k.id, k.tenant_id, k.user_id, k.scopes::text, k.expires_at
			from api_keys k where k.secret_hash = p_hash and k.revoked_at is null
				and k.expires_at > clock_timestamp();
		end""",
		to=BOTH,
		options="stable",
	),
	*definer(
		"invitation_lookup(p_hash bytea)",
		"table (id uuid, tenant_id uuid, kind text, user_id uuid, username text, "
		"display_name text, tenant_name text, has_account boolean)",
		"""
		begin
			return query select l.id, l.tenant_id, l.kind, l.user_id,
				coalesce(l.username, u.username), coalesce(l.display_name, u.display_name), t.name,
				exists (select from users x where x.username = l.username)
			from account_links l join tenants t on t.id = l.tenant_id
				left join users u on u.id = l.user_id
			where l.secret_hash = p_hash and l.used_at is null
				and l.expires_at > clock_timestamp() and t.is_active
				and (l.kind = 'invitation' or u.is_active);
		end""",
		to=BOTH,
		options="stable",
	),
	# For an answer to "I forgot my password": where the link goes, and whose account it is.
	*definer(
		"reset_lookup(p_username text)",
		"table (id uuid, tenant_id uuid, email text, locale text)",
		"""
		begin
			return query select u.id, u.home_tenant_id, u.email, u.locale from users u
			where u.username = p_username and u.is_active and u.email is not null;
		end""",
		to=BOTH,
		options="stable",
	),
	# All that a Principal is made of, in one answer; null for whoever is no member right now.
	*definer(
		"member_facts(p_tenant uuid, p_user uuid)",
		"jsonb",
		"""
		begin
			return (
				select jsonb_build_object(
					'username', u.username, 'display_name', u.display_name, 'locale', u.locale,
					'must_change_password', u.must_change_password,
					'has_totp', u.totp_confirmed_at is not null,
					'valid_until', extract(epoch from m.valid_until),
					'roles', (select coalesce(jsonb_agg(jsonb_build_object('name', r.name,
							'permissions', r.permissions, 'requires_totp', r.requires_totp)
							order by r.name), '[]')
						from membership_roles mr join roles r
							on r.tenant_id = mr.tenant_id and r.id = mr.role_id
						where mr.tenant_id = m.tenant_id and mr.membership_id = m.id),
					'tenant', to_jsonb(f))
				from memberships m join users u on u.id = m.user_id, tenant_facts(m.tenant_id) f
				where m.tenant_id = p_tenant and m.user_id = p_user and m.is_active and u.is_active
					and (m.valid_until is null or m.valid_until > clock_timestamp())
					and f.is_active);
		end""",
		to=BOTH,
		options="stable",
	),
)

# Who is bound may do these to himself; a tenant may do them to accounts that are at home with it.
_OWN = f"""p_user = {_USER} or exists (select from users u where u.id = p_user
	and u.home_tenant_id = {TENANT})"""

DEEDS: tuple[str, ...] = (
	*definer(
		"sessions_revoke_all(p_user uuid, p_except uuid, p_reason text)",
		"integer",
		f"""
		declare v_count integer;
		begin
			if ({_OWN}) is not true then raise insufficient_privilege; end if;
			update sessions set revoked_at = clock_timestamp(), revoked_reason = p_reason
			where user_id = p_user and revoked_at is null and expires_at > clock_timestamp()
				and id is distinct from p_except;
			get diagnostics v_count = row_count;
			return v_count;
		end""",
		to=BOTH,
	),
	# Takes a time step of the second factor; false when this or a later one was taken before.
	*definer(
		"totp_take(p_user uuid, p_step bigint)",
		"boolean",
		"""
		declare v_count integer;
		begin
			update users set totp_last_step = p_step
			where id = p_user and coalesce(totp_last_step, -1) < p_step;
			get diagnostics v_count = row_count;
			return v_count = 1;
		end""",
		to=BOTH,
	),
	*definer(
		"recovery_take(p_user uuid, p_hash bytea)",
		"boolean",
		"""
		declare v_count integer;
		begin
			update users set recovery_hashes = array_remove(recovery_hashes, p_hash)
			where id = p_user and p_hash = any(recovery_hashes);
			get diagnostics v_count = row_count;
			return v_count = 1;
		end""",
		to=BOTH,
	),
	# What is needed to ask the person again: own account only.
	*definer(
		"own_secrets()",
		"table (password_hash text, totp_secret text, recovery_left integer)",
		f"""
		begin
			return query select u.password_hash, u.totp_secret,
				coalesce(cardinality(u.recovery_hashes), 0) from users u where u.id = {_USER};
		end""",
		to=BOTH,
		options="stable",
	),
	# When sessions and keys were last used, gathered by each process and written once a minute.
	*definer(
		"auth_seen(p_sessions uuid[], p_keys uuid[])",
		"void",
		"""
		begin
			update sessions set last_seen_at = clock_timestamp() where id = any(p_sessions);
			update api_keys set last_used_at = clock_timestamp() where id = any(p_keys);
		end""",
		to=BOTH,
	),
	# A person asked to be forgotten: the id stays, nothing else does, in no tenant.
	*definer(
		"user_erase(p_user uuid)",
		"void",
		f"""
		begin
			if ({_OWN}) is not true then raise insufficient_privilege; end if;
			delete from account_links where user_id = p_user
				or username = (select u.username from users u where u.id = p_user);
			delete from refresh_tokens where session_id in (select id from sessions
				where user_id = p_user);
			update sessions set address = '', agent = '',
				revoked_at = coalesce(revoked_at, clock_timestamp()) where user_id = p_user;
			update api_keys set revoked_at = coalesce(revoked_at, clock_timestamp()),
				name = 'erased' where user_id = p_user;
			update memberships set is_active = false where user_id = p_user;
			update security_events set address = '', agent = '',
				subject = case when subject = user_id::text then subject else '' end
				where user_id = p_user;
			update users set username = 'erased-' || id, display_name = '', email = null,
				locale = null, is_active = false, must_change_password = false,
				password_hash = null, totp_secret = null, totp_confirmed_at = null,
				totp_last_step = null, recovery_hashes = null, erased_at = clock_timestamp(),
				updated_at = clock_timestamp(), version = version + 1
			where id = p_user;
		end""",
		to=BOTH,
	),
)

# A tenant that has an administrator keeps one. The lock makes two removals at once wait for each
# other; counting comes after it, so the second sees what the first left.
ADMINISTRATORS: tuple[str, ...] = (
	*definer(
		"administrators_left(p_tenant uuid)",
		"integer",
		"""
		begin
			perform pg_advisory_xact_lock(7268, hashtext(p_tenant::text));
			return (select count(*) from memberships m
				join users u on u.id = m.user_id and u.is_active
				join membership_roles mr on mr.tenant_id = m.tenant_id and mr.membership_id = m.id
				join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
				where m.tenant_id = p_tenant and m.is_active and m.valid_until is null
					and r.name = 'tenant_admin');
		end""",
		to=BOTH,
	),
	*_triggers(
		"administrator_stays",
		"""
		begin
			if tg_table_name = 'membership_roles' then
				if not exists (select from roles r
					where r.id = old.role_id and r.name = 'tenant_admin') then
					return null;
				end if;
			elsif not old.is_active or old.valid_until is not null or not exists (
				select from membership_roles mr join roles r on r.id = mr.role_id
				where mr.membership_id = old.id and r.name = 'tenant_admin') then
				return null;
			end if;
			if administrators_left(old.tenant_id) = 0 then
				raise exception using errcode = '23514', constraint = 'last_administrator',
					message = 'a tenant keeps an administrator';
			end if;
			return null;
		end""",
		"constraint trigger last_administrator after update of is_active, valid_until or delete "
		"on memberships deferrable initially deferred for each row "
		"execute function administrator_stays()",
		"constraint trigger last_administrator after update or delete on membership_roles "
		"deferrable initially deferred for each row execute function administrator_stays()",
	),
)
