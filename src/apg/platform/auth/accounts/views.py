"""`/account`: profile, password, second factor, sessions and keys of the person signed in."""

from typing import Annotated, Any

from fastapi import Request, Response
from markupsafe import Markup

from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import checked
from apg.kernel.web.guarded_route import Router, allow, origin_of, runtime_of, signed_in
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.auth.accounts import forms, service
from apg.platform.auth.accounts.schemas import PasswordIn, ProfilePatch
from apg.platform.auth.api_keys import service as api_keys
from apg.platform.auth.api_keys.schemas import ApiKeyIn
from apg.platform.auth.permissions import KEYS_CREATE
from apg.platform.auth.roles.rights import rights_by_capability
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.typed_forms import chosen, filled

account = Router(include_in_schema=False)


# -- profile and password ---------------------------------------------------------------------


async def _account(work: Work, status: int = 200, **context: Any) -> Response:
	me = await service.profile(work)
	plain: dict[str, Any] = {"form": FormState.of(me), "password_form": FormState()}
	others = [
		(slug, name)
		for tenant_id, slug, name in await sessions.tenants_of(work.runtime, me["id"])
		if tenant_id != me["tenant_id"]
	]
	return show(
		work,
		"auth/accounts/account.html",
		status=status,
		**{"me": me, "tab": "profile", "others": others, **plain, **context},
	)


@account.get("")
async def account_page(work: Annotated[Work, signed_in()]) -> Response:
	return await _account(work)


@account.post("")
async def change_profile(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	values = await filled(request, work, "display_name", "email", "locale")
	whole = {"display_name": "", "email": None, "locale": None} | values
	try:
		await service.change_profile(work, checked(ProfilePatch, whole))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _account(work, 422, block="profile_form", form=form)
	return lead_to(work, "/account", text=_("Saved"))


@account.post("/password")
async def change_password(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	given = await request.form()
	values = {name: str(given.get(name, "")) for name in ("current_password", "new_password")}
	try:
		new = checked(PasswordIn, values)
		await service.change_password(work, new.current_password, new.new_password)
	except Invalid as refused:
		form = FormState.refused({}, refused)
		return await _account(work, 422, block="password", password_form=form)
	return await _renewed(work, "/account", _("Your password is changed."))


async def _renewed(work: Work, path: str, text: str) -> Response:
	"""Leads on under a new session id: the rights of this one rose."""
	response = lead_to(work, path, text=text)
	if work.principal.session is None:
		return response
	return forms.set_session(work.runtime, response, await sessions.renew_page(work))


@account.post("/switch")
async def switch(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	"""Another tenant, in a session of its own."""
	service.person(work)
	wanted = (await filled(request, work, "tenant")).get("tenant", "")
	facts = await sessions.switch(work.runtime, work.principal, wanted)
	session = await sessions.open_page(runtime_of(request), facts, origin_of(request, "page"))
	if work.principal.session_id is not None:
		await sessions.end_mine(work, work.principal.session_id, "switched")
	return forms.set_session(work.runtime, lead_to(work, "/"), session)


# -- second factor ----------------------------------------------------------------------------


def _picture(uri: str) -> Markup:
	"""The QR code as SVG of rectangles alone; on white, so that it can be read on a dark page."""
	import segno

	return Markup(segno.make(uri).svg_inline(scale=5, border=4, light="#fff"))  # noqa: S704


async def _security(work: Work, status: int = 200, **context: Any) -> Response:
	me = await service.profile(work)
	pending = await service.pending_totp(work)
	picture = _picture(pending.uri) if pending else ""
	return show(
		work,
		"auth/accounts/security.html",
		status=status,
		**{
			"me": me,
			"tab": "security",
			"pending": pending,
			"picture": picture,
			"codes": (),
			"form": FormState(),
			**context,
		},
	)


@account.get("/security")
async def security_page(work: Annotated[Work, signed_in()]) -> Response:
	return await _security(work)


@account.post("/security/totp")
async def start_totp(work: Annotated[Work, signed_in()]) -> Response:
	await service.start_totp(work)
	return lead_to(work, "/account/security")


@account.post("/security/totp/confirm")
async def confirm_totp(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	values = await filled(request, work, "code")
	try:
		codes = await service.confirm_totp(work, values.get("code", ""))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _security(work, 422, block="second_factor", form=form)
	await work.flush()
	response = await _security(work, block="second_factor", codes=codes)
	if work.principal.session is None:
		return response
	return forms.set_session(work.runtime, response, await sessions.renew_page(work))


@account.post("/security/totp/recovery")
async def new_recovery_codes(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	values = await filled(request, work, "code")
	try:
		codes = await service.new_recovery_codes(work, values.get("code", ""))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _security(work, 422, block="second_factor", form=form)
	return await _security(work, block="second_factor", codes=codes)


@account.post("/security/totp/off")
async def stop_totp(request: Request, work: Annotated[Work, signed_in()]) -> Response:
	given = await request.form()
	try:
		await service.stop_totp(work, str(given.get("password", "")))
	except Invalid as refused:
		form = FormState.refused({}, refused)
		return await _security(work, 422, block="second_factor", form=form)
	return lead_to(work, "/account/security", text=_("The second factor is off."))


# -- sessions ---------------------------------------------------------------------------------


@account.get("/sessions")
async def sessions_page(work: Annotated[Work, signed_in()]) -> Response:
	service.person(work)
	rows = load_json(await sessions.list_mine(work))
	return show(work, "auth/accounts/sessions.html", rows=rows, tab="sessions")


@account.post("/sessions/end-others")
async def end_others(work: Annotated[Work, signed_in()]) -> Response:
	user_id = service.person(work)
	await sessions.end_all(work, user_id, "by_owner", but=work.principal.session_id)
	return lead_to(work, "/account/sessions", text=_("You are signed out everywhere else."))


@account.post("/sessions/{session_id}/end")
async def end_session(session_id: str, work: Annotated[Work, signed_in()]) -> Response:
	service.person(work)
	await sessions.end_mine(work, session_id)
	return lead_to(work, "/account/sessions", text=_("Signed out there."))


# -- keys -------------------------------------------------------------------------------------


async def _keys(work: Work, status: int = 200, **context: Any) -> Response:
	return show(
		work,
		"auth/accounts/keys.html",
		status=status,
		**{
			"rows": await api_keys.mine(work),
			"tab": "keys",
			"groups": rights_by_capability(work, only_own=True),
			"made": "",
			"form": FormState(),
			**context,
		},
	)


@account.get("/keys")
async def keys_page(work: Annotated[Work, allow(KEYS_CREATE)]) -> Response:
	return await _keys(work)


@account.post("/keys")
async def create_key(request: Request, work: Annotated[Work, allow(KEYS_CREATE)]) -> Response:
	values = await filled(request, work, "name")
	values["scopes"] = await chosen(request, "scopes")
	try:
		made, _told = await api_keys.create(work, checked(ApiKeyIn, values))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _keys(work, 422, block="keys", form=form)
	return await _keys(work, block="keys", made=made)


@account.post("/keys/{key_id}/revoke")
async def revoke_key(key_id: str, work: Annotated[Work, allow(KEYS_CREATE)]) -> Response:
	await api_keys.revoke(work, key_id)
	return lead_to(work, "/account/keys", text=_("The key is revoked."))
