"""`/admin/audit/seal`, and the proof of one entry as a part of its page."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.texts import _
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.audit.permissions import SEAL_VERIFY, TRAIL_EXPORT, TRAIL_READ
from apg.platform.audit.sealing import exporting, proofs, service
from apg.platform.audit.trail import schemas as trail
from apg.platform.audit.trail.service import LARGEST_SEQ

PLACE = "/admin/audit/seal"
router = Router(include_in_schema=False)


async def _standing(work: Work) -> dict[str, Any]:
	told, heads = await service.standing(work), await service.latest(work)
	return {"told": told, "heads": heads, "may_verify": work.principal.may(SEAL_VERIFY)}


@router.get("/seal")
async def seal(work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	return show(work, "audit/sealing/seal.html", **await _standing(work))


@router.get("/seal/verification")
async def verification(work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	"""The part of the page that tells how far it is."""
	return show(work, "audit/sealing/seal.html", block="verification", **await _standing(work))


@router.post("/seal/verification")
async def verify(work: Annotated[Work, allow(SEAL_VERIFY)]) -> Response:
	service.verify_soon(work)
	return lead_to(work, PLACE, text=_("The trail is being verified"))


@router.get("/export")
async def export(request: Request, work: Annotated[Work, allow(TRAIL_EXPORT)]) -> Response:
	state = ListState.of(trail.TRAIL_EXPORT, request)
	name, media, content = await exporting.export(work, state)
	headers = {"Content-Disposition": f'attachment; filename="{name}"'}
	return Response(content, media_type=media, headers=headers)


@router.get("/{seq}/seal")
async def sealed(seq: str, work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	"""Which head sealed the entry, checked now."""
	known = seq.isascii() and seq.isdigit() and int(seq) <= LARGEST_SEQ
	try:
		proof = await proofs.prove(work, int(seq) if known else 0)
	except proofs.NotSealed:
		proof = None
	return show(work, "audit/sealing/sealed.html", block="sealed", proof=proof, seq=seq)
