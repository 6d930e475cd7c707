"""A capability of forty lines, on which the kernel is tried without any business."""

from decimal import Decimal
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.capability import Api, Capability
from apg.kernel.database import Base
from apg.kernel.errors import human
from apg.kernel.events import Event
from apg.kernel.permissions import Permission
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.web.envelopes import bare, bare_page, ok
from apg.kernel.web.guarded_route import Router, allow, public
from apg.kernel.web.wire import Amount, Line
from apg.kernel.work import Work

READ = Permission("sample", "notes", "read")
WRITE = Permission("sample", "notes", "update")


class Note(TenantOwned, Base):
	__tablename__ = "sample_notes"
	__human__ = "note"
	__protect__ = Protect(redact=("secret",))

	title: Mapped[str] = mapped_column()
	amount: Mapped[Decimal] = mapped_column()
	secret: Mapped[str | None] = mapped_column()
	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"title",
			name="uq_sample_notes_title",
			info=human("TITLE_TAKEN", "Another note has this title.", "title"),
		),
	)


class NoteWritten(Event):
	name = "sample.note.written.v1"
	note_id: str


class NoteIn(BaseModel):
	model_config = ConfigDict(extra="forbid")
	title: Annotated[Line, Field(min_length=1, max_length=50)]
	amount: Amount
	secret: str | None = None


def select_notes() -> Select[tuple[object, ...]]:
	return select(
		Note.id.label("id"),
		Note.title.label("title"),
		Note.amount.label("amount"),
		Note.created_at.label("created_at"),
		Note.version.label("etag"),
	)


router = Router()


@router.get("/notes")
async def list_notes(
	request: Request, work: Annotated[Work, allow(READ)], limit: int = 50
) -> Response:
	statement = select_notes().order_by(Note.title)
	page = await work.read_list(statement, limit=limit)
	return bare_page(request, page, limit=limit, offset=0)


@router.get("/notes/{note_id}")
async def read_note(note_id: str, work: Annotated[Work, allow(READ)]) -> Response:
	await work.get(Note, note_id)
	return bare(work, await work.read_one(select_notes().where(Note.id == note_id), Note))


@router.post("/notes")
async def write_note(body: NoteIn, work: Annotated[Work, allow(WRITE)]) -> Response:
	note = work.add(Note(title=body.title, amount=body.amount, secret=body.secret))
	await work.flush()
	work.publish(NoteWritten(note_id=note.id))
	return bare(
		work, await work.read_one(select_notes().where(Note.id == note.id), Note), status=201
	)


@router.put("/notes/{note_id}")
async def change_note(note_id: str, body: NoteIn, work: Annotated[Work, allow(WRITE)]) -> Response:
	note = await work.edit(Note, note_id)
	note.title, note.amount, note.secret = body.title, body.amount, body.secret
	return bare(work, await work.read_one(select_notes().where(Note.id == note_id), Note))


@router.post("/notes/boom")
async def fail(work: Annotated[Work, allow(WRITE)]) -> Response:
	work.add(Note(title="never", amount=Decimal(1)))
	raise RuntimeError("a text that nobody may see")


@router.get("/open")
@public("shown to everybody")
async def opened() -> Response:
	return Response("open")


enveloped = Router()


@enveloped.post("/notes")
async def write_enveloped(body: NoteIn, work: Annotated[Work, allow(WRITE)]) -> Response:
	note = work.add(Note(title=body.title, amount=body.amount))
	await work.flush()
	return ok(work, await work.read_one(select_notes().where(Note.id == note.id), Note), status=201)


capability = Capability(
	name="sample",
	short="sample",
	title="Sample",
	version="1.0.0",
	package="apg.contracts",
	permissions=(READ, WRITE),
	apis=(
		Api("/api/v1/sample", (router,)),
		Api("/api/v1/boxed", (enveloped,), envelope="ok"),
	),
	publishes=(NoteWritten,),
	table_prefixes=("sample_",),
)
