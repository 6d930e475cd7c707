"""The processes of `deploy/compose.yaml`, with its commands and settings, without containers.

Only what a container gives is replaced: the address of the database, the folder of the volume, the
ports, the certificate and the image's own start script.
"""

import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apg.kernel.stamps import utc_now
from apg.kernel.testing import TEST_SECRET
from tests.cli.commands import SECONDS, environment, free_port
from tests.deploy.reading import DEPLOY, compose, filled
from tests.examples.installing import empty_database, eventually, run_name

TOKEN = "0" * 64
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.slow


@dataclass
class Stack:
	"""The services of the compose file as processes of this machine."""

	folder: Path
	database_url: str
	web: int
	http: int
	https: int

	def service(self, name: str) -> tuple[list[str], dict[str, str]]:
		"""Command and environment as compose would give them, with addresses of this machine."""
		whole = compose(
			{
				"APG_SECRET_KEY": TEST_SECRET,
				"POSTGRES_PASSWORD": "secret",
				"APG_PUBLIC_URL": f"https://localhost:{self.https}",
				"APG_METRICS_TOKEN": TOKEN,
				"APG_PROCESSES": "2",
			}
		)["services"][name]
		parts = urlsplit(self.database_url)
		here = f"{parts.hostname}:{parts.port}{parts.path}"
		given = {key: str(value) for key, value in whole["environment"].items()}
		for key, value in given.items():
			if value.startswith("postgresql://"):
				login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in value else ""
				given[key] = f"postgresql://{login}{here}"
		given["APG_HOME"] = str(self.folder / "home")
		if name == "web":
			assert given["APG_PORT"] == "8000"
			# Its proxy is on loopback here, and so is everybody else.
			given |= {"APG_PORT": str(self.web), "APG_TRUSTED_PROXIES": "127.0.0.1"}
		return whole["command"], given

	def start(self, name: str) -> subprocess.Popen[bytes]:
		(_apg, *words), given = self.service(name)
		with (self.folder / f"{name}.log").open("ab") as log:
			return subprocess.Popen(
				[sys.executable, "-P", "-m", "apg", *words],
				env=environment(**given),
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=log,
			)

	def told(self, name: str) -> str:
		return (self.folder / f"{name}.log").read_text("utf-8", "replace")


@contextmanager
def ended(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
	try:
		yield
	finally:
		for process in processes:
			if process.poll() is None:
				process.terminate()
		for process in processes:
			try:
				process.wait(60)
			except subprocess.TimeoutExpired:
				process.kill()
				process.wait()


@pytest.fixture(scope="module")
def stack(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
	"""Migrated as the compose file says, web and worker running."""
	with empty_database(server_url, run_name("deploy")) as url:
		made = Stack(tmp_path_factory.mktemp("stack"), url, free_port(), free_port(), free_port())
		early = made.start("web")
		with ended(early):
			# Compose lets it wait for the migration; a cluster starts it again until that is done.
			assert early.wait(SECONDS) == 1
		assert "Run apg migrate." in made.told("web") or "cannot" in made.told("web")
		migrate = made.start("migrate")
		with ended(migrate):
			assert migrate.wait(SECONDS) == 0, made.told("migrate")
		web, worker = made.start("web"), made.start("worker")
		with ended(web, worker):
			ready(f"http://127.0.0.1:{made.web}/ready", made, web, worker)
			yield made
		assert (web.returncode, worker.returncode) == (0, 0)


def ready(url: str, stack: Stack, *processes: subprocess.Popen[bytes]) -> None:
	until = time.monotonic() + SECONDS
	while time.monotonic() < until:
		assert all(p.poll() is None for p in processes), stack.told("web") + stack.told("worker")
		try:
			if httpx.get(url, trust_env=False, timeout=10).status_code == 200:
				return
		except httpx.TransportError:
			pass
		time.sleep(0.1)
	raise AssertionError(stack.told("web"))


def test_the_probes_answer_by_address_and_figures_ask_for_the_token(stack: Stack) -> None:
	base = f"http://127.0.0.1:{stack.web}"
	with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
		by_address = {"Host": "10.1.2.3:8000"}
		assert client.get("/live", headers=by_address).status_code == 200
		assert client.get("/ready", headers=by_address).status_code == 200
		assert client.get("/login", headers=by_address).status_code == 400
		assert client.get("/metrics").status_code == 401
		collector = {"Authorization": f"Bearer {TOKEN}", "Host": "web:8000"}

		def read() -> str:
			answer = client.get("/metrics", headers=collector)
			assert answer.status_code == 200
			return answer.text if "apg_event_log_lag_seconds{" in answer.text else ""

		# The worker has made the places of its readers, and they are up to date.
		assert "apg_http_requests_total" in eventually(read)


def test_the_web_has_no_right_of_an_administrator(stack: Stack) -> None:
	for name in ("web", "worker"):
		_command, given = stack.service(name)
		assert urlsplit(given["APG_DATABASE_URL"]).username is None
		assert not [key for key in given if "ADMIN" in key]


# -- nginx ---------------------------------------------------------------------------------------


def certificate(folder: Path) -> None:
	key = ec.generate_private_key(ec.SECP256R1())
	name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
	names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
	made = (
		x509.CertificateBuilder()
		.subject_name(name)
		.issuer_name(name)
		.public_key(key.public_key())
		.serial_number(x509.random_serial_number())
		.not_valid_before(utc_now() - timedelta(days=1))
		.not_valid_after(utc_now() + timedelta(days=1))
		.add_extension(x509.SubjectAlternativeName(names), critical=False)
		.sign(key, hashes.SHA256())
	)
	folder.mkdir()
	(folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
	(folder / "tls.key").write_bytes(
		key.private_bytes(
			serialization.Encoding.PEM,
			serialization.PrivateFormat.PKCS8,
			serialization.NoEncryption(),
		)
	)


@pytest.fixture(scope="module")
def front(stack: Stack) -> Iterator[httpx.Client]:
	"""nginx with our template as the image fills it in, and a caller who trusts its certificate."""
	if NGINX is None:
		pytest.skip("nginx is not installed")
	folder = stack.folder / "nginx"
	folder.mkdir()
	certificate(folder / "tls")
	wanted = set(compose()["services"]["nginx"]["environment"])
	given = {
		"APG_UPSTREAM": f"127.0.0.1:{stack.web}",
		"APG_HTTP_LISTEN": f"127.0.0.1:{stack.http}",
		"APG_HTTPS_LISTEN": f"127.0.0.1:{stack.https}",
		"APG_TLS": str(folder / "tls"),
	}
	assert wanted == set(given)
	site = filled((DEPLOY / "nginx" / "apg.conf.template").read_text("utf-8"), given)
	assert "${" not in site
	(folder / "site.conf").write_text(site)
	paths = "".join(
		f"{kind}_temp_path {folder}/{kind};\n"
		for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
	)
	(folder / "nginx.conf").write_text(
		f"{'user root;' if os.getuid() == 0 else ''}\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
		f"events {{}}\nhttp {{\naccess_log off;\n{paths}include {folder}/site.conf;\n}}\n"
	)
	words = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
	tested = subprocess.run([*words, "-t"], capture_output=True, text=True)
	assert tested.returncode == 0, tested.stderr
	assert "warn" not in tested.stderr
	process = subprocess.Popen([*words, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
	context = ssl.create_default_context(cafile=str(folder / "tls" / "tls.crt"))
	with ended(process):
		with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
			until = time.monotonic() + 30
			while time.monotonic() < until:
				try:
					client.get(f"https://localhost:{stack.https}/live")
					break
				except httpx.TransportError:
					time.sleep(0.1)
			yield client


def test_nginx_serves_over_tls_and_leads_there(front: httpx.Client, stack: Stack) -> None:
	secure = f"https://localhost:{stack.https}"
	page = front.get(f"{secure}/login")
	assert page.status_code == 200
	assert "max-age=" in page.headers["strict-transport-security"]
	assert "script-src 'self'" in page.headers["content-security-policy"]
	plain = front.get(f"http://localhost:{stack.http}/plm/products?page=2")
	assert (plain.status_code, plain.headers["location"]) == (
		308,
		"https://localhost/plm/products?page=2",
	)
	assert front.get(f"{secure}/openapi.json").json()["openapi"].startswith("3.")
	assert front.get(f"{secure}/metrics").status_code == 404
	headers = {"Authorization": f"Bearer {TOKEN}"}
	assert front.get(f"{secure}/metrics", headers=headers).status_code == 404


def test_what_a_caller_says_of_himself_is_not_believed(front: httpx.Client, stack: Stack) -> None:
	"""The address in X-Forwarded-For is nginx's word; a caller's own is dropped."""
	import psycopg

	secure = f"https://localhost:{stack.https}"
	answer = front.post(
		f"{secure}/api/v1/auth/login",
		json={"username": "nobody", "password": "not the password"},
		headers={"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"},
	)
	assert answer.status_code == 401
	refused = front.get(f"{secure}/login", headers={"Host": "evil.example"})
	assert refused.status_code == 400
	with psycopg.connect(stack.database_url) as connection:
		rows = connection.execute(
			"select address from security_events where kind <> 'denied'"
		).fetchall()
	assert {row[0] for row in rows} == {"127.0.0.1"}
