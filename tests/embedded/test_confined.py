"""A stranger's file is read in a process that can do nothing else, and that ends."""

import asyncio
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.embedded import confined_jobs as jobs

from apg.embedded import confined as machinery
from apg.embedded.confined import Broken, Overrun, Refusal, confined

MEMORY = 500_000_000


def ask(function: Any, *args: Any, seconds: float = 20) -> Any:
	return asyncio.run(confined(function, MEMORY, seconds, *args))


def test_plain_data_goes_in_and_comes_back() -> None:
	assert ask(jobs.told, "a b") == jobs.Told(Decimal("1.50"), ("a", "b"))


def test_it_sees_no_secret_and_no_other_file(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setenv("APG_SECRET_KEY", "secret")
	found = ask(jobs.environment)
	assert set(found) <= {"LANG", "LC_CTYPE"}
	assert set(ask(jobs.descriptors)) <= {"pipe", "/dev/null", "/proc/self/fd"} | {
		name for name in ask(jobs.descriptors) if name.startswith("/proc/")
	}


def test_memory_and_time_are_bounded() -> None:
	with pytest.raises(Overrun, match="memory"):
		ask(jobs.fill_memory)
	started = time.monotonic()
	with pytest.raises(Overrun, match="time"):
		ask(jobs.forever, seconds=0.8)
	with pytest.raises(Overrun, match="time"):
		ask(jobs.spin, seconds=0.8)
	assert time.monotonic() - started < 15


def test_what_it_refuses_is_told_in_words() -> None:
	with pytest.raises(Refusal) as told:
		ask(jobs.refuse)
	assert (told.value.reason, told.value.remedy) == ("It is wrong.", "Make it right.")


@pytest.mark.parametrize("job", [jobs.break_down, jobs.fail, jobs.other_data])
def test_whatever_else_happens_is_broken(job: Any) -> None:
	with pytest.raises(Broken):
		ask(job)


def test_a_reader_serves_one_job_after_the_other_and_forgets_it() -> None:
	assert ask(jobs.count_up) == 1
	pids = {ask(jobs.parent) for _n in range(3)}
	assert len(pids) == 1
	assert ask(jobs.count_up) == 1
	with pytest.raises(Broken):
		ask(jobs.break_down)
	assert ask(jobs.parent) not in pids


def test_a_job_cannot_answer_for_the_next_one() -> None:
	ask(jobs.answer_twice)
	with pytest.raises(Broken, match="another job"):
		ask(jobs.told, "a")
	assert ask(jobs.told, "b").words == ("b",)


def test_it_writes_no_file(tmp_path: Path) -> None:
	path = tmp_path / "made"
	with pytest.raises(Broken):
		ask(jobs.write, str(path))
	assert not path.exists() or path.stat().st_size == 0


def test_a_caller_that_goes_away_ends_it() -> None:
	async def leave() -> None:
		with pytest.raises(TimeoutError):
			await asyncio.wait_for(confined(jobs.forever, MEMORY, 60), 0.8)

	started = time.monotonic()
	asyncio.run(leave())
	assert time.monotonic() - started < 15


def test_the_reserve_is_ended_with_the_process() -> None:
	ask(jobs.told, "a")
	waiting = [one._process.pid for one in machinery._idle]
	assert waiting
	machinery.end_idle()
	for pid in waiting:
		with pytest.raises(ProcessLookupError):
			os.kill(pid, 0)
