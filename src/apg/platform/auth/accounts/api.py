"""Signing in and out over the API, one's own account, invitation and reset."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.texts import _
from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, origin_of, public, runtime_of, signed_in
from apg.kernel.web.wire import to_wire
from apg.kernel.work import Work
from apg.platform.auth.accounts import sign_in
from apg.platform.auth.accounts.schemas import LoginIn, RefreshIn, SwitchIn, TokensOut
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.authenticator import sessions_of

tokens = Router(tags=["sign in"])


def _answer(made: sessions.Tokens) -> Response:
	headers = {"Cache-Control": "no-store"}
	return Response(to_wire(sign_in.tokens_out(made)), 200, headers, "application/json")


@tokens.post("/login", response_model=TokensOut)
@public("who signs in has no credential yet")
async def login(request: Request, body: LoginIn) -> Response:
	"""An access token of ten minutes and a refresh token, for one tenant."""
	runtime, origin = runtime_of(request), origin_of(request, "api")
	facts = await sign_in.sign_in(
		runtime, body.username, body.password, body.tenant, body.totp, origin
	)
	return _answer(await sessions.open_api(runtime, facts, origin))


@tokens.post("/refresh", response_model=TokensOut)
@public("the refresh token is the credential")
async def refresh(request: Request, body: RefreshIn) -> Response:
	"""New tokens for a refresh token, which is used up; used twice, it ends the session."""
	return _answer(
		await sessions.refresh(runtime_of(request), body.refresh_token, origin_of(request, "api"))
	)


jwks_router = Router(tags=["sign in"])


@jwks_router.get("/jwks.json")
@public("public keys are public")
async def jwks(request: Request) -> Response:
	"""The keys our tokens can be checked with (RFC 7517)."""
	keys = sessions_of(runtime_of(request)).jwks()
	headers = {"Cache-Control": "public, max-age=300"}
	return Response(to_wire(keys), 200, headers, "application/json")


_ = (Annotated, bare, signed_in, Work, SwitchIn, _)
