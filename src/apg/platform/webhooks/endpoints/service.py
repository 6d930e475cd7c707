"""Webhooks: made and changed by people, who answer for what is sent with their own rights."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from apg.kernel.errors import Conflict, Invalid, PermissionDenied
from apg.kernel.events import Event
from apg.kernel.json_rows import One, Page
from apg.kernel.keys import KeyRing, Purpose
from apg.kernel.outbound import OutboundRefused, outbound_of
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.tokens import new_secret
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.webhooks.endpoints.models import Endpoint, Standing, select_endpoints
from apg.platform.webhooks.endpoints.rights import matches, may_know
from apg.platform.webhooks.endpoints.schemas import WebhookIn, WebhookPatch
from apg.platform.webhooks.settings import WebhookSettings

COLUMN = "webhook_endpoints.secret"


class TooManyWebhooks(Conflict):
	"""A tenant has so many webhooks and no more."""

	code = "TOO_MANY_WEBHOOKS"


def settings_of(runtime: Runtime) -> WebhookSettings:
	if "webhooks" not in runtime.state:
		runtime.state["webhooks"] = WebhookSettings()
	return runtime.state["webhooks"]


def ring_of(runtime: Runtime) -> KeyRing:
	return KeyRing.of(runtime.root_key, purpose=Purpose.WEBHOOK)


async def listed(work: Work, state: ListState) -> Page:
	"""One page of the company's webhooks."""
	query = select_endpoints()
	if state["is_active"] is not None:
		query = query.where(Endpoint.is_active.is_(bool(state["is_active"])))
	columns: dict[str, Any] = {"name": Endpoint.name, "created_at": Endpoint.created_at}
	query = state.window(query, columns, Endpoint.id)
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


async def read(work: Work, webhook_id: str) -> One:
	"""One webhook. Raises NotFound, also for another company's."""
	await work.get(Endpoint, webhook_id)
	return await work.read_one(select_endpoints().where(Endpoint.id == webhook_id), Endpoint)


def known_events(work: Work) -> list[dict[str, str]]:
	"""What the caller may be told of, by name."""
	whole = work.runtime.composition
	return [
		{"name": name, "text": _told(kind), "needs": kind.readable_with()}
		for name, kind in sorted(whole.events.items())
		if may_know(work.principal, whole, name)
	]


def _told(kind: type[Event]) -> str:
	"""What the event says of itself, as one line."""
	return " ".join((kind.__doc__ or "").replace("`", "").split())


async def create(work: Work, new: WebhookIn) -> tuple[Endpoint, str]:
	"""A webhook of the caller's and its secret, known now and never again.

	Raises Invalid for an address or event that cannot be, TooManyWebhooks, PermissionDenied for a
	key: with it, what its owner may read would leave beyond the scopes of the key.
	"""
	owner_id = _person(work)
	_check_url(work, new.url)
	_check_events(work, new.events)
	most = settings_of(work.runtime).most
	if int(await work.scalar(select(func.count()).select_from(Endpoint))) >= most:
		raise TooManyWebhooks(_("There are {n} webhooks; remove one first.", n=most))
	text, sealed = _new_secret(work)
	endpoint = work.add(
		Endpoint(
			name=new.name,
			url=new.url,
			events=sorted(set(new.events)),
			owner_id=owner_id,
			is_active=new.is_active,
			secret=sealed,
		)
	)
	await work.flush()
	work.add(Standing(endpoint_id=endpoint.id, credited_at=utc_now()))
	await work.flush()
	return endpoint, text


async def change(work: Work, webhook_id: str, patch: WebhookPatch) -> Endpoint:
	"""Raises Invalid, PreconditionFailed; whoever changes address or events becomes the owner."""
	endpoint = await work.edit(Endpoint, webhook_id)
	if patch.url is not None and patch.url != endpoint.url:
		_check_url(work, patch.url)
		endpoint.url, endpoint.owner_id = patch.url, _person(work)
	if patch.events is not None and sorted(set(patch.events)) != endpoint.events:
		_check_events(work, patch.events)
		endpoint.events, endpoint.owner_id = sorted(set(patch.events)), _person(work)
	if patch.name is not None:
		endpoint.name = patch.name
	if patch.is_active is not None:
		endpoint.is_active = patch.is_active
	return endpoint


async def rotate(work: Work, webhook_id: str) -> str:
	"""A new secret; the one before signs beside it for a day. The caller becomes the owner, since
	who knows the secret can tell ours from forged."""
	endpoint = await work.edit(Endpoint, webhook_id)
	owner_id = _person(work)
	text, sealed = _new_secret(work)
	hours = settings_of(work.runtime).rotation_hours
	await work.flush()
	await work.execute(
		update(Endpoint)
		.where(Endpoint.id == endpoint.id)
		.values(
			previous_secret=Endpoint.secret,
			previous_until=utc_now() + timedelta(hours=hours),
			secret=sealed,
			owner_id=owner_id,
			version=Endpoint.version + 1,
			updated_at=utc_now(),
			updated_by=work.principal.user_id,
		)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return text


async def remove(work: Work, webhook_id: str) -> None:
	"""Removes it with all its deliveries. Raises NotFound, PreconditionFailed."""
	await work.delete(await work.edit(Endpoint, webhook_id))
	await work.flush()


def _person(work: Work) -> str:
	if work.principal.kind != "user" or work.principal.user_id is None:
		raise PermissionDenied(_("A key cannot make or redirect webhooks; sign in yourself."))
	return work.principal.user_id


def _check_url(work: Work, url: str) -> None:
	try:
		outbound_of(work.runtime).target(url)
	except OutboundRefused as refused:
		raise Invalid.one("url", refused.message, "address") from None


def _check_events(work: Work, patterns: list[str]) -> None:
	names = [one["name"] for one in known_events(work)]
	for pattern in patterns:
		if pattern != "*" and not any(matches(pattern, name) for name in names):
			text = _("There is no event “{name}” that you may read.", name=pattern)
			raise Invalid.one("events", text, "unknown_event")


def _new_secret(work: Work) -> tuple[str, str]:
	text = f"whsec_{new_secret()[0]}"
	return text, ring_of(work.runtime).encrypt(work.principal.tenant_id, COLUMN, text)
