"""`/inbox/settings`: what is mailed."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.notifications.inbox import service as inbox
from apg.platform.notifications.mail.service import settings_of
from apg.platform.notifications.preferences import service
from apg.platform.notifications.preferences.models import EVERY
from apg.platform.notifications.preferences.schemas import CHOICES, PreferencesIn

PLACE = "/inbox/settings"
router = Router(include_in_schema=False)


async def _page(work: Work, status: int = 200, **context: Any) -> Response:
	held = {one["kind"]: one["mail"] for one in load_json(await service.mine(work))}
	known = sorted({*held, *await inbox.kinds(work)} - {EVERY})
	return show(
		work,
		"notifications/inbox/settings.html",
		status=status,
		**{
			"kinds": [EVERY, *known],
			"choices": [(value, _(text)) for value, text in CHOICES],
			"mails": settings_of(work.runtime).is_on,
			"form": FormState.of(held),
			**context,
		},
	)


@router.get("")
async def settings_page(work: Annotated[Work, signed_in()]) -> Response:
	return await _page(work)


@router.post("")
async def choose(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	values = await typed(request, work)
	given = {kind: value for kind, value in values.items() if value}
	try:
		await service.choose(work, checked(PreferencesIn, {"mail": given}))
	except Invalid as refused:
		return await _page(work, 422, block="settings", form=FormState.refused(values, refused))
	return lead_to(work, PLACE, text=_("Saved"))
