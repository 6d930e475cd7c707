"""Idempotency-Key: the first caller's answer is kept and given to every repetition.

The key's row is inserted first in the business transaction and is unique, so a second concurrent
caller waits for the first and then gets its answer (draft-ietf-httpapi-idempotency-key-header).
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request, Response
from sqlalchemy import text

from apg.kernel.errors import AppError, Conflict, Invalid, Malformed
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import new_id
from apg.kernel.texts import _
from apg.kernel.web.envelopes import as_app_error
from apg.kernel.work import Origin, Work, open_work

MAX_BODY = 65_536
KEPT_HEADERS = ("content-type", "etag", "location", "link")

DDL: tuple[str, ...] = (
	"""
	create table idempotency_keys (
		id uuid primary key,
		tenant_id uuid not null,
		scope text not null,
		request_hash text not null,
		status integer,
		headers jsonb,
		body bytea,
		created_at timestamptz not null default now(),
		constraint uq_idempotency_keys_scope unique (tenant_id, scope)
	)
	""",
	"create index ix_idempotency_keys_created on idempotency_keys (created_at)",
)


async def once(
	runtime: Runtime,
	principal: Principal,
	action: str,
	origin: Origin,
	request: Request,
	key: str,
	answer: Callable[[Work], Awaitable[Response]],
) -> Response:
	"""Answers the request, or replays the answer given before.

	Raises Malformed for a bad key, Invalid when the key was used for another request, Conflict when
	the answer was not kept.
	"""
	if not 1 <= len(key) <= 255 or not key.isprintable() or not key.isascii():
		raise Malformed(_("Idempotency-Key takes 1 to 255 printable characters."))
	body = await request.body()
	place = f"{principal.actor_key}\n{request.method}\n{request.url.path}\n{key}"
	scope = hashlib.sha256(place.encode()).hexdigest()
	fingerprint = hashlib.sha256(request.url.query.encode() + b"\0" + body).hexdigest()
	try:
		async with open_work(runtime, principal, action=action, origin=origin) as work:
			if (held := await _claim(work, scope, fingerprint)) is not None:
				return held
			given = await answer(work)
			if given.status_code < 500:
				await _keep(work, scope, given)
			return given
	except AppError as error:
		if error.status < 500 and not isinstance(error, _Reused | _NotKept):
			await _keep_refusal(
				runtime, principal, action, origin, request, scope, fingerprint, error
			)
		raise


class _Reused(Invalid):
	code = "IDEMPOTENCY_KEY_REUSED"


class _NotKept(Conflict):
	code = "ANSWER_NOT_KEPT"


async def _claim(work: Work, scope: str, fingerprint: str) -> Response | None:
	mine = await work.scalar(
		text(
			"insert into idempotency_keys (id, tenant_id, scope, request_hash) "
			"values (:id, :tenant, :scope, :hash) on conflict (tenant_id, scope) do nothing "
			"returning id"
		),
		{
			"id": new_id(),
			"tenant": work.principal.tenant_id,
			"scope": scope,
			"hash": fingerprint,
		},
	)
	if mine is not None:
		return None
	row = (
		await work.execute(
			text(
				"select request_hash, status, headers, body from idempotency_keys "
				"where tenant_id = :tenant and scope = :scope"
			),
			{"tenant": work.principal.tenant_id, "scope": scope},
		)
	).one()
	if row.request_hash != fingerprint:
		raise _Reused(_("This Idempotency-Key was used for a different request; take a new one."))
	headers = {**(row.headers or {}), "Idempotency-Replayed": "true"}
	if not row.body and "content-type" in headers:
		remedy = _("This was done before; its answer, with a secret or very large, was not kept.")
		raise _NotKept(remedy, headers={k: v for k, v in headers.items() if k != "content-type"})
	return Response(bytes(row.body or b""), int(row.status or 200), headers)


async def _keep(work: Work, scope: str, given: Response) -> None:
	body = bytes(given.body)
	if given.status_code < 400 and given.headers.get("cache-control") == "no-store":
		body = b""  # a secret that is shown once: nobody keeps it, so a repetition is told so
	await work.execute(
		text(
			"update idempotency_keys set status = :status, headers = cast(:headers as jsonb), "
			"body = :body where tenant_id = :tenant and scope = :scope"
		),
		{
			"status": given.status_code,
			"headers": _kept(given.headers),
			"body": body if len(body) <= MAX_BODY else b"",
			"tenant": work.principal.tenant_id,
			"scope": scope,
		},
	)


async def _keep_refusal(
	runtime: Runtime,
	principal: Principal,
	action: str,
	origin: Origin,
	request: Request,
	scope: str,
	fingerprint: str,
	error: Exception,
) -> None:
	forms = request.app.state.error_forms
	given = forms.response(as_app_error(error), request.url.path, origin.request_id)
	async with open_work(runtime, principal, action=action, origin=origin) as work:
		if await _claim(work, scope, fingerprint) is None:
			await _keep(work, scope, given)


def _kept(headers: Any) -> str:
	return orjson.dumps({k: v for k, v in headers.items() if k.lower() in KEPT_HEADERS}).decode()
