"""Proofs and exports, checked by the script of the documentation, which knows nothing of the product."""

import asyncio
import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from apg.app import make_runtime
from apg.kernel.runtime import Runtime
from apg.kernel.sealing import Sealer
from apg.kernel.settings import Settings
from apg.kernel.worker import Run
from apg.platform.audit.sealing import service
from apg.platform.audit.sealing.tasks import verify_trail
from apg.platform.tenants.tenants import service as tenants
from apg.platform.tenants.tenants.schemas import TenantPatch
from tests.platform.cast import Cast, by, page, part

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "verify_audit.py"
AUDIT = "/api/v1/audit"


@pytest.fixture
async def worker(settings: Settings, tmp_path: Path) -> AsyncIterator[Runtime]:
	made = make_runtime(settings.model_copy(update={"home": tmp_path}), role="apg_worker")
	yield made
	await made.engine.dispose()


async def rename(cast: Cast, *names: str) -> None:
	for name in names:
		async with cast.work() as work:
			await tenants.change(work, TenantPatch(name=name))


async def seal(worker: Runtime, cast: Cast) -> None:
	sealer = Sealer(worker)
	async with asyncio.timeout(60):
		while True:
			while await sealer.seal() == sealer.batch:
				pass
			async with cast.work() as work:
				if not (await service.standing(work))["unsealed"]["entries"]:
					return
			await asyncio.sleep(0.05)


def check(file: Path, *more: str) -> tuple[int, str]:
	done = subprocess.run(
		[sys.executable, str(SCRIPT), str(file), *more], capture_output=True, text=True
	)
	assert done.stderr == ""
	return done.returncode, done.stdout.strip()


async def test_a_proof_holds_for_its_entry_and_for_no_other(
	api: httpx.AsyncClient, cast: Cast, worker: Runtime, tmp_path: Path
) -> None:
	await rename(cast, 'Größe “A” \\ "quoted"', "B")
	await seal(worker, cast)
	await rename(cast, "C")
	entries = (await api.get(f"{AUDIT}?table=tenants&sort=seq", headers=by("alice"))).json()
	young = await api.get(f"{AUDIT}/{entries[-1]['seq']}/proof", headers=by("alice"))
	assert (young.status_code, young.json()["code"]) == (409, "NOT_SEALED")
	await seal(worker, cast)
	for entry in entries:
		told = await api.get(f"{AUDIT}/{entry['seq']}/proof", headers=by("alice"))
		assert told.status_code == 200
		proof = told.json()
		assert proof["verified"] is True
		assert proof["entry"]["seq"] == str(entry["seq"])
		file = tmp_path / "proof.json"
		file.write_bytes(told.content)
		assert check(file, proof["head"]["kid"]) == (0, "1 entries are as they were sealed")
	changed: list[tuple[Any, str]] = [
		(proof | {"entry": proof["entry"] | {"action": "x"}}, "does not stand in head"),
		(proof | {"place": proof["place"] - 1}, ""),
		(proof | {"head": proof["head"] | {"size": "99"}}, "the signature is wrong"),
		(proof | {"key": proof["key"] | {"x": "A" * 43}}, "not the one its id names"),
		(proof | {"path": proof["path"][:-1]}, "too short"),
	]
	for other, reason in changed:
		file.write_text(json.dumps(other))
		code, said = check(file)
		assert code == 1
		assert said.startswith("NOT PROVED: ")
		assert reason in said
	file.write_text(json.dumps(proof))
	assert check(file, "another-key")[0] == 1


async def test_an_entry_changed_by_hand_says_so(
	api: httpx.AsyncClient, cast: Cast, worker: Runtime, admin_url: str
) -> None:
	await rename(cast, "A")
	await seal(worker, cast)
	(entry,) = (
		await api.get(f"{AUDIT}?table=tenants&operation=update", headers=by("alice"))
	).json()
	shown = await api.get(f"/admin/audit/{entry['seq']}/seal", headers=page("alice"))
	assert "verified" in shown.text
	admin = await asyncpg.connect(admin_url)
	await admin.execute("set session_replication_role = 'replica'")
	await admin.execute("update audit_entries set origin = 'x' where seq = $1", entry["seq"])
	await admin.close()
	told = await api.get(f"{AUDIT}/{entry['seq']}/proof", headers=by("alice"))
	assert told.json()["verified"] is False
	shown = await api.get(f"/admin/audit/{entry['seq']}/seal", headers=page("alice"))
	assert "Not as it was sealed in head" in shown.text


async def test_four_callers(api: httpx.AsyncClient, cast: Cast, worker: Runtime) -> None:
	await rename(cast, "A")
	await seal(worker, cast)
	(entry,) = (
		await api.get(f"{AUDIT}?table=tenants&operation=update", headers=by("alice"))
	).json()
	place = f"{AUDIT}/{entry['seq']}/proof"
	assert (await api.get(place)).status_code == 401
	assert (await api.get(place, headers=by("bob"))).status_code == 403
	same = {"X-Request-ID": "same"}
	foreign = await api.get(place, headers=by("charlie", **same))
	unknown = await api.get(f"{AUDIT}/1/proof", headers=by("charlie", **same))
	assert (foreign.status_code, foreign.content) == (404, unknown.content)
	for path in ("seal", "heads", "export"):
		assert (await api.get(f"{AUDIT}/{path}", headers=by("bob"))).status_code == 403
	mine = (await api.get(f"{AUDIT}/heads", headers=by("alice"))).json()
	theirs = (await api.get(f"{AUDIT}/heads", headers=by("charlie"))).json()
	assert {head["tenant"] for head in mine} == {cast.alice.tenant_id}
	assert {head["tenant"] for head in theirs} <= {cast.charlie.tenant_id}
	assert [head["number"] for head in mine] == [str(n + 1) for n in range(len(mine))]
	after = await api.get(f"{AUDIT}/heads?after={len(mine)}", headers=by("alice"))
	assert after.json() == []


async def test_an_export_is_the_filtered_list_and_proves_itself(
	api: httpx.AsyncClient, cast: Cast, worker: Runtime, tmp_path: Path
) -> None:
	await rename(cast, "=1+1", "Second")
	await seal(worker, cast)
	await rename(cast, "Third")
	await seal(worker, cast)
	await rename(cast, "Fourth")
	query = "table=tenants&operation=update"
	listed = (await api.get(f"{AUDIT}?{query}&sort=seq", headers=by("alice"))).json()
	answer = await api.get(f"{AUDIT}/export?{query}", headers=by("alice"))
	assert answer.status_code == 200, answer.text
	assert answer.headers["content-type"] == "application/zip"
	file = tmp_path / "export.zip"
	file.write_bytes(answer.content)
	with zipfile.ZipFile(file) as bundle:
		lines = [json.loads(line) for line in bundle.read("entries.jsonl").splitlines()]
		manifest = json.loads(bundle.read("manifest.json"))
		names = {name: bundle.read(name) for name in bundle.namelist()}
	assert [int(line["seq"]) for line in lines] == [entry["seq"] for entry in listed]
	assert [json.loads(line["after"])["name"] for line in lines] == [
		entry["after"]["name"] for entry in listed
	]
	assert manifest["unsealed"] == [str(listed[-1]["seq"])]
	assert manifest["filters"] == {"table": "tenants", "operation": "update"}
	assert check(file) == (
		0,
		"1 entries were not sealed yet and are not vouched for\n3 entries are as they were sealed",
	)

	def again(**changed: bytes) -> tuple[int, str]:
		other = tmp_path / "other.zip"
		with zipfile.ZipFile(other, "w") as bundle:
			for name, content in names.items():
				bundle.writestr(name, changed.get(name.partition(".")[0], content))
		return check(other)

	rows = names["entries.jsonl"].splitlines(keepends=True)
	assert again(entries=rows[0].replace(b"task", b"page") + b"".join(rows[1:]))[0] == 1
	assert again(entries=b"".join(rows[1:]))[0] == 1
	fewer = manifest | {"entries": 3, "heads": manifest["heads"][1:]}
	assert again(entries=b"".join(rows[1:]), manifest=json.dumps(fewer).encode())[0] == 1
	lines_alone = await api.get(f"{AUDIT}/export?{query}&format=jsonl", headers=by("alice"))
	assert lines_alone.content == names["entries.jsonl"]
	table = await api.get(f"{AUDIT}/export?{query}&format=csv", headers=by("alice"))
	read = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
	assert [row["seq"] for row in read] == [line["seq"] for line in lines]
	assert read[0]["after"] == lines[0]["after"]
	async with cast.work() as work:
		found = await work.execute(
			text("select kind, risk, sum(times) from security_events group by 1, 2")
		)
		assert [tuple(row) for row in found] == [("export", "low", 3)]


async def test_a_formula_leaves_the_csv_as_text(
	api: httpx.AsyncClient, cast: Cast, admin_url: str
) -> None:
	admin = await asyncpg.connect(admin_url)
	await admin.execute(
		"insert into audit_entries (epoch, tenant_id, table_name, row_id, operation, action, origin, "
		"request_id) values (1, $1, 'plm_items', '=cmd()', 'update', 'a', 'o', '@x')",
		cast.alice.tenant_id,
	)
	await admin.close()
	for more, wanted in (("", ("'=cmd()", "'@x")), ("&raw=true", ("=cmd()", "@x"))):
		table = await api.get(
			f"{AUDIT}/export?format=csv&table=plm_items{more}", headers=by("alice")
		)
		(row,) = csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))
		assert (row["row_id"], row["request_id"]) == wanted


async def test_verification_on_demand_is_a_task_with_its_report(
	api: httpx.AsyncClient, cast: Cast, worker: Runtime, admin_url: str
) -> None:
	async def done() -> None:
		"""What the worker notes once the function has ended."""
		async with cast.work() as work:
			await work.execute(text("update task_progress set state = 'done'"))

	await rename(cast, "A", "B")
	await seal(worker, cast)
	told = await api.get(f"{AUDIT}/seal", headers=by("alice"))
	assert told.json()["verification"] is None
	assert told.json()["sealed"] >= 3
	assert told.json()["unsealed"] == {"entries": 0, "first_at": None, "last_at": None}
	assert (await api.post(f"{AUDIT}/seal/verification", headers=by("bob"))).status_code == 403
	asked = await api.post(f"{AUDIT}/seal/verification", headers=by("alice"))
	assert asked.status_code == 202
	waiting = (await api.get(f"{AUDIT}/seal", headers=by("alice"))).json()["verification"]
	assert waiting["state"] == "waiting"
	shown = await api.get("/admin/audit/seal", headers=page("alice"))
	assert "Verifying" in shown.text
	worker.settings.home.joinpath("witness").mkdir(exist_ok=True)
	await verify_trail.function(Run(worker, cast.alice, verify_trail, service.KEY, 1, 1))
	report = (await api.get(f"{AUDIT}/seal", headers=by("alice"))).json()["verification"]["report"]
	assert (report["clean"], report["faults"], report["entries"] >= 3) == (True, [], True)
	await done()
	shown = await api.get("/admin/audit/seal", headers=page("alice"))
	assert "As it was sealed" in shown.text

	admin = await asyncpg.connect(admin_url)
	await admin.execute("set session_replication_role = 'replica'")
	await admin.execute(
		"delete from audit_entries where tenant_id = $1 and seq = (select min(seq) from audit_entries "
		"where tenant_id = $1)",
		cast.alice.tenant_id,
	)
	await admin.close()
	await verify_trail.function(Run(worker, cast.alice, verify_trail, service.KEY, 1, 1))
	await done()
	shown = await api.get("/admin/audit/seal", headers=page("alice"))
	assert "Not as it was sealed" in shown.text
	assert "was removed." in shown.text
	async with cast.work() as work:
		found = await work.execute(text("select kind, risk, route from security_events"))
		assert ("verify_failed", "critical", "verification") in [tuple(row) for row in found]


async def test_the_pages_show_and_offer_what_the_api_gives(
	api: httpx.AsyncClient, cast: Cast, worker: Runtime
) -> None:
	await rename(cast, "A")
	shown = await api.get("/admin/audit?operation=update", headers=page("alice"))
	assert "/admin/audit/export?" in shown.text
	assert "format=zip" in shown.text
	got = await api.get("/admin/audit/export?operation=update&format=csv", headers=page("alice"))
	assert (got.status_code, got.headers["content-type"]) == (200, "text/csv; charset=utf-8")
	assert got.headers["content-disposition"].startswith('attachment; filename="audit-')
	assert (await api.get("/admin/audit/seal", headers=page("bob"))).status_code == 403
	part_shown = await api.get("/admin/audit/seal/verification", headers=part("alice"))
	assert "<html" not in part_shown.text
	assert "Nobody asked for one yet." in part_shown.text
