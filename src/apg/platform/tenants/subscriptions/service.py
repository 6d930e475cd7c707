"""Switching capabilities of a tenant on and off."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from apg.contracts.identity import Identity
from apg.kernel.capability import Capability
from apg.kernel.composition import PLATFORM_VERSION, Composition
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.tenants.subscriptions.models import TenantCapability

PLATFORM = ".".join(map(str, PLATFORM_VERSION))
_OWN_FIELDS = frozenset({"capability_id", "ai_capabilities", "performance_requirements"})


class StillNeeded(Conflict):
	"""A capability cannot go while others that are on require it."""

	code = "CAPABILITY_STILL_NEEDED"


class NeedsAnother(Conflict):
	"""A capability cannot be on while one it requires is off."""

	code = "CAPABILITY_NEEDS_ANOTHER"


def switchable(composition: Composition) -> tuple[Capability, ...]:
	"""The capabilities a tenant may have on or off, in start order."""
	return tuple(c for c in composition.capabilities if not c.always_on)


async def states(work: Work) -> dict[str, bool]:
	"""Short name → on or off, for every installed capability that can be switched."""
	rows = await work.execute(select(TenantCapability.capability, TenantCapability.enabled))
	on = {short for short, enabled in rows if enabled}
	return {c.short: c.short in on for c in switchable(work.runtime.composition)}


async def switch(work: Work, wanted: Mapping[str, bool]) -> dict[str, bool]:
	"""Switches the named capabilities and answers all states.

	A capability that comes on runs its `on_enabled`, every time, so that must be repeatable. Data of
	one that goes off stays. Raises Invalid for names that cannot be switched, StillNeeded and
	NeedsAnother for what contradicts `requires`; then nothing is switched.
	"""
	composition = work.runtime.composition
	_check_names(composition, wanted)
	before = await states(work)
	after = before | dict(wanted)
	_check_requires(composition, after, [short for short, on in wanted.items() if not on])
	changed = {short: on for short, on in wanted.items() if before[short] != on}
	if not changed:
		return after
	await _write(work, changed)
	work.principal = replace(work.principal, enabled=frozenset(s for s, on in after.items() if on))
	if any(changed.values()):
		await run_first_steps(work, (short for short, on in changed.items() if on))
		await work.port(Identity).seed_roles(work)
	await _raise_epoch(work)
	return after


async def start_with(work: Work, shorts: Iterable[str]) -> None:
	"""The first state of a new tenant: rows for all that can be switched, first steps of all on."""
	composition = work.runtime.composition
	on = set(shorts)
	_check_names(composition, dict.fromkeys(on, True))
	_check_requires(composition, {c.short: c.short in on for c in switchable(composition)})
	for capability in switchable(composition):
		work.add(TenantCapability(capability=capability.short, enabled=capability.short in on))
	await work.flush()
	work.principal = replace(work.principal, enabled=frozenset(on))
	await run_first_steps(work, on | composition.always_on)


async def run_first_steps(work: Work, shorts: Iterable[str]) -> None:
	"""`on_enabled` of the named capabilities, in start order, in this transaction."""
	named = set(shorts)
	for capability in work.runtime.composition.capabilities:
		if capability.short in named and capability.on_enabled is not None:
			await capability.on_enabled(work)
			await work.flush()


def _check_names(composition: Composition, wanted: Mapping[str, bool]) -> None:
	known = [c.short for c in switchable(composition)]
	problems: list[Problem] = []
	for short in wanted:
		if short in composition.always_on:
			text = _("{short} is part of the platform and always on.", short=short)
		elif short not in known:
			text = _(
				"There is no capability “{short}”; there are: {known}.",
				short=short[:64],
				known=", ".join(known) or _("none"),
			)
		else:
			continue
		problems.append(Problem(short, text, "capability"))
	if problems:
		raise Invalid(_("These capabilities cannot be switched"), problems=problems)


def _check_requires(
	composition: Composition, states: Mapping[str, bool], off: Collection[str] = ()
) -> None:
	by_name = {c.name: c for c in composition.capabilities}
	for capability in switchable(composition):
		if not states.get(capability.short, False):
			continue
		for needed in (by_name[name] for name in capability.requires):
			if needed.always_on or states.get(needed.short, False):
				continue
			names = {"needed": _(needed.title), "title": _(capability.title)}
			if needed.short in off:
				text = _("{title} needs {needed}: switch {title} off as well.", **names)
				raise StillNeeded(text, problems=[Problem(needed.short, text, "requires")])
			text = _("{title} needs {needed}: switch {needed} on as well.", **names)
			raise NeedsAnother(text, problems=[Problem(capability.short, text, "requires")])


async def _write(work: Work, changed: Mapping[str, bool]) -> None:
	rows = await work.scalars(
		select(TenantCapability).order_by(TenantCapability.id).with_for_update()
	)
	held: dict[str, Any] = {row.capability: row for row in rows}
	for short, on in changed.items():
		if short in held:
			held[short].enabled = on
		else:
			work.add(TenantCapability(capability=short, enabled=on))
	await work.flush()


async def _raise_epoch(work: Work) -> None:
	"""Every process reads the tenant's principals anew; auth owns the function, and this process
	looks as soon as the change stands."""
	if await work.scalar(select(func.to_regproc("auth_epoch_raise"))) is not None:
		await (await work.connection()).exec_driver_sql(
			"select auth_epoch_raise($1, $2)", (work.principal.tenant_id, "*")
		)
	look = getattr(work.runtime.state.get("authenticator"), "catch_up", None)
	if look is not None:
		work.after_commit(look)


def described(composition: Composition, states: Mapping[str, bool]) -> dict[str, Any]:
	"""Every installed capability in the words of the guides, and those that do not fit."""
	unmet = composition.unmet()
	found = [
		{
			"id": str(c.metadata.get("capability_id", c.name)),
			"name": c.name,
			"short": c.short,
			"title": _(c.title),
			"version": c.version,
			"description": _(c.description) if c.description else "",
			"category": c.category,
			"provides": list(c.provides),
			"requires": list(c.requires),
			"uses": list(c.uses),
			"unmet_uses": list(unmet.get(c.name, ())),
			"permissions": [str(permission) for permission in c.permissions],
			"ai_capabilities": c.metadata.get("ai_capabilities", []),
			"api_endpoints": endpoints(c),
			"performance_requirements": c.metadata.get("performance_requirements", {}),
			"metadata": {k: v for k, v in c.metadata.items() if k not in _OWN_FIELDS},
			"always_on": c.always_on,
			"enabled": c.always_on or states.get(c.short, False),
		}
		for c in composition.capabilities
	]
	left_out = [
		{"name": name, "reasons": list(reasons)}
		for name, reasons in sorted(composition.left_out.items())
	]
	return {"platform_version": PLATFORM, "capabilities": found, "left_out": left_out}


def endpoints(capability: Capability) -> list[dict[str, Any]]:
	"""Path and methods of every route of its API, sorted by path."""
	methods: dict[str, set[str]] = {}
	for api in capability.apis:
		for router in api.routers:
			for route in router.routes:
				path = api.prefix + str(getattr(route, "path", ""))
				methods.setdefault(path, set()).update(getattr(route, "methods", None) or {"GET"})
	return [{"path": path, "methods": sorted(known)} for path, known in sorted(methods.items())]


async def overview(work: Work) -> dict[str, Any]:
	"""What `described` says, for the tenant of this Work."""
	return described(work.runtime.composition, await states(work))
