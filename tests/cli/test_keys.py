"""`apg keys rotate` while people work: what older keys signed stays good."""

import base64
import json
import threading
import time

import httpx
import pytest

from tests.cli.commands import Product, refused, run

pytestmark = pytest.mark.xdist_group("cli")


def key_of(token: str) -> str:
	head = token.partition(".")[0]
	return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def rotate(product: Product, purpose: str) -> str:
	done = run("keys", "rotate", purpose, "--json", APG_HOME=str(product.home))
	assert done.returncode == 0, done.stderr
	return json.loads(done.stdout)[0]["key"]


def listed(product: Product, purpose: str) -> list[tuple[str, str]]:
	done = run("keys", "list", "--json", APG_HOME=str(product.home))
	rows = json.loads(done.stdout)
	return [(row["key"], row["signs"]) for row in rows if row["purpose"] == purpose]


def token_of(product: Product) -> str:
	"""Signs in; where that was asked too often, it waits as it is told."""
	for _attempt in range(20):
		told = product.login().json()
		if "access_token" in told:
			return told["access_token"]
		time.sleep(7)
	raise AssertionError(told)


@pytest.mark.slow
def test_tokens_of_the_key_before_are_good_while_the_new_one_signs(product: Product) -> None:
	old = product.login().json()["access_token"]
	answers, stop = list[int](), threading.Event()

	def read() -> None:
		headers = {"Authorization": f"Bearer {old}"}
		url = f"http://127.0.0.1:{product.port}/api/v1/plm/products?limit=1"
		with httpx.Client(headers=headers, trust_env=False, timeout=60) as client:
			while not stop.wait(0.02):
				answers.append(client.get(url).status_code)

	reading = threading.Thread(target=read)
	reading.start()
	try:
		new = rotate(product, "token")
		assert listed(product, "token") == [(key_of(old), "no"), (new, "yes")]
		until = time.monotonic() + 90
		while key_of(token_of(product)) != new:
			assert time.monotonic() < until, "no process signs with the new key"
			time.sleep(7)  # an account may sign in ten times a minute
		after = len(answers)
		while len(answers) < after + 20 and reading.is_alive():
			time.sleep(0.05)
	finally:
		stop.set()
		reading.join()
	assert len(answers) > 20
	assert set(answers) == {200}
	known = httpx.get(f"http://127.0.0.1:{product.port}/.well-known/jwks.json", trust_env=False)
	if known.status_code == 200:
		assert {key_of(old), new} <= {key["kid"] for key in known.json()["keys"]}


@pytest.mark.slow
def test_heads_of_both_audit_keys_verify(product: Product) -> None:
	headers = {"Authorization": f"Bearer {token_of(product)}"}
	new = rotate(product, "audit")
	before = listed(product, "audit")
	assert (len(before), before[-1]) == (2, (new, "yes"))
	body = {"product_name": "Sealed under the new key", "product_type": "manufactured"}
	url = f"http://127.0.0.1:{product.port}/api/v1/plm/products"
	assert httpx.post(url, json=body, headers=headers, trust_env=False).status_code == 201
	witness = product.home / "witness" / "heads.jsonl"
	until = time.monotonic() + 60
	while f'"{new}"' not in witness.read_text():
		assert time.monotonic() < until, "no head under the new key"
		time.sleep(0.2)
	assert f'"{before[0][0]}"' in witness.read_text()
	done = run("audit", "verify", "--json", APG_HOME=str(product.home))
	assert json.loads(done.stdout)["clean"] is True, done.stdout


def test_a_purpose_that_nothing_is_signed_for_is_refused(product: Product) -> None:
	before = listed(product, "token")
	done = run("keys", "rotate", "cookie", APG_HOME=str(product.home))
	refused(done, "purpose cookie", "token, audit, publication")
	assert listed(product, "token") == before
