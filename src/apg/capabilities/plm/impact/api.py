"""The impact of a change for programs: `/api/v1/plm/changes/{id}/impact`."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import service as changes
from apg.capabilities.plm.impact import answers
from apg.capabilities.plm.impact.schemas import ImpactOut
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/changes", tags=["PLM changes"])
Id = Annotated[str, Field(max_length=100)]
Reading = Annotated[Work, allow(may.CHANGES_READ)]


@router.get("/{change_id}/impact", response_model=Ok[ImpactOut], summary="What it does above")
async def read_impact(change_id: Id, work: Reading) -> Response:
	change = await changes.found(work, change_id)
	return ok(work, await answers.of_change(work, change))
