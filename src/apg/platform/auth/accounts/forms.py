"""Forms of people who are not signed in: the double-submitted token, and what is proven so far."""

import base64
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request, Response

from apg.kernel.errors import PermissionDenied
from apg.kernel.keys import Purpose
from apg.kernel.runtime import Runtime
from apg.kernel.texts import _
from apg.kernel.web.authentication import is_same_site, session_cookie
from apg.kernel.web.guarded_route import runtime_of
from apg.platform.auth.sessions.service import PageSession

TICKET_SECONDS = 300


class FormRefused(PermissionDenied):
	"""The form was not sent by a page of ours that this browser had opened."""

	code = "CROSS_SITE"


@dataclass(frozen=True, slots=True)
class Ticket:
	"""That a password (and a second factor) was right a moment ago, in this browser."""

	username: str
	second_done: bool


def _text(raw: bytes) -> str:
	return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _sign(runtime: Runtime, *parts: bytes) -> bytes:
	key = runtime.root_key.derive(f"{Purpose.CSRF}/forms")
	return hmac.digest(key, b"\0".join(parts), "sha256")


def cookie_name(runtime: Runtime) -> str:
	return "__Host-apg_form" if runtime.settings.secure_cookies else "apg_form"


def _nonce(request: Request) -> str:
	"""What this browser got with its first form; another one makes every open form stale."""
	held = request.cookies.get(cookie_name(runtime_of(request)), "")
	return held if 20 <= len(held) <= 64 and held.isascii() else secrets.token_urlsafe(24)


def form_context(request: Request) -> dict[str, Any]:
	"""What a public form needs of the template: the token and the nonce that goes with it."""
	nonce = _nonce(request)
	token = _text(_sign(runtime_of(request), b"form", nonce.encode()))
	return {"form_token": token, "nonce": nonce}


def with_nonce(request: Request, response: Response, nonce: str) -> Response:
	"""Gives the browser its half of the token."""
	runtime = runtime_of(request)
	_set(runtime, response, cookie_name(runtime), nonce, 3600)
	return response


def _set(runtime: Runtime, response: Response, name: str, value: str, seconds: int) -> None:
	response.set_cookie(
		name,
		value,
		max_age=seconds,
		path="/",
		httponly=True,
		samesite="lax",
		secure=runtime.settings.secure_cookies,
	)


async def read_form(request: Request) -> dict[str, str]:
	"""The fields of a public form. Raises FormRefused unless a page of ours sent it."""
	runtime = runtime_of(request)
	if not is_same_site(request.headers, runtime):
		raise FormRefused(_("This request did not come from a page of this server."))
	fields = {
		name: value
		for name, value in (await request.form(max_files=0, max_fields=20)).multi_items()
		if isinstance(value, str)
	}
	held = request.cookies.get(cookie_name(runtime), "")
	wanted = _text(_sign(runtime, b"form", held.encode("utf-8", "replace")))
	shown = fields.get("form_token", "")
	if not held or not hmac.compare_digest(shown.encode("utf-8", "replace"), wanted.encode()):
		raise FormRefused(_("The page is out of date; reload it and try again."))
	return fields


def new_ticket(request: Request, ticket: Ticket, nonce: str) -> str:
	"""Good for five minutes, in the browser that holds the nonce."""
	runtime = runtime_of(request)
	until = int(time.time()) + TICKET_SECONDS
	body = orjson.dumps([ticket.username, ticket.second_done, until])
	return _text(body) + "." + _text(_sign(runtime, b"ticket", nonce.encode(), body))


def read_ticket(request: Request, text: str) -> Ticket | None:
	"""None for one that is forged, late, or of another browser."""
	body64, _dot, signature = text.partition(".")
	try:
		body = base64.urlsafe_b64decode(body64 + "=" * (-len(body64) % 4))
	except ValueError:
		return None
	runtime = runtime_of(request)
	nonce = request.cookies.get(cookie_name(runtime), "").encode("utf-8", "replace")
	wanted = _text(_sign(runtime, b"ticket", nonce, body))
	if not hmac.compare_digest(signature.encode("utf-8", "replace"), wanted.encode()):
		return None
	username, second_done, until = orjson.loads(body)
	return Ticket(username, second_done) if until > time.time() else None


def set_session(runtime: Runtime, response: Response, session: PageSession) -> Response:
	"""The session's cookie: HttpOnly, Lax, `__Host-` and Secure behind TLS."""
	_set(runtime, response, session_cookie(runtime), session.cookie, session.seconds)
	return response


def drop_session(runtime: Runtime, response: Response) -> Response:
	response.delete_cookie(
		session_cookie(runtime),
		path="/",
		httponly=True,
		samesite="lax",
		secure=runtime.settings.secure_cookies,
	)
	return response
