"""Switching capabilities of a tenant on and off."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from apg.kernel.capability import Capability
from apg.kernel.composition import Composition
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.tenants.subscriptions.models import TenantCapability


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
	_check_requires(composition, after)
	changed = {short: on for short, on in wanted.items() if before[short] != on}
	if not changed:
		return after
	await _write(work, changed)
	work.principal = replace(work.principal, enabled=frozenset(s for s, on in after.items() if on))
	await run_first_steps(work, (short for short, on in changed.items() if on))
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


def _check_requires(composition: Composition, states: Mapping[str, bool]) -> None:
	by_name = {c.name: c for c in composition.capabilities}
	for capability in switchable(composition):
		if not states.get(capability.short, False):
			continue
		for name in capability.requires:
			needed = by_name[name]
			if needed.always_on or states.get(needed.short, False):
				continue
			names = {"needed": needed.title, "title": capability.title}
			raise NeedsAnother(
				_("{title} needs {needed}: switch {needed} on, or both off.", **names),
				problems=[
					Problem(
						needed.short, _("{title} needs it.", title=capability.title), "requires"
					)
				],
			)


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
	"""Every process reads the tenant's principals anew; auth owns the function."""
	if await work.scalar(select(func.to_regproc("auth_epoch_raise"))) is not None:
		await (await work.connection()).exec_driver_sql(
			"select auth_epoch_raise($1, $2)", (work.principal.tenant_id, "*")
		)
