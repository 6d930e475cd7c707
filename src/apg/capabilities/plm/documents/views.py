"""`/plm/products/{id}/documents`: what belongs to a revision, and what its class asks for."""

from typing import Annotated, Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.documents import service
from apg.capabilities.plm.documents.receiving import UPLOAD, download, pieces
from apg.capabilities.plm.documents.schemas import DocumentIn
from apg.capabilities.plm.products import framing
from apg.capabilities.plm.refusals import as_invalid
from apg.capabilities.plm.shared.document_kinds import DocumentKind
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, TooLarge
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}/documents", include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Uploading = Annotated[
	Work, allow(may.PRODUCTS_UPDATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
FIELDS = ("kind", "title", "document_revision")


async def _page(
	work: Work, product_id: str, revision: str | None, status: int = 200, **more: Any
) -> Response:
	frame = await framing.frame(work, product_id, "documents", revision)
	shown = frame["product"]["revision_id"]
	context: dict[str, Any] = {
		**frame,
		"rows": load_json(await service.listed(work, product_id, shown)),
		"asked": await service.asked_for(work, product_id, shown),
		"kinds": [(str(one), _(str(one).replace("_", " ").capitalize())) for one in DocumentKind],
		"form": FormState.of({"kind": "drawing"}),
		"here": f"/plm/products/{product_id}/documents",
		**more,
	}
	return show(work, "plm/documents/documents.html", status=status, **context)


@router.get("")
async def documents_page(product_id: str, work: Reading, revision: str | None = None) -> Response:
	return await _page(work, product_id, revision)


def _place(product_id: str, revision: str | None) -> str:
	return f"/plm/products/{product_id}/documents" + (f"?revision={revision}" if revision else "")


@router.post("")
async def attach(
	product_id: str, request: Request, work: Uploading, revision: str | None = None
) -> Response:
	async with request.form(max_files=1, max_fields=10) as sent:
		values = {name: text for name in FIELDS if isinstance(text := sent.get(name), str)}
		try:
			file = sent.get("file")
			if not isinstance(file, UploadFile) or not file.filename:
				raise Invalid.one("file", _("Choose a file."), "missing")
			said = {name: one for name, one in values.items() if one}
			if "document_revision" in said:
				said["revision"] = said.pop("document_revision")
			given = checked(DocumentIn, said)
			await service.attach(work, product_id, pieces(file), file.filename, given, revision)
		except (Invalid, TooLarge, Conflict) as refused:
			await work.close()
			told = refused if isinstance(refused, Invalid) else Invalid.one("file", refused.message)
			form = FormState.refused(values, as_invalid(told))
			return await _page(work, product_id, revision, 422, block="form", form=form)
	return lead_to(work, _place(product_id, revision), text=_("The document is attached."))


@router.get("/{document_id}/file")
async def fetch(product_id: str, document_id: str, request: Request, work: Reading) -> Response:
	return await download(work, request, product_id, document_id)


@router.post("/{document_id}/remove")
async def remove(
	product_id: str, document_id: str, work: Updating, revision: str | None = None
) -> Response:
	await service.take_off(work, product_id, document_id, revision)
	return lead_to(work, _place(product_id, revision), text=_("The document is taken off."))
