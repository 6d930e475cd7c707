"""`/admin/jobs`."""

from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Conflict
from apg.kernel.texts import _
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.operations.jobs import service
from apg.platform.operations.jobs.schemas import FAILURES, JOBS
from apg.platform.operations.permissions import JOBS_READ, JOBS_UPDATE

PLACE, FAILURES_PLACE = "/admin/jobs", "/admin/jobs/failures"
router = Router(include_in_schema=False)


@router.get("")
async def jobs(request: Request, work: Annotated[Work, allow(JOBS_READ)]) -> Response:
	state = ListState.of(JOBS, request)
	page = await service.jobs(work, state)
	return _list(work, "jobs", state, load_json(page.body), page.total)


@router.get("/failures")
async def failures(request: Request, work: Annotated[Work, allow(JOBS_READ)]) -> Response:
	state = ListState.of(FAILURES, request)
	page = await service.failures(work, state)
	return _list(work, "failures", state, load_json(page.body), page.total)


@router.post("/failures/{failure}/retry")
async def retry_failure(failure: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	await service.retry_failure(work, failure)
	return lead_to(work, FAILURES_PLACE, text=_("It is tried again now"))


@router.post("/failures/{failure}/drop")
async def drop_failure(failure: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	await service.drop_failure(work, failure)
	return lead_to(work, FAILURES_PLACE, text=_("Given up for good"))


@router.post("/{job}/retry")
async def retry(job: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	return await _done(work, service.retry(work, job), _("The task waits to run again"))


@router.post("/{job}/cancel")
async def cancel(job: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	return await _done(work, service.cancel(work, job), _("The task was called off"))


async def _done(work: Work, deed: Awaitable[bytes], text: str) -> Response:
	try:
		await deed
	except Conflict as refused:
		return lead_to(work, PLACE, text=refused.message, kind="bad")
	return lead_to(work, PLACE, text=text)


def _list(work: Work, tab: str, state: ListState, rows: Any, total: int) -> Response:
	may_change = work.principal.may(JOBS_UPDATE)
	return show(
		work, f"operations/jobs/{tab}.html", tab=tab, state=state, rows=rows, total=total,
		may_change=may_change,
	)  # fmt: skip
