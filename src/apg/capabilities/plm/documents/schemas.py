"""Documents of revisions on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from apg.capabilities.plm.examples import body
from apg.capabilities.plm.shared.document_kinds import DocumentKind
from apg.kernel.web.wire import Line, WireModel


class DocumentIn(WireModel):
	"""What is said of a file; the file itself comes beside it."""

	model_config = body({"kind": "drawing", "title": "Bracket, machining", "revision": "C"})

	kind: DocumentKind = DocumentKind.OTHER
	title: Annotated[Line, Field(max_length=200)] = ""
	revision: Annotated[Line, Field(max_length=20)] = ""


class RevisionNamed(WireModel):
	revision_id: str
	revision: str
	state: str


class DocumentOut(WireModel):
	"""`revision` is the document's own; `attached_to` are the revisions of the product it belongs to."""

	document_id: str
	product_id: str
	kind: str
	title: str
	revision: str
	file_name: str
	media_type: str
	size: int
	sha256: str
	attached_to: list[RevisionNamed]
	created_at: datetime
	updated_at: datetime
	created_by: str | None
