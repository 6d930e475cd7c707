from contextlib import AsyncExitStack
import httpx, pytest
from apg.app import make_runtime, composition
from apg.kernel.mounting import mount
from apg.kernel.principal import Principal
from apg.kernel.stamps import new_id
from tests.kernel.cast import Desk

async def test_products(settings):
	whole = composition()
	async def start(app, stack):
		made = make_runtime(settings)
		made.state["authenticator"] = Desk()
		stack.push_async_callback(made.engine.dispose)
		return made
	app = mount(whole, settings, start)
	async with app.router.lifespan_context(app):
		alice = Principal("user", new_id(), new_id(), "alice", permissions=frozenset({"*"}), enabled=frozenset({"plm"}))
		app.state.runtime.state["authenticator"].known["alice"] = alice
		async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver", headers={"Authorization": "Bearer alice"}) as c:
			r = await c.post("/api/v1/plm/products", json={"product_name":"Pump %1", "product_type":"manufactured","target_cost":"12.50","current_cost":3, "tags":["a_b","c"], "custom_attributes":{"bar":280.50}})
			print(r.status_code, r.text); assert r.status_code == 201
			pid = r.json()["data"]["product_id"]
			g = await c.get(f"/api/v1/plm/products/{pid}"); print(g.headers["etag"])
			assert g.json()["data"] == r.json()["data"]
			for q in ("search=%251", "search=pump", "search=%25x", "tags=a_b", "tags=ab", "cost_min=3&cost_max=3", "cost_min=4", "sort_by=product_name&sort_order=asc", "product_type=manufactured", "attribute=bar:280.5"):
				l = await c.get(f"/api/v1/plm/products?{q}"); print(q, l.status_code, l.json().get("pagination") or l.text)
			p = await c.patch(f"/api/v1/plm/products/{pid}", json={"product_name":"Pump 2","lifecycle_phase":"testing"}, headers={"If-Match": g.headers["etag"]}); print(p.status_code, p.text[:300], p.headers.get("etag"))
			p = await c.patch(f"/api/v1/plm/products/{pid}", json={"lifecycle_phase":"design"}); print(p.status_code, p.text[:300])
			p = await c.patch(f"/api/v1/plm/products/{pid}", json={"product_name":None}); print(p.status_code, p.text[:300])
			p = await c.post(f"/api/v1/plm/products/{pid}/costs", json={"amount":1.5,"currency":"EUR","quantity_break":100}); print(p.status_code, p.text[:300])
			p = await c.get(f"/api/v1/plm/products/{pid}/costs"); print(p.status_code, p.text[:600])
			p = await c.delete(f"/api/v1/plm/products/{pid}"); print(p.status_code, p.text[:200])
			p = await c.post(f"/api/v1/plm/products/{pid}/restore"); print(p.status_code, p.text[:200])
			p = await c.get("/openapi.json"); print(p.status_code, len(p.text))
