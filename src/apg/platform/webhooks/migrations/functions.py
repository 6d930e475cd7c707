"""What the sender may do across tenants: take deliveries that are due, ids only."""

from apg.kernel.log import definer

# Each endpoint's standing is locked while its deliveries are taken, so that two workers never
# exceed what one endpoint is sent at once, and an open circuit gets a single probe.
CLAIM = definer(
	"webhook_claim(p_limit integer, p_each integer, p_lease double precision)",
	"table (tenant_id uuid, delivery_id uuid, attempt integer)",
	"""
	declare v record; v_free integer; v_taken integer; v_left integer := p_limit;
	begin
		for v in
			select s.id, s.tenant_id, s.endpoint_id, s.open_until from webhook_standings s
			join webhook_endpoints e on e.tenant_id = s.tenant_id and e.id = s.endpoint_id
			where e.is_active and (s.open_until is null or s.open_until <= clock_timestamp())
				and exists (select from webhook_deliveries d where d.tenant_id = s.tenant_id
					and d.endpoint_id = s.endpoint_id and d.state in ('waiting', 'sending')
					and d.next_at <= clock_timestamp())
			order by s.claimed_at nulls first
			limit p_limit for update of s skip locked
		loop
			exit when v_left <= 0;
			select p_each - count(*) into v_free from webhook_deliveries d
				where d.tenant_id = v.tenant_id and d.endpoint_id = v.endpoint_id
					and d.state = 'sending' and d.next_at > clock_timestamp();
			if v.open_until is not null then
				v_free := 1;
			end if;
			if v_free <= 0 then continue; end if;
			return query
				update webhook_deliveries t set state = 'sending', attempts = t.attempts + 1,
					next_at = clock_timestamp() + make_interval(secs => p_lease),
					updated_at = clock_timestamp()
				where t.id = any(array(select d.id from webhook_deliveries d
					where d.tenant_id = v.tenant_id and d.endpoint_id = v.endpoint_id
						and d.state in ('waiting', 'sending') and d.next_at <= clock_timestamp()
					order by d.next_at, d.id limit least(v_free, v_left)
					for update skip locked))
				returning t.tenant_id, t.id, t.attempts;
			get diagnostics v_taken = row_count;
			v_left := v_left - v_taken;
			if v_taken > 0 then
				-- The probe of an open circuit holds it open for the others while it is under way.
				update webhook_standings w set claimed_at = clock_timestamp(),
					open_until = case when v.open_until is null then null
						else clock_timestamp() + make_interval(secs => p_lease) end
				where w.id = v.id;
			end if;
		end loop;
	end""",
	to="apg_worker",
)
GRANTS = (
	"grant select, update on webhook_deliveries, webhook_standings to apg_system",
	"grant select on webhook_endpoints to apg_system",
)
