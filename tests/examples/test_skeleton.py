"""What `apg new-capability` writes runs as it is: built, installed, migrated, used, removed."""

from pathlib import Path

import pytest

from apg.cli.starting import write_capability
from tests.examples.installing import Installation, build

pytestmark = pytest.mark.slow


def test_the_skeleton_runs(installation: Installation, tmp_path: Path) -> None:
	write_capability("tool-crib", tmp_path)
	installation.install(build(tmp_path / "apg-tool-crib", tmp_path))
	try:
		assert installation.run("migrate").rows == [{"step": "tool_crib: nothing → 0001"}]
		# A company that comes later has it from the start, role included.
		made = installation.run("tenant", "create", "later", "--admin", "eve")
		with installation.running() as client:
			login = {"username": "eve", "password": made.rows[0]["password"]}
			token = client.post("/api/v1/auth/login", json=login).json()["access_token"]
			headers = {"Authorization": f"Bearer {token}"}
			roles = client.get("/api/v1/roles", headers=headers).json()
			assert "tool_crib_keeper" in {role["name"] for role in roles}
			api = "/api/v1/tool-crib/records"
			answer = client.post(api, headers=headers, json={"name": "Vice", "note": "Hall 2"})
			assert answer.status_code == 201, answer.text
			assert client.get(answer.headers["location"], headers=headers).json() == answer.json()
			assert client.get(api, headers=headers).json() == [answer.json()]
			again = client.post(api, headers=headers, json={"name": "Vice"})
			assert (again.status_code, again.json()["code"]) == (409, "NAME_TAKEN")
			page = client.get("/tool-crib", headers=headers)
			assert page.status_code == 200
			assert "Vice" in page.text
			assert client.get("/tool-crib/new", headers=headers).status_code == 200
			assert client.get("/api/v1/tool-crib/docs").status_code == 200
		assert [row for row in installation.run("doctor").rows if row["state"] == "bad"] == []
	finally:
		installation.remove("apg-tool-crib")
