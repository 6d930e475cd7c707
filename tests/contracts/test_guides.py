"""What the two guides publish, one case per row of the inventory.

A row that is not built yet is a strict xfail that names its issue: when it starts to work, the
test fails until the mark is taken away. `pytest tests/contracts/test_guides.py -rxX` counts them.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.people import People, make_person

from apg.app import composition
from apg.capabilities.esg.settings import EsgSettings
from apg.capabilities.plm.settings import PlmSettings
from apg.cli.doctor import unused
from apg.kernel.permissions import Permission
from apg.kernel.settings import Settings
from apg.platform.operations import telemetry

METRIC: dict[str, Any] = {
	"name": "Carbon emissions, scope 1",
	"code": "CARBON_SCOPE1",
	"metric_type": "environmental",
	"category": "emissions",
	"subcategory": "direct_emissions",
	"description": "Direct emissions of owned sources",
	"unit": "tonnes_co2",
	"target_value": 10000.0,
	"baseline_value": 15000.0,
	"is_kpi": True,
	"is_automated": True,
	"enable_ai_predictions": True,
}
PRODUCT: dict[str, Any] = {
	"product_name": "Test product",
	"product_number": "TEST-001",
	"product_description": "A product",
	"product_type": "manufactured",
	"lifecycle_phase": "design",
	"target_cost": 100.0,
	"current_cost": 95.0,
	"unit_of_measure": "each",
	"custom_attributes": {"colour": "red"},
	"tags": ["test"],
}


@dataclass
class Stage:
	"""What a case may use."""

	client: httpx.AsyncClient
	people: People
	app: FastAPI

	async def get(self, path: str, who: str = "alice", **headers: str) -> httpx.Response:
		return await self.client.get(path, headers=getattr(self.people, who).by(**headers))

	async def post(
		self, path: str, body: Any, who: str = "alice", **headers: str
	) -> httpx.Response:
		return await self.client.post(
			path, json=body, headers=getattr(self.people, who).by(**headers)
		)

	async def metric(self) -> dict[str, Any]:
		made = await self.post("/api/v1/esg/metrics", METRIC)
		assert made.status_code == 201, made.text
		return made.json()


@pytest.fixture
def stage(client: httpx.AsyncClient, people: People, app: FastAPI) -> Stage:
	return Stage(client, people, app)


Case = Callable[[Stage], Awaitable[None]]
CASES: list[Any] = []


def row(name: str, *, issue: str | None = None) -> Callable[[Case], Case]:
	"""Registers a case under its row; `issue` marks what is not built yet."""

	def mark(case: Case) -> Case:
		marks = [pytest.mark.xfail(strict=True, reason=f"issue {issue}")] if issue else []
		CASES.append(pytest.param(case, id=name, marks=marks))
		return case

	return mark


# -- A3: settings --------------------------------------------------------------------------------


def _setting(name: str, value: str, read: Callable[[], Any], wanted: Any) -> None:
	async def case(stage: Stage) -> None:
		held = os.environ.get(name)
		os.environ[name] = value
		try:
			assert read() == wanted
		finally:
			if held is None:
				del os.environ[name]
			else:
				os.environ[name] = held

	row(f"A3 {name}")(case)


_setting("APG_ENV", "development", lambda: Settings().env, "development")
_setting(
	"APG_DATABASE_URL", "postgresql://h/d", lambda: Settings().database_url, "postgresql://h/d"
)
_setting("APG_REDIS_URL", "redis://h", lambda: Settings().redis_url, "redis://h")
_setting("APG_SECRET_KEY", "x", lambda: Settings().secret_key, "x")
_setting("ESG_AI_ENABLED", "false", lambda: EsgSettings().ai_enabled, False)
_setting("ESG_REAL_TIME_PROCESSING", "false", lambda: EsgSettings().real_time_processing, False)
_setting("ESG_MAX_CONCURRENT_USERS", "7", lambda: EsgSettings().max_concurrent_users, 7)
_setting("ESG_DATA_RETENTION_DAYS", "30", lambda: EsgSettings().data_retention_days, 30)
_setting("SENTRY_DSN", "https://k@h/1", lambda: Settings().sentry_dsn, "https://k@h/1")
_setting("DATABASE_URL", "postgresql://h/d", lambda: Settings().database_url, "postgresql://h/d")
_setting("REDIS_URL", "redis://h", lambda: Settings().redis_url, "redis://h")
_setting("SECRET_KEY", "x", lambda: Settings().secret_key, "x")


_setting("ESG_ENCRYPTION_KEY", "k", lambda: Settings().encryption_key, "k")
_setting("APG_PLATFORM_URL", "https://a.b", lambda: Settings().public_url, "https://a.b")
_setting("FLASK_ENV", "development", lambda: Settings().env, "development")


def _unused_setting(name: str) -> None:
	"""A name that changes nothing here: whoever sets it is told so, and why."""

	@row(f"A3 {name}")
	async def case(stage: Stage) -> None:
		found = unused({name: "x", "PATH": "/bin"})
		assert [one.what for one in found] == [name]
		assert len(found[0].found) > len("is set and not used: ")
		assert unused({name: "", "PATH": "/bin"}) == []


for _name in (
	"WEATHER_API_KEY",
	"EMISSION_FACTORS_API_URL",
	"IOT_PLATFORM_URL",
	"PROMETHEUS_ENDPOINT",
	"GRAFANA_URL",
	"APG_TENANT_ID",
	"APG_API_KEY",
	"FLASK_DEBUG",
	"MANUFACTURING_API_URL",
	"DIGITAL_TWIN_API_URL",
	"AI_ORCHESTRATION_URL",
	"APG_AUTH_URL",
	"APG_API_TOKEN",
	"PLM_WEBSOCKET_URL",
):
	_unused_setting(_name)


@row("A3 FINANCIAL_APPROVAL_THRESHOLD")
async def threshold(stage: Stage) -> None:
	assert "financial_approval_threshold" in PlmSettings.model_fields


# -- A4: headers and identity ---------------------------------------------------------------------


@row("A4 bearer on every ESG call")
async def bearer(stage: Stage) -> None:
	for path in ("/api/v1/esg/metrics", "/api/v1/plm/products"):
		assert (await stage.client.get(path)).status_code == 401
		assert (await stage.get(path)).status_code == 200


@row("A4 claims of the token")
async def claims(stage: Stage) -> None:
	import jwt

	token = stage.people.alice.headers["Authorization"].split()[1]
	told = jwt.decode(token, options={"verify_signature": False})
	assert told["sub"] == stage.people.alice.user_id
	assert told["tenant_id"] == stage.people.alice.tenant_id
	assert isinstance(told["permissions"], list)
	assert jwt.get_unverified_header(token)["alg"] == "EdDSA"


@row("A4 no session 401, no permission 403")
async def statuses(stage: Stage) -> None:
	assert (await stage.client.get("/api/v1/plm/products")).status_code == 401
	denied = await stage.get("/api/v1/plm/products", "bob")
	assert denied.status_code == 403
	assert "plm.products.read" in denied.json()["message"]


@row("A4 X-Tenant-ID must be one's own, X-User-ID is never read")
async def tenant_header(stage: Stage) -> None:
	own = await stage.get("/api/v1/plm/products", x_tenant_id=stage.people.alice.tenant_id)
	other = await stage.get("/api/v1/plm/products", x_tenant_id=stage.people.charlie.tenant_id)
	ignored = await stage.get("/api/v1/plm/products", "bob", x_user_id=stage.people.alice.user_id)
	assert (own.status_code, other.status_code, ignored.status_code) == (200, 403, 403)


@row("A4 text/event-stream", issue="F (live pages)")
async def event_stream(stage: Stage) -> None:
	metric = await stage.metric()
	answer = await stage.get(f"/api/v1/esg/stream/metrics/{metric['id']}?interval_seconds=5")
	assert answer.headers["content-type"].startswith("text/event-stream")


@row("A4 request_id in errors and meta")
async def request_ids(stage: Stage) -> None:
	esg = await stage.get("/api/v1/esg/metrics?limit=0")
	plm = await stage.get("/api/v1/plm/products")
	assert esg.json()["request_id"] == esg.headers["x-request-id"]
	assert plm.json()["meta"]["request_id"] == plm.headers["x-request-id"]


@row("A4 rate limits answer headers")
async def rate_headers(stage: Stage) -> None:
	answer = await stage.get("/api/v1/plm/products")
	assert "ratelimit" in answer.headers or "ratelimit-policy" in answer.headers


# -- B4: endpoints of ESG -----------------------------------------------------------------------------


@row("B4 POST /metrics 201")
async def create_metric(stage: Stage) -> None:
	body = await stage.metric()
	assert {name: body[name] for name in METRIC} == METRIC | {
		"target_value": 10000,
		"baseline_value": 15000,
	}


@row("B4 POST /metrics 422 with details")
async def refuse_metric(stage: Stage) -> None:
	refused = await stage.post(
		"/api/v1/esg/metrics", {"name": "", "code": "invalid code", "metric_type": "no"}
	)
	assert refused.status_code == 422
	assert refused.json()["details"]


@row("B4 GET /metrics bare array with the guide's fields")
async def list_metrics(stage: Stage) -> None:
	await stage.metric()
	answer = await stage.get("/api/v1/esg/metrics?metric_type=environmental&is_kpi=true&limit=50")
	assert isinstance(answer.json(), list)
	fields = {
		"id", "name", "code", "metric_type", "current_value", "target_value",
		"data_quality_score", "ai_predictions", "created_at",
	}  # fmt: skip
	assert fields <= set(answer.json()[0])
	assert (await stage.get("/api/v1/esg/metrics?is_kpi=false")).json() == []


@row("B4 GET /metrics limit default 50, cap 1000")
async def metric_limits(stage: Stage) -> None:
	assert (await stage.get("/api/v1/esg/metrics?limit=1000")).status_code == 200
	assert (await stage.get("/api/v1/esg/metrics?limit=1001")).status_code == 422
	assert (await stage.get("/api/v1/esg/metrics?offset=-1")).status_code == 422


@row("B4 POST measurements, number or text, metric_id in the body")
async def measurement(stage: Stage) -> None:
	metric = await stage.metric()
	path = f"/api/v1/esg/metrics/{metric['id']}/measurements"
	body = {
		"metric_id": metric["id"],
		"value": "1250.75",
		"measurement_date": "2024-01-15T10:30:00Z",
		"data_source": "iot_sensors",
		"collection_method": "automated",
		"metadata": {"sensor_id": "ENV_001", "location": "facility_main"},
	}
	made = await stage.post(path, body)
	assert made.status_code == 201
	assert b'"value":1250.75,' in made.content
	assert made.json()["metadata"] == body["metadata"]


@row("B4 POST /targets", issue="E (targets)")
async def create_target(stage: Stage) -> None:
	metric = await stage.metric()
	body = {
		"name": "Halve it",
		"metric_id": metric["id"],
		"target_value": 1,
		"target_date": "2030-12-31",
	}
	assert (await stage.post("/api/v1/esg/targets", body)).status_code == 201


@row("B4 GET /targets", issue="E (targets)")
async def list_targets(stage: Stage) -> None:
	assert (await stage.get("/api/v1/esg/targets")).status_code == 200


@row("B4 GET /targets/{id}/prediction", issue="E (targets)")
async def target_prediction(stage: Stage) -> None:
	assert (await stage.get(f"/api/v1/esg/targets/{stage.people.alice.user_id}/prediction")).json()[
		"status"
	] == "success"


@row("B4 GET, POST /stakeholders", issue="E (stakeholders)")
async def stakeholders(stage: Stage) -> None:
	assert (await stage.get("/api/v1/esg/stakeholders")).status_code == 200


@row("B4 GET /stream/metrics/{id}", issue="F (live pages)")
async def stream(stage: Stage) -> None:
	metric = await stage.metric()
	assert (await stage.get(f"/api/v1/esg/stream/metrics/{metric['id']}")).status_code == 200


@row("B4 GET /esg/health without a credential")
async def esg_health(stage: Stage) -> None:
	assert (await stage.client.get("/api/v1/esg/health")).status_code == 200


@row("B4 POST /auth/login")
async def login(stage: Stage) -> None:
	from apg.kernel.work import open_work
	from apg.platform.auth.users import service as users

	runtime = stage.app.state.runtime
	principal = stage.people.alice.principal
	username = f"guide-{stage.people.alice.user_id[-12:]}"
	async with open_work(runtime, principal, action="test", origin="task") as work:
		await users.create_user(work, username, "a long enough secret 42", "Guide", ())
	answer = await stage.client.post(
		"/auth/login", json={"username": username, "password": "a long enough secret 42"}
	)
	assert answer.status_code == 200, answer.text
	assert answer.json()["access_token"].count(".") == 2
	assert answer.json()["token_type"].lower() == "bearer"


# -- B5: real time ---------------------------------------------------------------------------------------


def _later(name: str, path: str, issue: str) -> None:
	@row(name, issue=issue)
	async def case(stage: Stage) -> None:
		answer = await stage.get(path.format(tenant=stage.people.alice.tenant_id))
		assert answer.status_code in (101, 200, 426)


_later("B5 WebSocket /esg/ws/{tenant_id}", "/api/v1/esg/ws/{tenant}", "F (live pages)")
_later("B5 subscribe to channels", "/api/v1/esg/ws/{tenant}", "F (live pages)")
_later("B5 metric_update to the client", "/api/v1/esg/ws/{tenant}", "F (live pages)")
_later("B5 metric_created on esg_metrics_updates", "/api/v1/esg/ws/{tenant}", "F (live pages)")
_later("B5 broadcast with timestamp and source", "/api/v1/esg/ws/{tenant}", "F (live pages)")
_later("B5 SSE every interval_seconds", "/api/v1/esg/stream/metrics/x", "F (live pages)")


@row("B5 targeted notification")
async def targeted(stage: Stage) -> None:
	from apg.contracts.notifications import Message, Notifications, Priority
	from apg.kernel.work import open_work

	runtime, bob = stage.app.state.runtime, stage.people.bob
	async with open_work(
		runtime, stage.people.alice.principal, action="test", origin="task"
	) as work:
		await work.port(Notifications).send(
			work, Message(bob.user_id, "esg_update", "A value changed", priority=Priority.NORMAL)
		)
	told = (await stage.get("/api/v1/notifications", "bob")).json()
	assert [(one["kind"], one["priority"]) for one in told] == [("esg_update", "normal")]


# -- B6: permissions, roles, audit words --------------------------------------------------------------------


@row("B6 three spellings of a permission")
async def spellings(stage: Stage) -> None:
	wanted = Permission("esg", "metrics", "create")
	assert Permission.parse("esg.metrics.create") == wanted
	assert Permission.parse("esg:metrics:create") == wanted
	assert Permission.parse("esg_metrics", "create") == wanted
	for text in ("esg.metrics.create", "esg:metrics:create", "esg_metrics:create"):
		body = {
			"user_id": stage.people.alice.user_id,
			"permission": text,
			"tenant_id": stage.people.alice.tenant_id,
			"resource": "esg",
		}
		assert (await stage.post("/api/v1/permissions/check", body)).json()["authorized"] is True
		body["user_id"] = stage.people.bob.user_id
		assert (await stage.post("/api/v1/permissions/check", body)).json()["authorized"] is False


@row("B6 roles with the prefix esg_")
async def roles(stage: Stage) -> None:
	names = {role.name for role in composition()["esg"].default_roles}
	assert names
	assert all(name.startswith("esg_") for name in names)
	person = await make_person(
		stage.app.state.runtime, stage.people.alice.tenant_id, "erin", ("esg_viewer",)
	)
	assert (
		await stage.client.get("/api/v1/esg/metrics", headers=person.headers)
	).status_code == 200
	assert (
		await stage.client.post("/api/v1/esg/metrics", headers=person.headers, json=METRIC)
	).status_code == 403


@row("B6 audit of creating a metric")
async def audited(stage: Stage) -> None:
	metric = await stage.metric()
	found = (await stage.get(f"/api/v1/audit?row_id={metric['id']}")).json()
	assert [entry["action"] for entry in found] == ["esg.metrics.create"]


@row("B6 security events with risk, address and agent")
async def security(stage: Stage) -> None:
	await stage.get("/api/v1/esg/metrics", "bob")
	found = (await stage.get("/api/v1/audit/security-events")).json()
	mine = [one for one in found if one["user_id"] == stage.people.bob.user_id]
	assert [(one["kind"], one["risk"]) for one in mine] == [("denied", "low")]
	assert {"address", "agent"} <= set(mine[0])


# -- B12: observability ----------------------------------------------------------------------------------------


async def _exposed(stage: Stage, name: str) -> None:
	await stage.metric()
	body, _kind = await stage.app.state.observer.render()
	assert f"{name}" in body.decode()


@row("B12 esg_requests_total")
async def requests_total(stage: Stage) -> None:
	await _exposed(
		stage, 'esg_requests_total{endpoint="/api/v1/esg/metrics",method="POST",status="201"}'
	)


@row("B12 esg_request_duration_seconds")
async def request_duration(stage: Stage) -> None:
	await _exposed(stage, 'esg_request_duration_seconds_bucket{endpoint="/api/v1/esg/metrics"')


@row("B12 esg_active_metrics_total")
async def active_metrics(stage: Stage) -> None:
	await _exposed(stage, 'esg_active_metrics_total{metric_type="environmental"')


@row("B12 /metrics is exposed")
async def exposition(stage: Stage) -> None:
	answer = await stage.client.get("/metrics")
	assert answer.status_code in (200, 404)  # 404 unless the caller is this machine
	assert any(getattr(r, "path", "") for r in stage.app.routes)


@row("B12 JSON log of an operation")
async def json_logs(stage: Stage) -> None:
	import io

	import orjson

	from apg.kernel.observe import configure_logging

	stream = io.BytesIO()
	configure_logging("INFO", stream=stream)
	try:
		await stage.metric()
	finally:
		configure_logging("ERROR")
	lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
	told = next(line for line in lines if line.get("operation") == "POST /api/v1/esg/metrics")
	assert told["service"] in ("esg_management", "sustainability_esg_management")
	assert {"request_id", "duration_ms"} <= set(told)


@row("B12 health body")
async def health_body(stage: Stage) -> None:
	body = (await stage.client.get("/api/v1/esg/health")).json()
	assert set(body) == {"status", "checks", "timestamp"}
	assert body["checks"]["database"]["details"]["response_time_ms"] < 100
	assert body["checks"]["database"]["status"] == "healthy"


@row("B12 Sentry")
async def sentry(stage: Stage) -> None:
	# What arrives at a receiver: tests/platform/operations/test_telemetry.py.
	settings = Settings(env="development", sentry_dsn="http://public@127.0.0.1:9/1")
	made = telemetry.start_sentry(settings, "web")
	try:
		assert settings.sentry_traces_rate == 0.1
		assert made.client.options["environment"] == "development"
		facts = made._facts({"operation": "GET /api/v1/esg/metrics", "request_id": "r"})
		assert facts["tags"]["capability"] == "esg"
		assert facts["contexts"]["esg"]["request_id"] == "r"
	finally:
		made.close()


@row("B12 slow operations are reported at 1,000 ms")
async def slow(stage: Stage) -> None:
	assert Settings().slow_operation_ms == 1000
	stage.app.state.observer.slow("a test", 1.2)
	body, _kind = await stage.app.state.observer.render()
	assert 'apg_slow_operations_total{operation="a test"} 1.0' in body.decode()


# -- C1: metadata of PLM -------------------------------------------------------------------------------------------


async def _manifest(stage: Stage) -> dict[str, Any]:
	told = (await stage.get("/api/v1/platform/capabilities")).json()
	found = told if isinstance(told, list) else told["capabilities"]
	return next(one for one in found if one["name"] == "product_lifecycle_management")


@row("C1 capability_id")
async def capability_id(stage: Stage) -> None:
	assert "general_cross_functional.product_lifecycle_management" in str(await _manifest(stage))


@row("C1 version and composition type")
async def version(stage: Stage) -> None:
	told = await _manifest(stage)
	assert told["version"] == "1.0.0"
	assert "core_business_capability" in str(told)


@row("C1 tags")
async def tags(stage: Stage) -> None:
	assert "product-design" in str(await _manifest(stage))


@row("C1 provides")
async def provides(stage: Stage) -> None:
	assert set((await _manifest(stage))["provides"]) == {
		"product_design_management", "engineering_change_management", "product_data_management",
		"collaboration_workflows", "lifecycle_analytics", "compliance_management",
		"innovation_intelligence",
	}  # fmt: skip


@row("C1 performance_requirements")
async def performance(stage: Stage) -> None:
	told = str(await _manifest(stage))
	assert "'response_time_ms': 500" in told
	assert "'concurrent_users': 10000" in told


@row("C1 health_check")
async def plm_health(stage: Stage) -> None:
	body = (await stage.client.get("/api/v1/plm/health")).json()
	assert {"status", "timestamp", "dependencies", "integrations", "error_counts"} <= set(body)


# -- C4: endpoints of PLM ---------------------------------------------------------------------------------------------


@row("C4 GET /products")
async def list_products(stage: Stage) -> None:
	await stage.post("/api/v1/plm/products", PRODUCT)
	answer = await stage.get(
		"/api/v1/plm/products?page=1&page_size=20&search=test&product_type=manufactured"
		"&lifecycle_phase=design&tags=test&cost_min=90&cost_max=100&sort_by=created_at&sort_order=desc"
	)
	body = answer.json()
	assert answer.status_code == 200
	assert body["success"] is True
	assert body["pagination"] == {"page": 1, "page_size": 20, "total_pages": 1, "total_count": 1}
	assert {"request_id", "response_time_ms"} <= set(body["meta"])
	document = {
		"product_id", "product_name", "product_number", "product_type", "lifecycle_phase",
		"target_cost", "current_cost", "created_at", "updated_at",
	}  # fmt: skip
	assert document <= set(body["data"][0])
	assert (await stage.get("/api/v1/plm/products?cost_min=96")).json()["data"] == []
	assert (await stage.get("/api/v1/plm/products?page_size=101")).status_code == 400


@row("C4 POST /products")
async def create_product(stage: Stage) -> None:
	made = await stage.post("/api/v1/plm/products", PRODUCT | {"auto_create_digital_twin": True})
	body = made.json()
	assert made.status_code == 201, made.text
	assert body["message"] == "Product created successfully"
	assert {"request_id", "created_at"} <= set(body["meta"])
	assert body["data"]["digital_twin_id"] is None
	assert body["data"]["digital_twin"]["status"] == "unavailable"


@row("C4 invalid product 400 with details")
async def refuse_product(stage: Stage) -> None:
	refused = await stage.post("/api/v1/plm/products", PRODUCT | {"product_name": "x"})
	body = refused.json()
	assert refused.status_code == 400
	assert (body["success"], body["error"], body["error_code"]) == (
		False,
		"Validation error",
		"VALIDATION_ERROR",
	)
	assert body["details"]["product_name"]
	assert {"request_id", "timestamp"} <= set(body["meta"])


@row("C4 GET /plm/docs/")
async def docs(stage: Stage) -> None:
	answer = await stage.get("/api/v1/plm/docs/")
	assert answer.status_code == 200
	assert "/api/v1/plm/products" in answer.text
	assert (await stage.get("/api/v1/esg/docs")).status_code == 200


@row("C4 namespaces products, changes, collaborate")
async def namespaces(stage: Stage) -> None:
	assert (await stage.get("/api/v1/plm/changes")).status_code == 200


@row("C4 create_digital_twin", issue="G (twins)")
async def create_twin(stage: Stage) -> None:
	made = await stage.post("/api/v1/plm/products", PRODUCT)
	product = made.json()["data"]["product_id"]
	answer = await stage.post(f"/api/v1/plm/products/{product}/create_digital_twin", {})
	assert answer.json()["success"] is True


@row("C4 /plm/changes/{id}/approve")
async def approve_link(stage: Stage) -> None:
	answer = await stage.post(
		f"/api/v1/plm/changes/{stage.people.alice.user_id}/approve", {"comments": ""}
	)
	assert answer.json()["error_code"] == "CHANGE_NOT_FOUND"


@row("C4 403 and 500 envelopes")
async def error_envelopes(stage: Stage) -> None:
	denied = (await stage.get("/api/v1/plm/products", "bob")).json()
	assert (denied["success"], denied["error"], denied["error_code"]) == (
		False, "Permission denied", "PERMISSION_DENIED",
	)  # fmt: skip


# -- E3-51, 54, 55 -----------------------------------------------------------------------------------------------------------


@row("E3-51 /products and /products/")
async def slashes(stage: Stage) -> None:
	for path in ("/api/v1/plm/products", "/api/v1/plm/products/"):
		assert (await stage.get(path)).status_code == 200


@row("E3-54 tenant_id and created_by of one's own are accepted")
async def own_identity(stage: Stage) -> None:
	alice, charlie = stage.people.alice, stage.people.charlie
	own = PRODUCT | {"tenant_id": alice.tenant_id, "created_by": alice.user_id}
	assert (await stage.post("/api/v1/plm/products", own)).status_code == 201
	other = PRODUCT | {"product_number": "TEST-002", "tenant_id": charlie.tenant_id}
	refused = await stage.post("/api/v1/plm/products", other)
	assert refused.status_code == 400
	assert "tenant_id" in refused.json()["details"]


@row("E3-55 permission before validation")
async def permission_first(stage: Stage) -> None:
	denied = await stage.post("/api/v1/esg/metrics", {"name": "Test"}, "bob")
	assert denied.status_code == 403


@pytest.mark.parametrize("case", CASES)
async def test_row(case: Case, stage: Stage) -> None:
	await case(stage)
