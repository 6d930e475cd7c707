"""The seal of the trail in a browser: one entry, the page of the seal, a verification."""

import asyncio
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from apg.app import make_runtime
from apg.kernel.principal import Principal
from apg.kernel.sealing import Sealer
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.kernel.worker import Run
from apg.platform.audit.sealing import service
from apg.platform.audit.sealing.tasks import verify_trail
from tests.journeys.browser import Site, Someone, screenshots, settled

pytestmark = pytest.mark.browser


def test_an_entry_is_sealed_and_the_trail_is_verified(
	page: Page, site: Site, admin: Someone, settings: Settings, tmp_path: Path
) -> None:
	system = Principal.system(admin.tenant_id)

	async def seal_and(verify: bool) -> int:
		worker = make_runtime(settings.model_copy(update={"home": tmp_path}), role="apg_worker")
		try:
			async with asyncio.timeout(60):
				while True:
					await Sealer(worker).seal()
					async with open_work(worker, system, action="test", origin="task") as work:
						waiting = (await service.standing(work))["unsealed"]["entries"]
						last = await work.scalar(text("select max(seq) from audit_leaves"))
					if not waiting:
						break
					await asyncio.sleep(0.05)
			if verify:
				sealer = Sealer(worker)
				await sealer.recover()
				run = Run(worker, system, verify_trail, service.KEY, 1, 1)
				await verify_trail.function(run)
				async with open_work(worker, system, action="test", origin="task") as work:
					await work.execute(text("update task_progress set state = 'done'"))
			return int(last)
		finally:
			await worker.engine.dispose()

	last = site.run(seal_and(False))
	page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + f"/admin/audit/{last}")
	settled(page)
	page.get_by_text("Sealed in head").wait_for()
	screenshots(page, "audit-entry")
	page.goto(page.url.replace(str(last), "seal"))
	settled(page)
	page.get_by_text("Nobody asked for one yet.").wait_for()
	page.get_by_role("button", name="Verify now").click()
	page.get_by_text("Verifying").wait_for()
	site.run(seal_and(True))
	page.get_by_text("As it was sealed").wait_for()
	screenshots(page, "audit-seal")
