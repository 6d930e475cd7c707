"""Health tells what is wrong in words, with figures, and never with the text of an exception."""

from dataclasses import replace

import httpx
import pytest

from apg.kernel import health
from apg.kernel.capability import HealthCheck
from apg.kernel.errors import Unavailable
from apg.kernel.health import dependency_report, health_report
from apg.kernel.work import Work
from tests.platform.cast import Cast, by, page


async def test_the_report_of_an_administrator(api: httpx.AsyncClient, cast: Cast) -> None:
	answer = await api.get("/api/v1/health", headers=by("alice"))
	assert answer.status_code == 200
	body = answer.json()
	assert list(body) == ["status", "checks", "timestamp"]
	database = body["checks"]["database"]
	assert (database["status"], list(database["details"])) == ("healthy", ["response_time_ms"])
	assert 0 < database["details"]["response_time_ms"] < health.DATABASE_MS
	assert {"event_log", "log_horizon"} <= set(body["checks"])
	assert (await api.get("/api/v1/health", headers=by("bob"))).status_code == 403
	assert (await api.get("/api/v1/health")).status_code == 401
	shown = await api.get("/admin/health", headers=page("alice"))
	assert "database" in shown.text


async def fine(work: Work) -> tuple[str, str, dict[str, object]]:
	return "healthy", "Fine.", {"n": 1}


async def slow(work: Work) -> tuple[str, str, dict[str, object]]:
	return "degraded", "Slow.", {}


async def broken(work: Work) -> tuple[str, str, dict[str, object]]:
	raise Unavailable("password=hunter2 at 10.0.0.7")


async def test_the_worst_check_decides_and_secrets_stay_inside(cast: Cast) -> None:
	checks = [HealthCheck("a", fine), HealthCheck("b", slow)]
	async with cast.work() as work:
		assert (await health_report(work, checks[:1], database=False))["status"] == "healthy"
		assert (await health_report(work, checks, database=False))["status"] == "degraded"
		report = await health_report(work, [*checks, HealthCheck("c", broken)], database=False)
		assert (await health_report(work, database=False))["status"] == "healthy"
	assert report["status"] == "unhealthy"
	assert report["checks"]["a"] == {"status": "healthy", "message": "Fine.", "details": {"n": 1}}
	assert report["checks"]["c"] == {
		"status": "unhealthy",
		"message": "The check failed; the log says why.",
		"details": {},
	}
	assert "hunter2" not in str(report)


async def test_a_slow_database_is_degraded(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(health, "DATABASE_MS", 0.0)
	report = await health_report(cast.runtime)
	assert (report["status"], report["checks"]["database"]["status"]) == ("degraded", "degraded")


async def test_a_check_without_a_tenant_sees_no_rows(cast: Cast) -> None:
	from sqlalchemy import func, select

	from apg.platform.tenants.tenants.models import Tenant

	async def count(work: Work) -> tuple[str, str, dict[str, object]]:
		return "healthy", "", {"n": await work.scalar(select(func.count()).select_from(Tenant))}

	report = await health_report(cast.runtime, [HealthCheck("tenants", count)])
	assert report["checks"]["tenants"]["details"] == {"n": 0}


async def test_dependencies_are_available_off_or_absent(cast: Cast) -> None:
	whole = cast.runtime.composition
	toy = replace(
		whole["reference"], name="toy", short="toy", requires=("tenants",), uses=("nobody", "other")
	)
	other = replace(whole["reference"], name="other", short="other", always_on=False)
	whole = replace(whole, capabilities=(*whole.capabilities, toy, other))
	assert dependency_report(whole, "toy", frozenset()) == {
		"tenants": {"status": "available", "required": True},
		"nobody": {"status": "absent", "required": False},
		"other": {"status": "off", "required": False},
	}
	assert dependency_report(whole, "toy", frozenset({"other"}))["other"]["status"] == "available"


async def test_metrics_are_for_this_machine_or_the_bearer(
	api: httpx.AsyncClient, cast: Cast, desk_app: object
) -> None:
	await api.get("/api/v1/health", headers=by("alice"))
	here = await api.get("/metrics")
	assert here.status_code == 200
	assert "apg_http_requests_total" in here.text
	assert 'endpoint="/api/v1/health"' in here.text
	proxied = await api.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
	assert proxied.status_code == 404
	settings = cast.runtime.settings
	cast.runtime.settings = settings.model_copy(update={"metrics_token": "t" * 43})
	try:
		assert (await api.get("/metrics")).status_code == 401
		wrong = await api.get("/metrics", headers={"Authorization": "Bearer wrong"})
		assert wrong.status_code == 401
		right = await api.get("/metrics", headers={"Authorization": "Bearer " + "t" * 43})
		assert right.status_code == 200
	finally:
		cast.runtime.settings = settings
