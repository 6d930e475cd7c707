"""`/admin/capabilities`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.errors import Conflict, Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.tenants.permissions import CAPABILITIES_READ, CAPABILITIES_UPDATE
from apg.platform.tenants.subscriptions import service

router = Router(include_in_schema=False)


@router.get("")
async def capabilities(work: Annotated[Work, allow(CAPABILITIES_READ)]) -> Response:
	found = await service.overview(work)
	may_switch = work.principal.may(CAPABILITIES_UPDATE)
	return show(work, "tenants/subscriptions/list.html", found=found, may_switch=may_switch)


@router.post("/{short}")
async def switch(
	short: str, request: Request, work: Annotated[Work, allow(CAPABILITIES_UPDATE)]
) -> Response:
	on = (await typed(request)).get("enabled") == "true"
	try:
		await service.switch(work, {short: on})
	except (Conflict, Invalid) as refused:
		text = refused.problems[0].message if refused.problems else refused.message
		return lead_to(work, "/admin/capabilities", text=text, kind="bad")
	name = _(work.runtime.composition[short].title)
	text = _("{name} is on", name=name) if on else _("{name} is off", name=name)
	return lead_to(work, "/admin/capabilities", text=text)
