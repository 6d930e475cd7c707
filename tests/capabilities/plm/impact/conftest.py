"""The company of the changes, and its tasks run by hand with the rights of workers."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from tests.capabilities.plm.changes.conftest import (  # noqa: F401  fixtures
	Company,
	company,
	stocked,
)

from apg.app import make_runtime
from apg.capabilities.plm.changes import tasks as change_tasks
from apg.capabilities.plm.impact import jobs
from apg.kernel.database import role_url
from apg.kernel.roles import role_password
from apg.kernel.settings import Settings
from apg.kernel.tasks import Task
from apg.kernel.worker import TaskWorker


class Tasks:
	"""Runs a task as a worker does."""

	def __init__(self, worker: TaskWorker) -> None:
		self.worker = worker

	async def run(self, task: Task, tenant_id: str, **ids: Any) -> None:
		# A number that no other job ever had: what took effect once is not run again.
		context: Any = SimpleNamespace(job=SimpleNamespace(id=time.time_ns(), attempts=0))
		await self.worker.run_job(task, context, tenant=tenant_id, user=None, ids=ids)

	async def impact(self, at: Company, change_id: str, cause: str = "edited") -> None:
		"""The package's hash and its impact, as they follow an edit."""
		await self.run(change_tasks.refresh_package, at.tenant_id, change_id=change_id)
		await self.run(jobs.calculate, at.tenant_id, change_id=change_id, cause=cause)


@pytest.fixture
async def background(settings: Settings, app: FastAPI) -> AsyncIterator[Tasks]:
	runtime = make_runtime(settings, role="apg_worker")
	runtime.state.update(app.state.runtime.state)
	url = role_url(settings, "apg_worker", role_password(runtime.root_key, "apg_worker"))
	yield Tasks(TaskWorker(runtime, runtime.state["authenticator"].principal_of, url))
	await runtime.engine.dispose()
