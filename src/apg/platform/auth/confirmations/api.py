"""`POST /auth/confirm`: the person is there and means it."""

from typing import Annotated

from fastapi import Response

from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.work import Work
from apg.platform.auth.confirmations import service
from apg.platform.auth.confirmations.schemas import ConfirmationOut, ConfirmIn

router = Router(tags=["own account"])


@router.post("/confirm", response_model=ConfirmationOut, summary="Confirm with password or code")
async def confirm(body: ConfirmIn, work: Annotated[Work, signed_in()]) -> Response:
	"""A proof for one signature: good for five minutes, once, for the subject named."""
	made = await service.confirm(work, body)
	told = {
		"proof": made.text,
		"method": made.confirmation.method,
		"subject": made.confirmation.subject,
		"expires_at": made.confirmation.expires_at,
	}
	return bare(work, told, headers={"Cache-Control": "no-store"})
