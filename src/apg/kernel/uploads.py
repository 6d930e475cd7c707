"""Files that come in: streamed to a place outside of every web root, bounded, kept by content.

`receive` takes the bytes, `hold` says what the file is for and who may fetch it, `release` ends
that. A file that nothing holds is removed by the nightly task, at once where `release` ended it.
"""

import asyncio
import hashlib
import io
import os
import secrets
import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy.exc import DBAPIError

from apg.kernel import file_kinds
from apg.kernel.errors import Gone, NotFound, TooLarge
from apg.kernel.file_kinds import HEAD, LIMITS, MEGABYTE, Kind, Unreadable
from apg.kernel.permissions import Permission
from apg.kernel.tasks import Schedule, every, task
from apg.kernel.tenancy import protect_sql
from apg.kernel.texts import _
from apg.kernel.work import Work, open_work

__all__ = ["Kind", "StoredFile", "Unreadable", "hold", "place", "receive", "release"]
CHUNK = 1024 * 1024
NAME = 200
UNHELD_HOURS = 24  # an upload that nothing took up is kept so long
_LOCK = "select pg_advisory_xact_lock(hashtextextended('files/' || $1::text, 0))"

DDL: tuple[str, ...] = (
	"""
	create table stored_files (
		id uuid primary key default gen_random_uuid(),
		tenant_id uuid not null,
		sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
		size bigint not null check (size >= 0),
		kind text not null,
		name text not null,
		state text not null default 'kept' check (state in ('kept', 'missing')),
		created_by uuid,
		created_at timestamptz not null default clock_timestamp(),
		received_at timestamptz not null default clock_timestamp(),
		unique (tenant_id, id),
		constraint uq_stored_files_sha256 unique (tenant_id, sha256)
	)
	""",
	"""
	create table file_holds (
		tenant_id uuid not null,
		file_id uuid not null,
		holder text not null,
		subject_id uuid not null,
		permission text not null,
		name text not null,
		created_at timestamptz not null default clock_timestamp(),
		primary key (tenant_id, file_id, holder, subject_id),
		foreign key (tenant_id, file_id) references stored_files (tenant_id, id)
	)
	""",
	"create index ix_file_holds_subject on file_holds (tenant_id, holder, subject_id)",
	*protect_sql("stored_files"),
	*protect_sql("file_holds", audited=False),
)


@dataclass(frozen=True, slots=True)
class StoredFile:
	"""A file that is safe on disk: its id, SHA-256 in hexadecimal, bytes, kind, the given name."""

	id: str
	sha256: str
	size: int
	kind: Kind
	filename: str


def folder_of(home: Path, tenant_id: str) -> Path:
	return home / "files" / tenant_id


def _place(home: Path, tenant_id: str, sha256: str) -> Path:
	return folder_of(home, tenant_id) / sha256[:2] / sha256


def clean_name(name: str) -> str:
	"""The last part of a path, without what no screen should show."""
	last = name.replace("\\", "/").rsplit("/", 1)[-1]
	return "".join(char if char.isprintable() else "\ufffd" for char in last)[:NAME] or "file"


async def receive(
	work: Work, pieces: AsyncIterator[bytes], filename: str, kinds: Collection[Kind]
) -> StoredFile:
	"""Writes the pieces to disk while counting them; the row stands when `work` commits.

	The same content is kept once in a tenant. Refused or rolled back, nothing is left. Raises
	Unreadable, TooLarge (with QUOTA_EXCEEDED for the tenant's storage).
	"""
	tenant_id, home = work.principal.tenant_id, work.runtime.settings.home
	folder = folder_of(home, tenant_id)
	await to_thread(folder.mkdir, 0o700, True, True)
	part = folder / f".{secrets.token_hex(8)}.part"
	try:
		kind, size, sha256 = await _spool(work, pieces, part, kinds)
		await to_thread(file_kinds.check, part, kind)
		connection = await work.connection()
		await connection.exec_driver_sql(_LOCK, (tenant_id,))
		name = clean_name(filename)
		held = (
			await connection.exec_driver_sql(
				"update stored_files set received_at = clock_timestamp(), state = 'kept' "
				"where sha256 = $1 returning id::text",
				(sha256,),
			)
		).scalar_one_or_none()
		target = _place(home, tenant_id, sha256)
		if held is None:
			await _check_quota(work, size)
			held = (
				await connection.exec_driver_sql(
					"insert into stored_files (tenant_id, sha256, size, kind, name, created_by) "
					"values ($1, $2, $3, $4, $5, $6) returning id::text",
					(tenant_id, sha256, size, kind.value, name, work.principal.user_id),
				)
			).scalar_one()
			work.after_rollback(lambda: _remove_unrecorded(work, sha256))
		if not await to_thread(target.exists):
			await to_thread(_put, part, target)
		return StoredFile(str(held), sha256, size, kind, name)
	finally:
		await asyncio.shield(to_thread(part.unlink, True))


async def _spool(
	work: Work, pieces: AsyncIterator[bytes], part: Path, kinds: Collection[Kind]
) -> tuple[Kind, int, str]:
	limits = work.runtime.settings.file_limits
	descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
	digest, size, head, kind, limit = hashlib.sha256(), 0, b"", None, CHUNK
	with os.fdopen(descriptor, "wb") as file:
		async for piece in pieces:
			size += len(piece)
			if kind is None:
				head += piece[: HEAD - len(head)]
				if len(head) == HEAD:
					kind = _accepted(head, kinds)
					limit = limits.get(kind.value, LIMITS[kind])
			if size > limit:
				raise _too_large(kind, limit)
			await to_thread(_take, digest, file, piece)
		kind = kind or _accepted(head, kinds)
		if size > (limit := limits.get(kind.value, LIMITS[kind])):
			raise _too_large(kind, limit)
		file.flush()
		await to_thread(os.fsync, file.fileno())
	return kind, size, digest.hexdigest()


def _take(digest: Any, file: io.BufferedWriter, piece: bytes) -> None:
	digest.update(piece)
	file.write(piece)


def _accepted(head: bytes, kinds: Collection[Kind]) -> Kind:
	kind = file_kinds.guess(head) if head.strip() else None
	if not head.strip():
		raise Unreadable(_("The file is empty."), _("Export it again and check it."))
	if kind is None or kind not in kinds:
		raise Unreadable(
			_("By its content this is a {kind} file.", kind=kind.upper())
			if kind
			else _("The content of the file is of no kind that is taken."),
			_("Give one of these: {kinds}.", kinds=", ".join(sorted(k.upper() for k in kinds))),
		)
	return kind


def _too_large(kind: Kind | None, limit: int) -> TooLarge:
	return TooLarge(
		_(
			"The file is larger than the {n} MB that {kind} files may have; split it.",
			n=limit // MEGABYTE,
			kind=(kind or Kind.TEXT).upper(),
		)
	)


async def _check_quota(work: Work, size: int) -> None:
	used, quota = await used_bytes(work), work.runtime.settings.storage_quota
	if used + size > quota:
		raise TooLarge(
			_(
				"Your company keeps {used} MB of files and may keep {allowed} MB; this one has {n} "
				"MB. Remove files that are not needed, or ask the operator for more room.",
				used=f"{used / MEGABYTE:.1f}",
				allowed=f"{quota / MEGABYTE:.1f}",
				n=f"{size / MEGABYTE:.1f}",
			),
			code="QUOTA_EXCEEDED",
		)


async def used_bytes(work: Work) -> int:
	"""What the tenant's files take, each content once."""
	rows = await (await work.connection()).exec_driver_sql(
		"select coalesce(sum(size), 0)::bigint from stored_files"
	)
	return rows.scalar_one()


def _put(part: Path, target: Path) -> None:
	target.parent.mkdir(0o700, exist_ok=True)
	part.replace(target)
	for folder in (target.parent, target.parent.parent):
		descriptor = os.open(folder, os.O_RDONLY)
		try:
			os.fsync(descriptor)  # else a crash may forget the name of a file that was acknowledged
		finally:
			os.close(descriptor)


async def _remove_unrecorded(work: Work, sha256: str) -> None:
	"""Removes the bytes of a file that no committed row names; under the lock of `receive`."""
	runtime, principal = work.runtime, work.principal
	path = _place(runtime.settings.home, principal.tenant_id, sha256)
	with suppress(DBAPIError, OSError, TimeoutError):  # the nightly task does what fails here
		async with open_work(runtime, principal, action="files.tidy", origin="task") as after:
			connection = await after.connection()
			await connection.exec_driver_sql(_LOCK, (principal.tenant_id,))
			rows = await connection.exec_driver_sql(
				"select 1 from stored_files where sha256 = $1", (sha256,)
			)
			if rows.first() is None:
				await to_thread(path.unlink, True)


async def hold(
	work: Work, file: StoredFile, holder: str, subject_id: str, permission: Permission
) -> None:
	"""Keeps the file for a row: `holder` is its table. Who may `permission` may fetch it."""
	await (await work.connection()).exec_driver_sql(
		"insert into file_holds (tenant_id, file_id, holder, subject_id, permission, name) "
		"values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
		(work.principal.tenant_id, file.id, holder, subject_id, str(permission), file.filename),
	)


async def release(work: Work, holder: str, subject_id: str) -> None:
	"""The row needs its files no longer; those that nothing else holds go when `work` commits."""
	connection = await work.connection()
	await connection.exec_driver_sql(_LOCK, (work.principal.tenant_id,))
	ended = await connection.exec_driver_sql(
		"delete from file_holds where holder = $1 and subject_id = $2 returning file_id",
		(holder, subject_id),
	)
	gone = await connection.exec_driver_sql(
		"delete from stored_files f where id = any($1::uuid[]) and not exists "
		"(select from file_holds h where h.file_id = f.id) returning sha256",
		([row[0] for row in ended],),
	)
	for (sha256,) in gone.all():
		work.after_commit(lambda name=sha256: _remove_unrecorded(work, name))


async def place(work: Work, sha256: str) -> Path:
	"""Where the bytes of a file of this tenant are. Raises NotFound; Gone when they are lost."""
	rows = await (await work.connection()).exec_driver_sql(
		"select 1 from stored_files where sha256 = $1", (sha256,)
	)
	if rows.first() is None:
		raise NotFound(_("File not found"))
	path = _place(work.runtime.settings.home, work.principal.tenant_id, sha256)
	if not await to_thread(path.is_file):
		raise Gone(_("The file is no longer kept; upload it again."))
	return path


async def fetchable(work: Work, sha256: str) -> StoredFile:
	"""The file, if the caller may read a row that holds it. Raises NotFound, for both alike."""
	rows = await (await work.connection()).exec_driver_sql(
		"select f.id::text, f.size, f.kind, h.name, h.permission from stored_files f "
		"join file_holds h on h.file_id = f.id where f.sha256 = $1 order by h.created_at desc",
		(sha256,),
	)
	for row in rows.all():
		file_id, size, kind, name, permission = cast(tuple[str, int, str, str, str], row)
		if work.principal.may(Permission.parse(permission)):
			return StoredFile(file_id, sha256, size, Kind(kind), name)
	raise NotFound(_("File not found"))


@task(name="kernel.uploads.remove_orphans")
async def remove_orphans(work: Work) -> None:
	"""Removes of one tenant what nothing holds: rows and bytes; marks rows whose bytes are lost."""
	tenant_id, home = work.principal.tenant_id, work.runtime.settings.home
	connection = await work.connection()
	await connection.exec_driver_sql(_LOCK, (tenant_id,))
	await connection.exec_driver_sql(
		"delete from stored_files f where received_at < clock_timestamp() - make_interval(hours => $1) "
		"and not exists (select from file_holds h where h.file_id = f.id)",
		(UNHELD_HOURS,),
	)
	rows = await connection.exec_driver_sql("select sha256 from stored_files")
	recorded = {row[0] for row in rows.all()}
	there = await to_thread(_on_disk, folder_of(home, tenant_id))
	await connection.exec_driver_sql(
		"update stored_files set state = 'missing' where sha256 = any($1::text[])",
		(sorted(recorded - set(there)),),
	)
	outgrown = time.time() - UNHELD_HOURS * 3_600

	async def unlink() -> None:
		for name, path in there.items():
			if name not in recorded and path.stat().st_mtime < outgrown:
				await to_thread(path.unlink, True)

	work.after_commit(unlink)


def _on_disk(folder: Path) -> dict[str, Path]:
	"""Every file below the folder by its name; half written ones among them."""
	return {path.name: path for path in folder.rglob("*") if path.is_file()}


TASKS = (remove_orphans,)
SCHEDULES: tuple[Schedule, ...] = (every("29 3 * * *", remove_orphans),)
