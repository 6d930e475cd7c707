"""The references: the same page with nothing around it, one round trip, no session, no permission."""

import os
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, Response


def app() -> FastAPI:
	"""`/list/{name}` and `/one/{name}/{id}` call an SQL function that binds the tenant and answers
	JSON; `make_functions` makes them."""
	pool: Any = None

	@asynccontextmanager
	async def lifespan(made: FastAPI) -> Any:
		nonlocal pool
		pool = await asyncpg.create_pool(os.environ["BENCH_REFERENCE"], min_size=5, max_size=10)
		yield
		await pool.close()

	made = FastAPI(lifespan=lifespan)
	tenant = os.environ["BENCH_TENANT"]

	@made.get("/ready")
	async def ready() -> Response:
		return Response(b"ok")

	@made.get("/list/{name}")
	async def listed(name: str) -> Response:
		body = await pool.fetchval(f"select bench_list_{name}($1)", tenant)
		return Response(body, media_type="application/json")

	@made.get("/one/{name}/{row_id}")
	async def one(name: str, row_id: str) -> Response:
		body = await pool.fetchval(f"select bench_one_{name}($1, $2)", tenant, row_id)
		return Response(body, media_type="application/json")

	return made


def make_functions(connection: Any, name: str, table: str, order: str) -> None:
	"""The two functions over a table, running as the web role under its policies."""
	connection.exec_driver_sql(f"""
	create or replace function bench_list_{name}(tenant text) returns text language plpgsql as $$
	begin
		perform set_config('app.current_tenant_id', tenant, true), set_config('app.reach', 'member', true);
		return (select json_agg(row_to_json(t))::text from
			(select * from {table} order by {order} desc limit 50) t);
	end $$""")
	connection.exec_driver_sql(f"""
	create or replace function bench_one_{name}(tenant text, row_id text) returns text
	language plpgsql as $$
	begin
		perform set_config('app.current_tenant_id', tenant, true), set_config('app.reach', 'member', true);
		return (select row_to_json(t)::text from {table} t where id = row_id::uuid);
	end $$""")
	connection.exec_driver_sql(
		f"grant execute on function bench_list_{name}(text), bench_one_{name}(text, text) to apg_app"
	)
