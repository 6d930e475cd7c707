"""Dashboard and alerts ask only for figures that `/metrics` really gives."""

import json
import re
from typing import Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.reading import DEPLOY
from tests.people import Person

_METRIC = re.compile(r"\b((?:apg|esg|plm)_[a-z_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")


def alerts() -> dict[str, dict[str, Any]]:
	whole = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
	return {rule["alert"]: rule for group in whole["groups"] for rule in group["rules"]}


def dashboard() -> dict[str, Any]:
	return json.loads((DEPLOY / "grafana" / "apg.json").read_text("utf-8"))


def expressions() -> list[str]:
	told = [rule["expr"] for rule in alerts().values()]
	return told + [target["expr"] for one in dashboard()["panels"] for target in one["targets"]]


async def test_every_figure_asked_for_is_exported(client: httpx.AsyncClient, alice: Person) -> None:
	await client.get("/api/v1/plm/products", headers=alice.headers)
	await client.get("/api/v1/esg/metrics", headers=alice.headers)
	answer = await client.get("/metrics")
	assert answer.status_code == 200
	families = list(text_string_to_metric_families(answer.text))
	names: dict[str, set[str]] = {}
	declared = {family.name for family in families}
	for family in families:
		for sample in family.samples:
			names.setdefault(sample.name, set()).update(sample.labels)
	asked = [found for told in expressions() for found in _METRIC.findall(told)]
	assert len({name for name, _labels in asked}) >= 8
	for name, labels in asked:
		bare = name.removesuffix("_total").removesuffix("_bucket")
		assert bare in declared or name in declared, name
		if known := names.get(name):
			assert set(_LABEL.findall(labels)) <= known | {"job", "instance"}, (name, labels)
	for name in ("apg_http_requests_total", "plm_requests_total", "esg_requests_total"):
		assert {"method", "endpoint", "status"} == names[name]
	assert "apg_event_log_horizon_seconds" in names


async def test_readers_of_the_log_are_told_by_name(client: httpx.AsyncClient, app: Any) -> None:
	"""A reader has a figure once a worker made its place in the log, and only while it is composed."""
	from apg.kernel import log

	runtime = app.state.runtime
	async with runtime.engine.connect() as connection:
		placed = {one.consumer for one in await log.lag(connection)}
	known = {one.name for one in runtime.composition.consumers}
	text = (await client.get("/metrics")).text
	shown = set(re.findall(r'apg_event_log_lag_seconds\{consumer="([^"]+)"\}', text))
	assert shown == placed & known


def test_alerts_say_what_to_do() -> None:
	assert len(alerts()) >= 6
	for name, rule in alerts().items():
		assert rule["labels"]["severity"] in ("critical", "warning"), name
		assert {"summary", "description"} <= set(rule["annotations"]), name


def test_panels_do_not_overlap() -> None:
	taken: set[tuple[int, int]] = set()
	ids: set[int] = set()
	for one in dashboard()["panels"]:
		place = one["gridPos"]
		cells = {
			(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
		}
		assert not cells & taken, one["title"]
		assert max(x for x, _y in cells) < 24
		taken |= cells
		assert one["id"] not in ids
		ids.add(one["id"])
