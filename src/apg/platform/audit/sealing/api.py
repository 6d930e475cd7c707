"""`/api/v1/audit`: the seal, proofs, export."""

from typing import Annotated

from fastapi import Query, Request, Response

from apg.kernel.errors import NotFound
from apg.kernel.texts import _
from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.audit.permissions import SEAL_VERIFY, TRAIL_EXPORT, TRAIL_READ
from apg.platform.audit.sealing import exporting, proofs, service
from apg.platform.audit.sealing.schemas import HeadOut, ProofOut, SealOut
from apg.platform.audit.trail import schemas as trail
from apg.platform.audit.trail.service import LARGEST_SEQ

router = Router(tags=["Audit"])


@router.get("/seal", response_model=SealOut)
async def read_seal(work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	"""How far the trail is sealed, what waits, and what the last verification found."""
	return bare(work, await service.standing(work))


@router.post("/seal/verification", response_model=SealOut, status_code=202)
async def start_verification(work: Annotated[Work, allow(SEAL_VERIFY)]) -> Response:
	"""Starts a verification of the whole trail of the company; read how it goes at `/audit/seal`."""
	service.verify_soon(work)
	return bare(work, await service.standing(work), status=202)


@router.get("/heads", response_model=list[HeadOut])
async def list_heads(
	work: Annotated[Work, allow(TRAIL_READ)],
	after: Annotated[
		int, Query(ge=0, le=LARGEST_SEQ, description="Number of the last one known")
	] = 0,
	limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
	"""Signed heads in order, for a witness of one's own."""
	return bare(work, await service.heads(work, after=after, limit=limit))


@router.get(
	"/export",
	response_class=Response,
	responses={200: {"content": {media: {} for media in exporting.MEDIA.values()}}},
)
async def export_entries(request: Request, work: Annotated[Work, allow(TRAIL_EXPORT)]) -> Response:
	"""Exactly the entries that the filters of the list leave, in log order. `format`: zip (CSV, JSON
	lines and a manifest that proves them), csv or jsonl."""
	state = ListState.of(trail.TRAIL_EXPORT, request)
	name, media, content = await exporting.export(work, state)
	headers = {"Content-Disposition": f'attachment; filename="{name}"'}
	return Response(content, media_type=media, headers=headers)


@router.get("/{seq}/proof", response_model=ProofOut)
async def prove_entry(seq: str, work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	"""The proof that an entry stands in a signed head; 409 while it is younger than the last one."""
	if not (seq.isascii() and seq.isdigit() and int(seq) <= LARGEST_SEQ):
		raise NotFound(_("{what} not found", what=_("entry")))
	return bare(work, await proofs.prove(work, int(seq)))
