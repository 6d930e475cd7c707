"""A third party's capability from its wheel: installed, migrated, used, removed, installed again.

`docs/writing-a-capability.md` is this file in words.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from apg.kernel.stamps import utc_now
from tests.examples.installing import ROOT, Installation, build, eventually

EXAMPLE = ROOT / "examples" / "apg-calibration"
API = "/api/v1/calibration/instruments"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
	return build(EXAMPLE, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def anna(installation: Installation) -> dict[str, str]:
	"""An administrator of a company that was there before the capability."""
	made = installation.run("tenant", "create", "acme", "--name", "Acme", "--admin", "anna")
	assert made.code == 0, made.text
	return {"username": "anna", "password": made.rows[0]["password"]}


def signed_in(client: httpx.Client, person: dict[str, str]) -> dict[str, str]:
	answer = client.post("/api/v1/auth/login", json=person)
	assert answer.status_code == 200, answer.text
	return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_a_wheel_comes_works_goes_and_comes_back(
	installation: Installation, wheel: Path, anna: dict[str, str]
) -> None:
	# Installed, and behind: it says so before anybody is served.
	installation.install(wheel)
	names = [row["name"] for row in installation.run("capabilities").rows]
	assert "calibration" in names
	refused = installation.run("serve", as_json=False)
	assert refused.code == 1
	assert "calibration" in refused.text
	assert "Run apg migrate." in refused.text
	assert installation.run("migrate").rows == [{"step": "calibration: nothing → 0001"}]

	with installation.running() as client:
		kept = use(client, anna)

	# Removed: the product starts, and the table that stays is one line, not an error.
	installation.remove("apg-calibration")
	with installation.running() as client:
		headers = signed_in(client, anna)
		assert client.get(API, headers=headers).status_code == 404
		assert client.get("/calibration", headers=headers).status_code == 404
		assert client.get("/api/v1/plm/products", headers=headers).status_code == 200
		described = client.get("/api/v1/platform/capabilities", headers=headers).json()
		assert "calibration" not in {one["short"] for one in described["capabilities"]}
		# Nobody reads this event any more; that holds nothing up.
		leave(client, headers, "carl")
		findings = installation.run("doctor").rows
	assert [row for row in findings if row["state"] == "bad"] == []
	left = {
		r["what"]: r["found"] for r in findings if r["state"] == "note" and "calibration" in str(r)
	}
	assert left == {
		"tables left": "of calibration, which is not installed",
		"readers left": "calibration.release, which nobody runs here",
	}

	# Back again: what was recorded is there.
	installation.install(wheel)
	assert installation.run("migrate").rows == []
	with installation.running() as client:
		found = client.get(f"{API}/{kept['id']}", headers=signed_in(client, anna))
		assert found.json() == kept


def use(client: httpx.Client, anna: dict[str, str]) -> dict[str, Any]:
	"""API, page, rights, event, role and texts, as one company meets them."""
	headers = signed_in(client, anna)
	# Installed is not on: a company that was there before decides.
	assert client.get(API, headers=headers).status_code == 404
	roles = {one["name"] for one in client.get("/api/v1/roles", headers=headers).json()}
	assert "calibration_keeper" not in roles
	on = client.put(
		"/api/v1/tenants/current/capabilities", headers=headers, json={"calibration": True}
	)
	assert on.json()["calibration"] is True
	roles = {one["name"] for one in client.get("/api/v1/roles", headers=headers).json()}
	assert "calibration_keeper" in roles

	ben = joined(client, headers, "ben", "calibration_keeper")
	caliper = {"number": "M-017", "name": "Caliper 150 mm", "interval_months": 12}
	made = client.post(API, headers=headers, json=caliper | {"keeper_id": ben["id"]})
	assert made.status_code == 201, made.text
	assert (made.json()["standing"], made.json()["keeper_id"]) == ("new", ben["id"])
	place = made.headers["location"]
	taken = client.post(API, headers=headers, json=caliper)
	assert (taken.status_code, taken.json()["code"]) == (409, "NUMBER_TAKEN")
	wrong = client.post(API, headers=headers, json=caliper | {"interval_months": 0})
	assert wrong.status_code == 422
	late = (utc_now().date() + timedelta(days=2)).isoformat()
	wrong = client.post(f"{place}/calibrations", headers=headers, json={"calibrated_on": late})
	assert wrong.status_code == 422
	done = client.post(
		f"{place}/calibrations", headers=headers, json={"calibrated_on": "2024-02-29"}
	)
	assert (done.json()["due_on"], done.json()["standing"]) == ("2025-02-28", "overdue")
	assert client.get(API, headers=headers).json() == [done.json()]

	# A stranger to the capability is refused; the role that came with it is enough.
	dora = joined(client, headers, "dora")
	assert client.get(API, headers=dora["headers"]).status_code == 403
	assert client.get("/calibration", headers=dora["headers"]).status_code == 403
	page = client.get("/calibration", headers=ben["headers"])
	assert page.status_code == 200
	assert "Caliper 150 mm" in page.text
	assert "Overdue" in page.text
	german = client.patch(f"/api/v1/users/{ben['id']}", headers=headers, json={"locale": "de"})
	assert german.status_code == 200
	assert eventually(
		lambda: "Überfällig" in client.get("/calibration", headers=ben["headers"]).text
	)

	# Whoever leaves keeps nothing; what changed is in the trail, whoever did it.
	leave(client, headers, "ben")
	assert eventually(lambda: client.get(place, headers=headers).json()["keeper_id"] is None)
	told = eventually(lambda: client.get("/api/v1/notifications", headers=headers).json())
	assert [one["subject"] for one in told] == ["1 instruments need a new keeper"]
	trail = client.get(f"/api/v1/audit?row_id={made.json()['id']}", headers=headers).json()
	assert {one["action"] for one in trail} >= {
		"calibration.instruments.create",
		"calibration.instruments.update",
	}
	described = client.get("/openapi.json").json()
	assert described["paths"][API]["post"]["x-permission"] == "calibration.instruments.create"
	assert client.get("/api/v1/calibration/docs").status_code == 200
	joined(client, headers, "carl")
	return client.get(place, headers=headers).json()


def joined(client: httpx.Client, headers: dict[str, str], name: str, *roles: str) -> dict[str, Any]:
	"""A new member, signed in."""
	password = f"the four words of {name}"
	made = client.post(
		"/api/v1/users",
		headers=headers,
		json={
			"username": name,
			"password": password,
			"must_change_password": False,
			"roles": list(roles),
		},
	)
	assert made.status_code == 201, made.text
	person = {"username": name, "password": password}
	return {"id": made.json()["id"], "headers": signed_in(client, person)}


def leave(client: httpx.Client, headers: dict[str, str], name: str) -> None:
	(member,) = [
		one
		for one in client.get("/api/v1/users", headers=headers).json()
		if one["username"] == name
	]
	gone = client.delete(f"/api/v1/users/{member['id']}", headers=headers)
	assert gone.status_code == 204


@pytest.fixture
def texts() -> Path:
	return EXAMPLE / "src" / "apg_calibration" / "locales" / "de" / "LC_MESSAGES"


def test_the_german_catalogue_is_whole_and_compiled(texts: Path) -> None:
	"""Every visible text of the example has a translation, and the file that is read holds it."""
	from babel.messages.mofile import read_mo
	from babel.messages.pofile import read_po
	from tools.catalogue import texts as texts_of

	with (texts / "apg.po").open("rb") as file:
		written = read_po(file, locale="de")
	with (texts / "apg.mo").open("rb") as file:
		compiled = read_mo(file)
	found = {text for _place, text in texts_of(EXAMPLE / "src" / "apg_calibration")}
	assert len(found) > 20
	assert found - {m.id for m in written if m.string} == set()
	assert {m.id: m.string for m in written if m.id} == {m.id: m.string for m in compiled if m.id}
