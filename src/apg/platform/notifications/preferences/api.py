"""`/api/v1/notifications/preferences`: what the caller wants mailed."""

from typing import Annotated

from fastapi import Response

from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.work import Work
from apg.platform.notifications.preferences import service
from apg.platform.notifications.preferences.schemas import PreferenceOut, PreferencesIn

router = Router(tags=["Notifications"])


@router.get("", response_model=list[PreferenceOut])
async def read_preferences(work: Annotated[Work, signed_in()]) -> Response:
	"""The caller's choices by kind; without one, important messages are mailed at once, others
	once a day."""
	return bare(work, await service.mine(work))


@router.put("", response_model=list[PreferenceOut])
async def choose_preferences(body: PreferencesIn, work: Annotated[Work, signed_in()]) -> Response:
	"""Makes these the caller's choices, and no others."""
	await service.choose(work, body)
	return bare(work, await service.mine(work))
