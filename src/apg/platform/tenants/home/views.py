"""`/`: the cards of the capabilities that are on."""

from typing import Annotated

from fastapi import Response

from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.web.show import show
from apg.kernel.work import Work
from apg.platform.tenants.home import service
from apg.platform.tenants.permissions import CAPABILITIES_READ

router = Router(include_in_schema=False)


@router.get("/")
async def home(work: Annotated[Work, signed_in()]) -> Response:
	cards, places = await service.cards(work), service.places(work)
	may_switch = work.principal.may(CAPABILITIES_READ)
	return show(work, "tenants/home/home.html", cards=cards, places=places, may_switch=may_switch)
