"""The description is good enough that a client made from it by a generator of others works."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.contracts.served import Served, served
from tests.people import make_tenant

from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.platform.auth.passwords import hash_password
from apg.platform.auth.users import service as users

PASSWORD = "a lantern in the reading room"
# What this generator cannot take, and what of it is none of our doing.
UNABLE = {"application/pdf", "text/csv"}


@pytest.fixture(scope="module")
def product(settings: Settings) -> Iterator[Served]:
	with served(settings) as made:
		yield made


@pytest.fixture(scope="module")
def username(product: Served) -> str:
	"""An administrator with a password of her own."""
	runtime = product.app.state.runtime

	async def make() -> str:
		tenant = await make_tenant(runtime)
		facts = await runtime.state["authenticator"].principal_of(tenant, None)
		hashed = await hash_password(PASSWORD)
		async with open_work(runtime, facts, action="test", origin="task") as work:
			user = await users.add_user(
				work, f"dora-{tenant[-12:]}", password_hash=hashed, display_name="Dora"
			)
			await users.join(work, user.id, ("tenant_admin",))
			return user.username

	return product.run(make)


@pytest.fixture(scope="module")
def client_of(
	product: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Any]]:
	"""A module of the generated package by its name."""
	folder = tmp_path_factory.mktemp("client")
	(folder / "openapi.json").write_text(json.dumps(product.document))
	(folder / "config.yml").write_text("post_hooks: []\n")
	told = subprocess.run(
		[
			sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json",
			"--meta", "none", "--output-path", "apg_client", "--config", "config.yml",
		],
		cwd=folder, capture_output=True, text=True, timeout=300,
	)  # fmt: skip
	assert told.returncode == 0, told.stdout + told.stderr
	assert "Unable to process schema" not in told.stdout, told.stdout
	warned = told.stdout.split("WARNING")[1:]
	assert [one for one in warned if not any(kind in one for kind in UNABLE)] == []
	sys.path.insert(0, str(folder))
	try:
		yield lambda name: importlib.import_module(f"apg_client{name}")
	finally:
		sys.path.remove(str(folder))
		for name in [name for name in sys.modules if name.split(".")[0] == "apg_client"]:
			del sys.modules[name]


def test_a_generated_client_signs_in_writes_and_reads(
	product: Served, username: str, client_of: Callable[[str], Any]
) -> None:
	anonymous = client_of("").Client(base_url=product.url, timeout=60)
	models = client_of(".models")
	login = client_of(".api.sign_in.auth_login").sync_detailed
	refused = login(
		client=anonymous, body=models.LoginIn(username=username, password="not the password")
	)
	assert (int(refused.status_code), type(refused.parsed).__name__) == (401, "BareError")
	tokens = login(
		client=anonymous, body=models.LoginIn(username=username, password=PASSWORD)
	).parsed
	mine = client_of("").AuthenticatedClient(
		base_url=product.url, token=tokens.access_token, timeout=60
	)

	create = client_of(".api.plm_products.plm_create_product").sync_detailed
	made = create(
		client=mine,
		body=models.ProductIn(
			product_name="Pump", product_type=models.ProductType("manufactured"), current_cost=12.5
		),
	)
	assert int(made.status_code) == 201, made.content
	assert (made.parsed.data.product_name, made.parsed.data.current_cost) == ("Pump", 12.5)
	listed = client_of(".api.plm_products.plm_list_products").sync(client=mine)
	assert [one.product_id for one in listed.data] == [made.parsed.data.product_id]
	assert listed.pagination.total_count == 1
	short = create(
		client=mine,
		body=models.ProductIn(product_name="P", product_type=models.ProductType("manufactured")),
	)
	assert int(short.status_code) == 400
	assert short.parsed.details.additional_properties == {
		"product_name": ["Give at least 3 characters."]
	}

	metric = client_of(".api.esg_metrics.esg_create_metric").sync(
		client=mine,
		body=models.MetricIn(
			name="Electricity", code="KWH", metric_type=models.MetricType("environmental"), category="energy",
			unit="kWh",
		),
	)  # fmt: skip
	day = datetime(2026, 1, 31, tzinfo=UTC)
	reading = client_of(".api.esg_measurements.esg_record_measurement").sync_detailed(
		metric.id, client=mine, body=models.MeasurementIn(value=98250.5, measurement_date=day)
	)
	assert int(reading.status_code) == 201, reading.content
	assert (reading.parsed.value, reading.parsed.measurement_date) == (98250.5, day)
	again = client_of(".api.esg_metrics.esg_read_metric").sync(metric.id, client=mine)
	assert again.current_value == 98250.5
