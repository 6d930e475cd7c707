"""`/search?q=`: what the field in the top bar leads to."""

from typing import Annotated

from fastapi import Query, Response

from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.web.show import show
from apg.kernel.work import Work
from apg.platform.tenants.search import service

router = Router(include_in_schema=False)


@router.get("/search")
async def results(
	work: Annotated[Work, signed_in()], q: Annotated[str, Query(max_length=service.LONGEST)] = ""
) -> Response:
	groups, asked = await service.search(work, q), [p.title for p in service.providers(work)]
	return show(work, "tenants/search/results.html", q=q.strip(), groups=groups, asked=asked)
