"""Pages of people who are not signed in: sign in and out, invitation, reset."""

import hmac
from typing import Any

from fastapi import Request, Response

from apg.kernel.errors import AppError, Invalid, Problem, Unauthenticated
from apg.kernel.principal import Principal
from apg.kernel.texts import _
from apg.kernel.web.authentication import is_same_site
from apg.kernel.web.guarded_route import Router, origin_of, public, runtime_of
from apg.kernel.web.pages import FormState, local_path
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import open_work
from apg.platform.auth.accounts import forms, links, sign_in
from apg.platform.auth.accounts.forms import FormRefused, Ticket
from apg.platform.auth.accounts.schemas import AcceptIn
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.service import Facts, ask

login = Router(include_in_schema=False)
logout = Router(include_in_schema=False)
invitation = Router(include_in_schema=False)
reset = Router(include_in_schema=False)


def _page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
	shared = forms.form_context(request)
	response = show(
		request,
		f"auth/accounts/{template}.html",
		status=status,
		**{"form": FormState(), "ticket": "", "next": "/", **shared, **context},
	)
	return forms.with_nonce(request, response, shared["nonce"])


def _next(text: str) -> str:
	"""Where to go after signing in: a page of ours, else home; never the sign-in itself."""
	try:
		path = local_path(text or "/")
	except Invalid:
		return "/"
	return "/" if path.split("?")[0] in ("/login", "/logout") else path


# -- sign in ----------------------------------------------------------------------------------


@login.get("")
@public("who signs in has no credential yet")
async def login_page(request: Request) -> Response:
	target = _next(request.query_params.get("next", "/"))
	principal: Principal | None = request.scope.get("principal")
	if principal is not None and principal.session is not None:
		return lead_to(request, target)
	return _page(request, "login", next=target)


@login.post("")
@public("who signs in has no credential yet")
async def sign_in_by_form(request: Request) -> Response:
	typed = await forms.read_form(request)
	try:
		facts = await _steps(request, typed)
	except Unauthenticated as error:
		return _again(request, typed, error, "totp" if "totp" in typed else "username")
	if isinstance(facts, Response):
		return facts
	return await _signed_in(request, facts, _next(typed.get("next", "/")))


async def _steps(request: Request, typed: dict[str, str]) -> Facts | Response:
	"""Password, second factor, tenant: as far as the fields go, then the page of the next step."""
	runtime, origin = runtime_of(request), origin_of(request, "page")
	ticket = forms.read_ticket(request, typed["ticket"]) if typed.get("ticket") else None
	if ticket is None:
		username, password = typed.get("username", ""), typed.get("password", "")
		known = await sign_in.by_password(runtime, username, password, origin)
		ticket = Ticket(sign_in.plain(username), second_done=False)
	else:
		row = await ask(runtime, "select * from login_lookup($1)", ticket.username)
		if row is None or not row["is_active"]:
			raise sign_in.SignInRefused(_("User name or password is wrong."))
		known = sign_in.Known(str(row["id"]), row["totp_secret"])
	if not ticket.second_done:
		try:
			await sign_in.second(runtime, known, typed.get("totp"), origin)
		except sign_in.SecondFactorNeeded:
			return _step(request, "login_totp", typed, ticket)
		ticket = Ticket(ticket.username, second_done=True)
	try:
		return await sign_in.place(runtime, known, typed.get("tenant") or None, origin)
	except sign_in.TenantNeeded:
		tenants = await sessions.tenants_of(runtime, known.user_id)
		choices = [(slug, name) for _id, slug, name in tenants]
		return _step(request, "login_tenant", typed, ticket, tenants=choices)


def _step(
	request: Request, template: str, typed: dict[str, str], ticket: Ticket, **context: Any
) -> Response:
	nonce = request.cookies[forms.cookie_name(runtime_of(request))]
	signed = forms.new_ticket(request, ticket, nonce)
	return _page(request, template, ticket=signed, next=_next(typed.get("next", "/")), **context)


def _again(request: Request, typed: dict[str, str], error: AppError, field: str) -> Response:
	form = FormState({"username": typed.get("username", "")}, [Problem(field, error.message)])
	ticket = typed.get("ticket", "")
	template = "login_totp" if isinstance(error, sign_in.SecondFactorWrong) and ticket else "login"
	return _page(
		request,
		template,
		status=error.status,
		form=form,
		ticket=ticket if template == "login_totp" else "",
		next=_next(typed.get("next", "/")),
	)


async def _signed_in(request: Request, facts: Facts, target: str) -> Response:
	runtime, origin = runtime_of(request), origin_of(request, "page")
	await _end_present(request, "signed_in_again")
	session = await sessions.open_page(runtime, facts, origin)
	text = ""
	if facts.must_change_password:
		target, text = "/account", _("Choose a password of your own to go on.")
	elif facts.lacks_totp:
		target = "/account/security"
		text = _("Your role asks for a second factor; set it up to go on.")
	return forms.set_session(runtime, lead_to(request, target, text=text, kind="info"), session)


async def _end_present(request: Request, reason: str) -> None:
	principal: Principal | None = request.scope.get("principal")
	if principal is None or principal.session is None:
		return
	async with open_work(
		runtime_of(request),
		principal,
		action="auth.sessions.end",
		origin=origin_of(request, "page"),
	) as work:
		await sessions.end_mine(work, principal.session.id, reason)


@logout.post("")
@public("the form carries the session's token; without a session there is nothing to end")
async def sign_out(request: Request) -> Response:
	runtime = runtime_of(request)
	if not is_same_site(request.headers, runtime):
		raise FormRefused(_("This request did not come from a page of this server."))
	principal: Principal | None = request.scope.get("principal")
	if principal is not None and principal.session is not None:
		typed = (await request.form(max_files=0, max_fields=20)).get("csrf_token", "")
		shown = request.headers.get("x-csrf-token") or str(typed)
		if not hmac.compare_digest(shown.encode(), principal.session.csrf.encode()):
			raise FormRefused(_("The page is out of date; reload it and try again."))
		await _end_present(request, "signed_out")
	return forms.drop_session(runtime, lead_to(request, "/login", text=_("You are signed out.")))


# -- invitation -------------------------------------------------------------------------------


@invitation.get("/{token}")
@public("the link is the credential")
async def invitation_page(request: Request, token: str) -> Response:
	opened = await links.open_link(runtime_of(request), token, "invitation")
	form = FormState({"display_name": opened.display_name})
	return _page(request, "invitation", opened=opened, form=form)


@invitation.post("/{token}")
@public("the link is the credential")
async def accept_invitation(request: Request, token: str) -> Response:
	typed = await forms.read_form(request)
	runtime, origin = runtime_of(request), origin_of(request, "page")
	opened = await links.open_link(runtime, token, "invitation")
	given = AcceptIn.model_construct(
		token=token,
		password=typed.get("password", "")[:4000],
		display_name=typed.get("display_name", "").strip()[:200] or None,
		totp=typed.get("totp") or None,
	)
	try:
		tenant_id, user_id = await links.accept(runtime, given, origin)
	except Invalid as refused:
		return _page(
			request,
			"invitation",
			status=422,
			opened=opened,
			form=FormState.refused({"display_name": given.display_name or ""}, refused),
		)
	except Unauthenticated as error:
		field = "totp" if isinstance(error, sign_in.SecondFactorNeeded) else "password"
		form = FormState({}, [Problem(field, error.message)])
		return _page(request, "invitation", status=401, opened=opened, form=form, ask_totp=True)
	facts = await sessions.member(runtime, tenant_id, user_id)
	return await _signed_in(request, facts, "/")


# -- reset ------------------------------------------------------------------------------------


@reset.get("")
@public("who forgot his password cannot sign in")
async def reset_page(request: Request) -> Response:
	return _page(request, "reset", sent=False)


@reset.post("")
@public("who forgot his password cannot sign in")
async def request_reset(request: Request) -> Response:
	typed = await forms.read_form(request)
	origin = origin_of(request, "page")
	await links.request_reset(runtime_of(request), typed.get("username", ""), origin)
	return _page(request, "reset", sent=True)


@reset.get("/{token}")
@public("the link is the credential")
async def new_password_page(request: Request, token: str) -> Response:
	opened = await links.open_link(runtime_of(request), token, "reset")
	return _page(request, "reset_password", opened=opened)


@reset.post("/{token}")
@public("the link is the credential")
async def complete_reset(request: Request, token: str) -> Response:
	typed = await forms.read_form(request)
	runtime, origin = runtime_of(request), origin_of(request, "page")
	opened = await links.open_link(runtime, token, "reset")
	try:
		await links.complete_reset(runtime, token, typed.get("password", "")[:4000], origin)
	except Invalid as refused:
		form = FormState.refused({}, refused)
		return _page(request, "reset_password", status=422, opened=opened, form=form)
	response = lead_to(request, "/login", text=_("Your password is changed; sign in with it."))
	return forms.drop_session(runtime, response)
