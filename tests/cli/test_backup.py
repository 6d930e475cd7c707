"""`apg backup` while people write, `apg restore` into an empty home, and what both refuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest

import apg
from apg.embedded import launcher
from apg.embedded.state import read_state
from apg.kernel.keys import new_root_secret
from tests.cli.commands import (
	WRITTEN,
	Product,
	alive_below,
	environment,
	free_port,
	gone,
	refused,
	run,
)

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
	return tmp_path_factory.mktemp("backups")


@pytest.fixture(scope="module")
def written(installed: Product, folder: Path) -> tuple[Path, list[str], list[str]]:
	"""A backup taken while three people write; what was acknowledged before it began, and in all."""
	if installed.process is None or installed.process.poll() is not None:
		installed.start()
	url = f"http://127.0.0.1:{installed.port}/api/v1"
	headers = {"Authorization": f"Bearer {installed.login().json()['access_token']}"}
	hook = {"name": "All", "url": "https://hooks.example.com/apg", "events": ["plm.product.*"]}
	made = httpx.post(f"{url}/webhooks", json=hook, headers=headers, trust_env=False)
	assert made.status_code == 201, made.text
	taken, stop = list[str](), threading.Event()

	def write() -> None:
		with httpx.Client(headers=headers, trust_env=False, timeout=60) as client:
			while not stop.is_set():
				body = {"product_name": f"{WRITTEN} {len(taken)}", "product_type": "manufactured"}
				answer = client.post(f"{url}/plm/products", json=body)
				if answer.status_code == 201:
					taken.append(answer.json()["data"]["product_id"])

	threads = [threading.Thread(target=write) for _ in range(3)]
	for thread in threads:
		thread.start()
	try:
		until = time.monotonic() + 60
		while len(taken) < 30 and time.monotonic() < until:
			time.sleep(0.02)
		before = list(taken)
		done = run("backup", str(folder / "whole.zip"), APG_HOME=str(installed.home))
	finally:
		stop.set()
		for thread in threads:
			thread.join()
	assert done.returncode == 0, done.stderr
	assert len(before) >= 30
	assert len(taken) > len(before), "nobody wrote while the backup was made"
	return folder / "whole.zip", before, taken


@pytest.fixture(scope="module")
def backup(written: tuple[Path, list[str], list[str]]) -> Path:
	return written[0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
	home = tmp_path / "home"
	home.mkdir(mode=0o700)
	yield home
	launcher.remove(home)


@pytest.fixture
def empty(installed: Product, place: Path) -> Path:
	"""A home with nothing but the root secret."""
	shutil.copy(installed.home / "secret", place / "secret")
	return place


def connected(home: Path) -> psycopg.Connection[tuple[object, ...]]:
	state = read_state(home)
	assert state is not None
	login = f"{state.superuser}:{quote(state.password, safe='')}"
	return psycopg.connect(f"postgresql://{login}@127.0.0.1:{state.port}/apg", autocommit=True)


def manifest_of(file: Path) -> dict[str, object]:
	with zipfile.ZipFile(file) as archive:
		return json.loads(archive.read("manifest.json"))


@pytest.mark.slow
def test_a_backup_under_writes_comes_back_whole_and_goes_on(
	installed: Product, written: tuple[Path, list[str], list[str]], empty: Path
) -> None:
	file, before, taken = written
	assert file.stat().st_mode & 0o777 == 0o600
	secret = (installed.home / "secret").read_text().strip()
	manifest = manifest_of(file)
	assert secret.encode() not in file.read_bytes()
	assert manifest["files"] == 1

	done = run("restore", str(file), APG_HOME=str(empty))
	assert done.returncode == 0, (done.stdout, done.stderr)
	assert "The trail is as it was sealed." in done.stdout
	assert "Nothing to mend." in done.stdout
	assert gone(empty, 5), alive_below(empty)

	# The demo's own passwords came back with the database; the file only says them again.
	demo = installed.demo()
	port = free_port()
	demo["url"] = f"http://127.0.0.1:{port}"
	(empty / "demo.json").write_text(json.dumps(demo))
	(empty / "demo.json").chmod(0o600)
	restored = Product(empty, port, {"APG_PROCESSES": "1"})
	try:
		restored.start()
		_goes_on(restored, manifest, before, taken)
	finally:
		restored.end()
	verified = run("audit", "verify", "--json", APG_HOME=str(empty))
	assert verified.returncode == 0, verified.stdout
	assert json.loads(verified.stdout)["clean"] is True


def _goes_on(
	restored: Product, manifest: dict[str, object], before: list[str], taken: list[str]
) -> None:
	answer = restored.login()
	assert answer.status_code == 200, answer.text
	headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
	url = f"http://127.0.0.1:{restored.port}/api/v1/plm/products"
	rows = manifest["tables"]
	assert isinstance(rows, dict)
	with connected(restored.home) as connection:

		def ids(statement: str, *values: object) -> list[object]:
			return [row[0] for row in connection.execute(statement, values)]

		there = [str(one) for one in ids("select id from plm_items")]
		assert len(there) == len(set(there)) == rows["plm_items"]
		assert set(before) <= set(there)
		epoch = ids("select epoch from log_epoch")[0]
		assert epoch == 2
		created = "select count(*) from event_log where name = 'plm.product.created.v1'"
		caught = ids(created)[0]

		made = httpx.post(
			url,
			json={"product_name": "After", "product_type": "manufactured"},
			headers=headers,
			trust_env=False,
		)
		assert made.status_code == 201, made.text
		assert ids(created) == [int(str(caught)) + 1]
		assert ids("select max(epoch) from event_log") == [2]
		# Every product of the writers has its event, and every one of those events one delivery.
		told = ids(
			"select body ->> 'product_id' from event_log where name = 'plm.product.created.v1'"
		)
		ours = (set(taken) & set(there)) | {made.json()["data"]["product_id"]}
		assert ours <= {str(one) for one in told}
		assert len(told) == len(set(told))
		counts = (
			"select count(*) from event_log l left join webhook_deliveries d "
			"on d.position = l.epoch || '-' || l.xid || '-' || l.seq "
			"where l.body ->> 'product_id' = any(%s) and l.name = 'plm.product.created.v1' "
			"group by l.seq, d.position is null"
		)
		until = time.monotonic() + 60
		nothing = counts + " having d.position is null"
		while ids(nothing, sorted(ours)) and time.monotonic() < until:
			time.sleep(0.1)
		assert ids(counts, sorted(ours)) == [1] * len(ours)
		sha256 = str(ids("select sha256 from stored_files")[0])
		found = [path for path in (restored.home / "files").rglob("*") if path.is_file()]
		assert [path.name for path in found] == [sha256]


@pytest.mark.slow
def test_a_killed_restore_is_not_taken_for_an_installation(backup: Path, empty: Path) -> None:
	process = subprocess.Popen(
		[sys.executable, "-P", "-m", "apg", "restore", str(backup)],
		env=environment(APG_HOME=str(empty)),
		stdout=subprocess.DEVNULL,
		stderr=subprocess.DEVNULL,
	)
	until = time.monotonic() + 120
	while not (empty / "restoring.json").exists() and time.monotonic() < until:
		assert process.poll() is None
		time.sleep(0.005)
	process.kill()
	process.wait()
	for words in (("run",), ("restore", str(backup)), ("doctor",)):
		refused(run(*words, APG_HOME=str(empty)), "was broken off", "apg restore")


@pytest.mark.slow
def test_an_older_backup_is_brought_to_this_version(
	installed: Product, empty: Path, folder: Path
) -> None:
	"""Written by a product that lacks the last step of PLM."""
	with tempfile.TemporaryDirectory() as place:
		code, old = Path(place) / "src", Path(place) / "home"
		shutil.copytree(Path(apg.__file__).parent, code / "apg")  # with what Python compiled
		steps = sorted((code / "apg/capabilities/plm/migrations/versions").glob("0*.py"))
		steps[-1].unlink()
		old.mkdir(mode=0o711)
		old.chmod(0o711)
		Path(place).chmod(0o711)
		shutil.copy(installed.home / "secret", old / "secret")
		try:
			for words in (("migrate",), ("backup", str(folder / "older.zip"))):
				done = subprocess.run(
					[sys.executable, "-P", "-m", "apg", *words],
					env=environment(APG_HOME=str(old)) | {"PYTHONPATH": str(code)},
					capture_output=True,
					text=True,
				)
				assert done.returncode == 0, done.stderr
		finally:
			launcher.remove(old)
	versions = manifest_of(folder / "older.zip")["versions"]
	assert isinstance(versions, dict)
	assert versions["plm"] == steps[-2].name[:4]
	done = run("restore", str(folder / "older.zip"), APG_HOME=str(empty))
	assert done.returncode == 0, (done.stdout, done.stderr)
	assert f"Migrated: plm: {steps[-2].name[:4]} → {steps[-1].name[:4]}" in done.stdout


def unwritten(home: Path) -> None:
	"""Nothing but the secret is there, and nothing runs."""
	assert sorted(one.name for one in home.iterdir()) in (["secret"], [])
	assert alive_below(home) == []


def test_a_cut_backup_is_refused_before_anything_is_written(
	backup: Path, empty: Path, folder: Path
) -> None:
	whole = backup.read_bytes()
	for share in (0.0, 0.3, 0.999):
		(folder / "cut.zip").write_bytes(whole[: int(len(whole) * share)])
		done = run("restore", str(folder / "cut.zip"), APG_HOME=str(empty))
		refused(done, "is not there whole", "Nothing was written")
		unwritten(empty)


@pytest.mark.parametrize("member", ["witness.tar", "files.tar", "database.dump", "manifest.json"])
def test_one_other_byte_is_refused_before_anything_is_written(
	backup: Path, empty: Path, folder: Path, member: str
) -> None:
	whole = bytearray(backup.read_bytes())
	with zipfile.ZipFile(backup) as archive:
		info = archive.getinfo(member)
	whole[info.header_offset + info.file_size // 2] ^= 1
	(folder / "other.zip").write_bytes(whole)
	refused(run("restore", str(folder / "other.zip"), APG_HOME=str(empty)), "other.zip is")
	unwritten(empty)


def rewritten(backup: Path, target: Path, **changes: object) -> Path:
	"""The same archive with another manifest."""
	with zipfile.ZipFile(backup) as source, zipfile.ZipFile(target, "w") as sink:
		for name in source.namelist()[:-1]:
			sink.writestr(name, source.read(name))
		sink.writestr("manifest.json", json.dumps(manifest_of(backup) | changes))
	return target


def test_what_a_newer_product_wrote_is_refused(backup: Path, empty: Path, folder: Path) -> None:
	versions = manifest_of(backup)["versions"]
	assert isinstance(versions, dict)
	newer = rewritten(backup, folder / "newer.zip", versions={**versions, "plm": "9001"})
	done = run("restore", str(newer), APG_HOME=str(empty))
	refused(done, "newer than this program: plm at 9001", "Install version")
	unwritten(empty)
	other = rewritten(backup, folder / "format.zip", format=2)
	refused(run("restore", str(other), APG_HOME=str(empty)), "a format that this program")
	unwritten(empty)


def test_members_that_do_not_belong_are_refused(backup: Path, empty: Path, folder: Path) -> None:
	members = manifest_of(backup)["members"]
	assert isinstance(members, dict)
	more = {**members, "../more": members["files.tar"]}
	done = run(
		"restore", str(rewritten(backup, folder / "m.zip", members=more)), APG_HOME=str(empty)
	)
	refused(done, "damaged: the list of its members")
	unwritten(empty)


def test_another_root_secret_is_told_by_its_fingerprint(backup: Path, place: Path) -> None:
	keys = manifest_of(backup)["keys"]
	assert isinstance(keys, dict)
	wanted = keys["root"]
	refused(run("restore", str(backup), APG_HOME=str(place)), wanted, "none is set")
	unwritten(place)
	other = new_root_secret()
	done = run("restore", str(backup), APG_HOME=str(place), APG_SECRET_KEY=other)
	assert other not in refused(done, f"made under the root secret {wanted}", "this one is")
	unwritten(place)


def test_a_home_in_use_is_not_overwritten(backup: Path, product: Product) -> None:
	before = sorted(one.name for one in product.home.iterdir())
	refused(run("restore", str(backup), APG_HOME=str(product.home)), "is not empty")
	assert product.login().status_code == 200
	assert sorted(one.name for one in product.home.iterdir()) == before


def test_a_database_in_use_is_not_overwritten(backup: Path, product: Product, empty: Path) -> None:
	state = read_state(product.home)
	assert state is not None
	url = f"postgresql://postgres:{quote(state.password)}@127.0.0.1:{state.port}/apg"
	with connected(product.home) as connection:
		before = connection.execute("select count(*) from audit_entries").fetchone()
		done = run("restore", str(backup), APG_HOME=str(empty), APG_DATABASE_URL=url)
		refused(done, "The database is not empty", "createdb")
		assert connection.execute("select count(*) from audit_entries").fetchone() == before
	assert not (empty / "restoring.json").exists()


def test_a_backup_overwrites_nothing_and_makes_no_installation(
	product: Product, place: Path, tmp_path: Path
) -> None:
	there = tmp_path / "there.zip"
	there.write_text("mine")
	refused(run("backup", str(there), APG_HOME=str(product.home)), "is there already")
	assert there.read_text() == "mine"
	refused(run("backup", str(tmp_path / "x.zip"), APG_HOME=str(place)), "There is no installation")
	assert list(place.iterdir()) == []
	missing = tmp_path / "no" / "x.zip"
	refused(run("backup", str(missing), APG_HOME=str(product.home)), "There is no folder")
	assert sorted(one.name for one in tmp_path.iterdir()) == ["home", "there.zip"]


def test_a_killed_backup_leaves_no_file_that_looks_like_one(
	product: Product, tmp_path: Path
) -> None:
	process = subprocess.Popen(
		[sys.executable, "-P", "-m", "apg", "backup", str(tmp_path / "x.zip")],
		env=environment(APG_HOME=str(product.home)),
		stdout=subprocess.DEVNULL,
	)
	until = time.monotonic() + 60
	while not list(tmp_path.glob(".x.zip.*")) and time.monotonic() < until:
		assert process.poll() is None
		time.sleep(0.002)
	os.kill(process.pid, signal.SIGKILL)
	process.wait()
	assert not (tmp_path / "x.zip").exists()
	assert product.login().status_code == 200
