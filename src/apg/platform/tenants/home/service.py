"""What stands on the first page of this person in this company."""

from dataclasses import dataclass
from typing import Any

import structlog

from apg.kernel.capability import Capability, HomeCard, MenuEntry
from apg.kernel.errors import AppError
from apg.kernel.work import Work


@dataclass(frozen=True, slots=True)
class Shown:
	"""A card and what its template shows as `data`; `data` None says that it could not be read."""

	card: HomeCard
	data: dict[str, Any] | None


def _on(work: Work) -> list[Capability]:
	enabled = work.principal.enabled
	return [c for c in work.runtime.composition.capabilities if c.always_on or c.short in enabled]


async def cards(work: Work) -> list[Shown]:
	"""The cards this person may see, in their order; one that has nothing to say stays away."""
	wanted = [
		card
		for capability in _on(work)
		for card in capability.home
		if card.permission is None or work.principal.may(card.permission)
	]
	found: list[Shown] = []
	for card in sorted(wanted, key=lambda one: one.order):
		try:
			data = await card.load(work)
		except AppError as error:
			structlog.get_logger("apg.home").warning(
				"card failed", card=card.title, code=error.code
			)
			found.append(Shown(card, None))
			continue
		if data is not None:
			found.append(Shown(card, data))
	return found


def places(work: Work) -> list[tuple[Capability, MenuEntry]]:
	"""The first place of each business capability that is open to this person."""
	found: list[tuple[Capability, MenuEntry]] = []
	for capability in _on(work):
		entries = [entry for pages in capability.pages for entry in pages.menu]
		open_to = [e for e in entries if e.permission is None or work.principal.may(e.permission)]
		if capability.category != "platform" and open_to:
			found.append((capability, open_to[0]))
	return found
