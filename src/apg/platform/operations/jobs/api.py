"""`/api/v1/jobs`: the company's own tasks and failed events."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.operations.jobs import service
from apg.platform.operations.jobs.schemas import FAILURES_API, JOBS_API, FailureOut, JobOut
from apg.platform.operations.permissions import JOBS_READ, JOBS_UPDATE

router = Router(tags=["Operations"])


@router.get("", response_model=list[JobOut])
async def list_jobs(request: Request, work: Annotated[Work, allow(JOBS_READ)]) -> Response:
	"""The company's tasks of the last seven days, the latest first. Filters: state, task."""
	state = ListState.of(JOBS_API, request)
	page = await service.jobs(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.get("/failures", response_model=list[FailureOut])
async def list_failures(request: Request, work: Annotated[Work, allow(JOBS_READ)]) -> Response:
	"""Events that a reader could not handle. Filters: state, consumer, event."""
	state = ListState.of(FAILURES_API, request)
	page = await service.failures(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.get("/failures/{failure}", response_model=FailureOut)
async def read_failure(failure: str, work: Annotated[Work, allow(JOBS_READ)]) -> Response:
	"""One failed event."""
	return bare(work, await service.failure(work, failure))


@router.post("/failures/{failure}/retry", response_model=FailureOut)
async def retry_failure(failure: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	"""Hands the event to its reader again."""
	return bare(work, await service.retry_failure(work, failure))


@router.delete("/failures/{failure}", status_code=204)
async def drop_failure(failure: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	"""Gives the event up for good."""
	await service.drop_failure(work, failure)
	return Response(status_code=204)


@router.get("/{job}", response_model=JobOut)
async def read_job(job: str, work: Annotated[Work, allow(JOBS_READ)]) -> Response:
	"""One task, with its progress where it tells it."""
	return bare(work, await service.job(work, job))


@router.post("/{job}/retry", response_model=JobOut)
async def retry_job(job: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	"""Queues a failed task again."""
	return bare(work, await service.retry(work, job))


@router.post("/{job}/cancel", response_model=JobOut)
async def cancel_job(job: str, work: Annotated[Work, allow(JOBS_UPDATE)]) -> Response:
	"""Takes a waiting task out of the queue, or asks a running one to stop."""
	return bare(work, await service.cancel(work, job))
