"""`/api/v1/plm/products/{id}/documents` for programs."""

from typing import Annotated

from fastapi import File, Form, Query, Request, Response, UploadFile
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.documents import service
from apg.capabilities.plm.documents.receiving import UPLOAD, download, pieces
from apg.capabilities.plm.documents.schemas import DocumentIn, DocumentOut
from apg.capabilities.plm.shared.document_kinds import DocumentKind
from apg.kernel.file_kinds import MEDIA_TYPES
from apg.kernel.texts import _
from apg.kernel.web.describing import answers_file
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Line
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}/documents", tags=["PLM documents"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Uploading = Annotated[
	Work, allow(may.PRODUCTS_UPDATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
Product = Annotated[str, Field(max_length=100)]
OfRevision = Annotated[
	str | None, Query(max_length=40, description="label or id, also of an order's working revision")
]


@router.get("", response_model=Ok[list[DocumentOut]], summary="List the documents of a revision")
async def list_documents(
	product_id: Product, work: Reading, revision: OfRevision = None
) -> Response:
	return ok(work, await service.listed(work, product_id, revision))


@router.post("", response_model=Ok[DocumentOut], status_code=201, summary="Attach a document")
async def attach_document(
	product_id: Product,
	work: Uploading,
	file: Annotated[UploadFile, File(description="PDF, picture, STEP, table or text")],
	kind: Annotated[DocumentKind, Form()] = DocumentKind.OTHER,
	title: Annotated[Line, Form(max_length=200)] = "",
	document_revision: Annotated[Line, Form(max_length=20)] = "",
	revision: OfRevision = None,
) -> Response:
	"""To the working revision of the product, or to the one of an order by `?revision=`."""
	given = DocumentIn(kind=kind, title=title, revision=document_revision)
	name = file.filename or "file"
	made = await service.attach(work, product_id, pieces(file), name, given, revision)
	shown = await service.read(work, product_id, made.id)
	place = f"/api/v1/plm/products/{product_id}/documents/{made.id}"
	return ok(work, shown, status=201, message=_("Document attached"), headers={"Location": place})


@router.get("/{document_id}", response_model=Ok[DocumentOut], summary="Read a document")
async def read_document(product_id: Product, document_id: str, work: Reading) -> Response:
	return ok(work, await service.read(work, product_id, document_id))


@router.get(
	"/{document_id}/file",
	summary="Fetch its file",
	responses=answers_file(*MEDIA_TYPES.values()),
)
async def fetch_document(
	product_id: Product, document_id: str, request: Request, work: Reading
) -> Response:
	return await download(work, request, product_id, document_id)


@router.delete("/{document_id}", status_code=204, summary="Take a document off")
async def remove_document(
	product_id: Product, document_id: str, work: Updating, revision: OfRevision = None
) -> Response:
	await service.take_off(work, product_id, document_id, revision)
	return Response(status_code=204)
