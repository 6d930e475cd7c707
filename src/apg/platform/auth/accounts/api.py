"""Signing in and out over the API, one's own account, invitation and reset."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.errors import Unauthenticated
from apg.kernel.texts import _
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow, origin_of, public, runtime_of, signed_in
from apg.kernel.web.lists import ListSpec, ListState
from apg.kernel.web.wire import IdText, to_wire
from apg.kernel.work import Work
from apg.platform.auth.accounts import links, service, sign_in
from apg.platform.auth.accounts.schemas import (
	AcceptIn,
	AccountOut,
	CodeIn,
	InvitationIn,
	InvitationOut,
	LinkOut,
	LoginIn,
	PasswordIn,
	ProfilePatch,
	RecoveryOut,
	RefreshIn,
	ResetCompleteIn,
	ResetIn,
	SessionOut,
	SwitchIn,
	TokensOut,
	TotpOffIn,
	TotpOut,
)
from apg.platform.auth.permissions import USERS_CREATE, USERS_READ, USERS_UPDATE
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.service import sessions_of

PAGE = ListSpec(columns=(), paging="offset", max_page_size=1000)
SECRET = {"Cache-Control": "no-store"}

tokens = Router(tags=["sign in"])
account = Router(tags=["own account"])
admin = Router(tags=["users"])
keys = Router(tags=["sign in"])


def _answer(made: sessions.Tokens) -> Response:
	return Response(to_wire(sign_in.tokens_out(made)), 200, SECRET, "application/json")


@tokens.post("/login", response_model=TokensOut, responses={401: {}})
@public("who signs in has no credential yet")
async def login(request: Request, body: LoginIn) -> Response:
	"""An access token of ten minutes and a refresh token, for one tenant."""
	runtime, origin = runtime_of(request), origin_of(request, "api")
	facts = await sign_in.sign_in(
		runtime, body.username, body.password, body.tenant, body.totp, origin
	)
	return _answer(await sessions.open_api(runtime, facts, origin))


@tokens.post("/refresh", response_model=TokensOut, responses={401: {}})
@public("the refresh token is the credential")
async def refresh(request: Request, body: RefreshIn) -> Response:
	"""New tokens for a refresh token, which is used up; used twice, it ends the session."""
	origin = origin_of(request, "api")
	return _answer(await sessions.refresh(runtime_of(request), body.refresh_token, origin))


@keys.get("/jwks.json")
@public("public keys are public")
async def jwks(request: Request) -> Response:
	"""The keys our tokens can be checked with (RFC 7517)."""
	headers = {"Cache-Control": "public, max-age=300"}
	told = to_wire(sessions_of(runtime_of(request)).jwks())
	return Response(told, 200, headers, "application/json")


# -- own account ------------------------------------------------------------------------------


@account.post("/logout", status_code=204)
async def logout(work: Annotated[Work, signed_in()]) -> Response:
	"""Ends the session this token or cookie belongs to; its tokens are refused from then on."""
	service.person(work)
	if work.principal.session_id is None:
		raise Unauthenticated
	await sessions.end_mine(work, work.principal.session_id, "signed_out")
	return Response(status_code=204)


@account.post("/switch", response_model=TokensOut, responses={404: {}})
async def switch(body: SwitchIn, work: Annotated[Work, signed_in()]) -> Response:
	"""New tokens for another tenant of the same person; the present ones stay good."""
	service.person(work)
	facts = await sessions.switch(work.runtime, work.principal, body.tenant)
	return _answer(await sessions.open_api(work.runtime, facts, work.origin))


@account.get("/tenants")
async def list_tenants(work: Annotated[Work, signed_in()]) -> Response:
	"""The tenants the caller may switch to."""
	found = await sessions.tenants_of(work.runtime, service.person(work))
	return bare(work, [{"id": one[0], "slug": one[1], "name": one[2]} for one in found])


@account.get("/account", response_model=AccountOut)
async def read_account(work: Annotated[Work, signed_in()]) -> Response:
	"""The caller's own account."""
	return bare(work, await service.profile(work), headers=SECRET)


@account.patch("/account", response_model=AccountOut)
async def change_account(body: ProfilePatch, work: Annotated[Work, signed_in()]) -> Response:
	"""Changes name, address or language of the own account."""
	await service.change_profile(work, body)
	await work.flush()
	return bare(work, await service.profile(work), headers=SECRET)


@account.post("/password", status_code=204)
async def change_password(body: PasswordIn, work: Annotated[Work, signed_in()]) -> Response:
	"""Another password; every other session of the person ends."""
	await service.change_password(work, body.current_password, body.new_password)
	return Response(status_code=204)


@account.post("/totp", response_model=TotpOut, status_code=201)
async def start_totp(work: Annotated[Work, signed_in()]) -> Response:
	"""A secret for an authenticator app; it counts once it is confirmed."""
	begun = await service.start_totp(work)
	return bare(work, {"secret": begun.secret, "uri": begun.uri}, status=201, headers=SECRET)


@account.post("/totp/confirm", response_model=RecoveryOut)
async def confirm_totp(body: CodeIn, work: Annotated[Work, signed_in()]) -> Response:
	"""Switches the second factor on; the recovery codes are shown this once."""
	codes = await service.confirm_totp(work, body.code)
	return bare(work, {"recovery_codes": codes}, headers=SECRET)


@account.post("/totp/recovery", response_model=RecoveryOut)
async def new_recovery_codes(body: CodeIn, work: Annotated[Work, signed_in()]) -> Response:
	"""Ten new recovery codes in place of the old ones."""
	codes = await service.new_recovery_codes(work, body.code)
	return bare(work, {"recovery_codes": codes}, headers=SECRET)


@account.post("/totp/off", status_code=204)
async def stop_totp(body: TotpOffIn, work: Annotated[Work, signed_in()]) -> Response:
	"""Switches the second factor off, for the password."""
	await service.stop_totp(work, body.password)
	return Response(status_code=204)


@account.get("/sessions", response_model=list[SessionOut])
async def list_sessions(work: Annotated[Work, signed_in()]) -> Response:
	"""Where the caller is signed in to this tenant."""
	service.person(work)
	return bare(work, await sessions.list_mine(work))


@account.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: IdText, work: Annotated[Work, signed_in()]) -> Response:
	"""Signs out one of the caller's sessions."""
	service.person(work)
	await sessions.end_mine(work, session_id)
	return Response(status_code=204)


@account.delete("/sessions", status_code=204)
async def end_other_sessions(work: Annotated[Work, signed_in()]) -> Response:
	"""Signs out everywhere else, in every tenant."""
	user_id = service.person(work)
	await sessions.end_all(work, user_id, "by_owner", but=work.principal.session_id)
	return Response(status_code=204)


# -- links ------------------------------------------------------------------------------------


@tokens.post("/reset", status_code=202)
@public("who forgot his password cannot sign in")
async def request_reset(request: Request, body: ResetIn) -> Response:
	"""Mails a link where there is such an account; the answer does not tell."""
	await links.request_reset(runtime_of(request), body.username, origin_of(request, "api"))
	told = _("If there is such an account with an e-mail address, a link is on its way.")
	return Response(to_wire({"message": told}), 202, SECRET, "application/json")


@tokens.post("/reset/complete", status_code=204, responses={410: {}})
@public("the link is the credential")
async def complete_reset(request: Request, body: ResetCompleteIn) -> Response:
	"""A new password for a link; every session of the person ends."""
	origin = origin_of(request, "api")
	await links.complete_reset(runtime_of(request), body.token, body.password, origin)
	return Response(status_code=204)


@tokens.post("/invitations/accept", response_model=TokensOut, responses={410: {}})
@public("the link is the credential")
async def accept_invitation(request: Request, body: AcceptIn) -> Response:
	"""Makes the invited person a member and signs him in."""
	runtime, origin = runtime_of(request), origin_of(request, "api")
	tenant_id, user_id = await links.accept(runtime, body, origin)
	facts = await sessions.member(runtime, tenant_id, user_id)
	return _answer(await sessions.open_api(runtime, facts, origin))


@admin.post("/invitations", response_model=InvitationOut, status_code=201)
async def invite(body: InvitationIn, work: Annotated[Work, allow(USERS_CREATE)]) -> Response:
	"""A link to become a member; in the answer once, unless it was mailed."""
	link = await links.invite(work, body)
	told = await links.read_invitation(work, link)
	return bare(work, told, status=201, headers=SECRET)


@admin.get("/invitations", response_model=list[InvitationOut])
async def list_invitations(request: Request, work: Annotated[Work, allow(USERS_READ)]) -> Response:
	"""Open invitations, the newest first."""
	state = ListState.of(PAGE, request)
	page = await links.list_invitations(work, limit=state.page_size, offset=state.offset)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@admin.delete("/invitations/{invitation_id}", status_code=204)
async def withdraw_invitation(
	invitation_id: IdText, work: Annotated[Work, allow(USERS_UPDATE)]
) -> Response:
	"""Ends an open invitation."""
	await links.withdraw(work, invitation_id)
	return Response(status_code=204)


reset_links = Router(tags=["users"])


@reset_links.post("/{user_id}/reset-link", response_model=LinkOut, status_code=201)
async def make_reset_link(user_id: IdText, work: Annotated[Work, allow(USERS_UPDATE)]) -> Response:
	"""A link to choose a new password, to be handed over by the administrator."""
	link = await links.reset_for(work, user_id)
	told = {"link": link.text, "expires_at": link.expires_at}
	return bare(work, told, status=201, headers=SECRET)
