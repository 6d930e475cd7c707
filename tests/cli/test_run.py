"""`apg run`: up with everything, down with everything, also after a kill."""

import os
import signal
import stat
from pathlib import Path

import httpx
import pytest

from apg.embedded.processes import wait_gone
from tests.cli.commands import WRITTEN, Product, alive_below, free_port, gone, refused, run

pytestmark = pytest.mark.xdist_group("cli")


def test_the_demo_file_is_private_and_every_login_works(product: Product) -> None:
	file = product.home / "demo.json"
	assert stat.S_IMODE(file.stat().st_mode) == 0o600
	demo = product.demo()
	assert list(demo) == ["url", "tenant", "users"]
	assert demo["url"] == f"http://127.0.0.1:{product.port}"
	assert demo["users"][0]["role"] == "administrator"
	assert len({user["role"] for user in demo["users"]}) >= 3
	for number, user in enumerate(demo["users"]):
		answer = product.login(number)
		assert answer.status_code == 200, answer.text
		assert user["password"] in product.said()
	assert product.login().json()["tenant"] == demo["tenant"]


def test_ready_products_and_metrics_of_the_demo_company(product: Product) -> None:
	url = product.demo()["url"]
	assert httpx.get(f"{url}/ready", trust_env=False).status_code == 200
	headers = {"Authorization": f"Bearer {product.login().json()['access_token']}"}
	names: list[str] = []
	for page in range(1, 20):
		asked = {"page": page, "page_size": 100}
		told = httpx.get(
			f"{url}/api/v1/plm/products", params=asked, headers=headers, trust_env=False
		).json()
		names += [one["product_name"] for one in told["data"]]
	# Tests of the backup and of the keys may have written meanwhile.
	assert len([name for name in names if not name.startswith((WRITTEN, "Sealed under"))]) == 424
	metrics = httpx.get(f"{url}/api/v1/esg/metrics", headers=headers, trust_env=False)
	assert int(metrics.headers["x-total-count"]) == 8


def test_a_second_one_in_the_same_home_is_refused(product: Product) -> None:
	done = run("run", **product.settings | {"APG_PORT": str(free_port())})
	refused(done, f"APG already runs in {product.home}", str(product.port), "APG_HOME")
	assert product.login().status_code == 200


def test_a_taken_port_is_told_before_anything_is_made(product: Product, home: Path) -> None:
	done = run("run", APG_HOME=str(home), APG_PORT=str(product.port))
	refused(done, f"127.0.0.1:{product.port} cannot be used", "APG_PORT")
	assert not (home / "postgres").exists()
	assert alive_below(home) == []


def test_a_dead_worker_ends_all(product: Product) -> None:
	os.kill(product.children()["worker"], signal.SIGKILL)
	assert product.process is not None
	assert product.process.wait(60) == 1
	assert "apg: The worker process ended (code -9)" in product.said()
	assert gone(product.home)
	product.start()
	assert product.login().status_code == 200


@pytest.mark.slow
def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_one(product: Product) -> None:
	before = product.demo()
	children = product.children()
	assert product.signal(signal.SIGKILL) == -signal.SIGKILL
	assert wait_gone(list(children.values()), seconds=40) == []
	assert any("postgres" in words for words in alive_below(product.home))
	product.start()
	assert product.demo() == before
	assert product.login().status_code == 200
	# The server was adopted; it is this home's own, so it goes too.
	assert product.signal(signal.SIGINT) == 0
	assert gone(product.home, 5), alive_below(product.home)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_with_code_0(product: Product, number: signal.Signals) -> None:
	assert product.signal(number) == 0
	assert gone(product.home, 5), alive_below(product.home)
	product.start()
	assert "Preparing the database" not in product.said()


def test_several_processes_share_a_port_and_their_metrics(product: Product) -> None:
	assert product.signal(signal.SIGTERM) == 0
	product.more = {"APG_PROCESSES": "2", "APG_HOST": "0.0.0.0"}
	product.start()
	url = f"http://127.0.0.1:{product.port}"
	assert product.demo()["url"] == f"http://localhost:{product.port}"
	for _ in range(20):  # a new connection each, so both processes answer some
		assert httpx.get(f"{url}/live", trust_env=False).status_code == 200
	metrics = httpx.get(f"{url}/metrics", trust_env=False).text
	counted = [
		float(line.rpartition(" ")[2])
		for line in metrics.splitlines()
		if line.startswith("apg_http_requests_total") and 'endpoint="/live"' in line
	]
	assert sum(counted) == 20
	assert product.signal(signal.SIGTERM) == 0
	assert gone(product.home, 5), alive_below(product.home)
