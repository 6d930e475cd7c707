"""The commands on a running installation: tables, JSON, and what they change."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from apg.cli import app
from apg.embedded import launcher
from apg.kernel.migrating import admin_engine
from tests.cli.commands import Product, refused, run

pytestmark = pytest.mark.xdist_group("cli")
COMMANDS = [
	("run",), ("serve",), ("worker",), ("migrate",), ("doctor",), ("capabilities",), ("demo",),
	("tenant", "create"), ("user", "create"), ("import", "bom"), ("import", "factors"), ("audit", "verify"),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
	done = CliRunner().invoke(app, [*words, "--help"])
	assert done.exit_code == 0
	assert "Example" in done.output
	assert f"apg {' '.join(words)}" in done.output


def test_the_doctor_finds_nothing_to_mend(product: Product) -> None:
	done = run("doctor", "--json", **product.settings)
	findings = json.loads(done.stdout)
	assert [one for one in findings if one["state"] == "bad"] == []
	assert done.returncode == 0
	seen = {one["what"] for one in findings}
	assert seen >= {"disk", "secrets", "clock", "migrations", "roles", "policies", "log horizon",
		"functions with more rights", "tasks"}  # fmt: skip
	table = run("doctor", **product.settings).stdout.splitlines()
	start = table[0].index("state")
	assert {line[start : start + 4].strip() for line in table[1 : len(findings) + 1]} <= {
		"ok",
		"note",
	}


def test_the_doctor_sees_what_is_open(product: Product) -> None:
	(product.home / "demo.json").chmod(0o644)
	try:
		done = run("doctor", "--json", **product.settings)
	finally:
		(product.home / "demo.json").chmod(0o600)
	wrong = [one for one in json.loads(done.stdout) if one["state"] == "bad"]
	assert [one["what"] for one in wrong] == ["secrets"]
	assert "chmod 600 demo.json" in wrong[0]["remedy"]
	assert done.returncode == 1


def _verified(product: Product, *words: str, code: int) -> dict[str, Any]:
	done = run("audit", "verify", "--json", *words, **product.settings)
	assert done.returncode == code, (done.stdout, done.stderr)
	return json.loads(done.stdout)


def _sealed(product: Product) -> None:
	"""Waits until nothing of the running product is left to seal."""
	until = time.monotonic() + 60
	while _verified(product, code=0)["tenants"][1]["unsealed"]["entries"]:
		assert time.monotonic() < until
		time.sleep(0.5)


def test_the_trail_of_a_running_product_is_as_it_was_sealed(product: Product) -> None:
	_sealed(product)
	told = _verified(product, "--tenant", product.demo()["tenant"], code=0)
	(one,) = told["tenants"]
	assert (told["clean"], one["clean"], one["faults"]) == (True, True, [])
	assert one["name"] == product.demo()["tenant"]
	assert one["sealed"] == one["entries"] > 1_000
	assert one["window"] == "every entry is sealed"
	assert {each["what"] for each in told["recording"]} == {"recording", "recorder", "writers"}
	assert told["witness"]["file"] == str(product.home / "witness" / "heads.jsonl")
	said = run("audit", "verify", **product.settings)
	assert said.returncode == 0
	assert "The trail is as it was sealed." in said.stdout
	assert "entries a second" in said.stdout


def test_a_row_changed_by_hand_is_named_and_the_code_is_1(product: Product) -> None:
	_sealed(product)
	engine = admin_engine(launcher.start(product.home).admin_url)
	try:
		with engine.begin() as connection:
			connection.execute(text("set session_replication_role = 'replica'"))
			seq, action = connection.execute(
				text("select seq, action from audit_entries where table_name = 'plm_items' limit 1")
			).one()
			change = text("update audit_entries set action = :action where seq = :seq")
			connection.execute(change, {"seq": seq, "action": "nothing"})
		told = _verified(product, code=1)
		faults = [fault for one in told["tenants"] for fault in one["faults"]]
		assert [(fault["kind"], fault["seq"], fault["columns"]) for fault in faults] == [
			("entry_changed", seq, ["action"])
		]
		said = run("audit", "verify", **product.settings)
		assert said.returncode == 1
		assert f"Entry {seq} at place " in said.stdout
		assert "The trail is not as it was sealed." in said.stdout
		with engine.begin() as connection:
			connection.execute(text("set session_replication_role = 'replica'"))
			connection.execute(change, {"seq": seq, "action": action})
		_verified(product, code=0)
	finally:
		engine.dispose()


def test_a_witness_kept_elsewhere_is_asked_for_by_its_name(
	product: Product, tmp_path: Path
) -> None:
	copy = tmp_path / "heads.jsonl"
	copy.write_bytes((product.home / "witness" / "heads.jsonl").read_bytes())
	told = _verified(product, "--witness", str(copy), code=0)
	assert told["witness"] == {
		"file": str(copy), "there": True, "lines": len(copy.read_bytes().splitlines()), "faults": [],
	}  # fmt: skip
	gone = run("audit", "verify", "--witness", str(tmp_path / "none"), **product.settings)
	refused(gone, "There is no file", code=2)
	refused(run("audit", "verify", "--tenant", "nobody", **product.settings), "no company", code=2)


@pytest.mark.slow
def test_a_company_a_person_and_a_bill_of_materials(product: Product, tmp_path: Path) -> None:
	settings, url = product.settings, product.demo()["url"]
	made = run("tenant", "create", "acme", "--name", "Acme Ltd", "--admin", "anna@acme.example",
		"--json", **settings)  # fmt: skip
	assert made.returncode == 0, made.stderr
	anna = json.loads(made.stdout)[0]
	assert anna["tenant"] == "acme"
	again = run("tenant", "create", "acme", **settings)
	assert again.returncode == 1
	assert "Traceback" not in again.stderr
	made = run("user", "create", "ben@acme.example", "--tenant", "acme", "--role", "plm_engineer",
		"--json", **settings)  # fmt: skip
	assert made.returncode == 0, made.stderr
	ben = json.loads(made.stdout)[0]
	signed = httpx.post(f"{url}/auth/login", trust_env=False, json={
		"username": anna["username"], "password": anna["password"]})  # fmt: skip
	seen = httpx.get(f"{url}/api/v1/audit/security-events?kind=operator_entry", trust_env=False,
		headers={"Authorization": f"Bearer {signed.json()['access_token']}"})  # fmt: skip
	assert [(one["route"], one["risk"]) for one in seen.json()] == [("apg user create", "high")]
	for person in (anna, ben):
		body = {"username": person["username"], "password": person["password"]}
		answer = httpx.post(f"{url}/auth/login", json=body, trust_env=False)
		assert answer.status_code == 200, answer.text
	wrong = run("user", "create", "eve@acme.example", "--tenant", "nowhere", **settings)
	assert wrong.returncode == 1
	assert "There is no company nowhere." in wrong.stderr
	wrong = run(
		"user", "create", "eve@acme.example", "--tenant", "acme", "--role", "king", **settings
	)
	assert wrong.returncode == 1
	assert "king" in wrong.stderr

	file = tmp_path / "parts.csv"
	file.write_text("Number,Name,Level,Quantity\nA-1,Pump,0,1\nA-2,Shaft,1,2\n")
	words = ("import", "bom", str(file), "--tenant", "acme")
	dry = run(*words, "--dry-run", **settings)
	assert dry.returncode == 0, dry.stderr
	assert "Would change" in dry.stdout

	def total() -> int:
		headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
		page = httpx.get(f"{url}/api/v1/plm/products", headers=headers, trust_env=False)
		return page.json()["pagination"]["total_count"]

	assert total() == 0
	done = run(*words, **settings)
	assert done.returncode == 0, done.stderr
	assert total() == 2
	assert "Nothing to change" in run(*words, **settings).stdout
	file.write_text("Number,Name,Level,Quantity\nA-1,Pump,0,1\nA-2,Shaft,1,many\n")
	bad = run(*words, **settings)
	assert bad.returncode == 1
	assert "Nothing was imported" in bad.stderr
	assert total() == 2


def test_nothing_stays_to_migrate_and_capabilities_are_listed(product: Product) -> None:
	done = run("migrate", **product.settings)
	assert (done.returncode, done.stdout) == (0, "Everything is up to date.\n")
	listed = json.loads(run("capabilities", "--json", **product.settings).stdout)
	assert {"product_lifecycle_management", "sustainability_esg_management"} <= {
		one["name"] for one in listed
	}
	assert product.login().status_code == 200
