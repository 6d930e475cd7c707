"""Asks each capability that is on, and takes what this person may see."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from apg.kernel.capability import Hit, SearchProvider
from apg.kernel.errors import AppError
from apg.kernel.work import Work

SHOWN = 8  # of each group; its own list page shows all
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Group:
	"""What one provider found; `hits` None says that it could not be asked."""

	provider: SearchProvider
	hits: Sequence[Hit] | None
	more: bool = False


def providers(work: Work) -> list[SearchProvider]:
	"""Those that may be asked for this person, in their order."""
	on = work.principal.enabled
	found = [
		provider
		for capability in work.runtime.composition.capabilities
		if capability.always_on or capability.short in on
		for provider in capability.searches
		if work.principal.may(provider.permission)
	]
	return sorted(found, key=lambda one: one.order)


async def search(work: Work, text: str) -> list[Group]:
	"""One group per provider that found something; an empty text finds nothing."""
	wanted = " ".join(text.split())[:LONGEST]
	if not wanted:
		return []
	groups: list[Group] = []
	for provider in providers(work):
		try:
			hits = await provider.search(work, wanted, SHOWN + 1)
		except AppError as error:
			structlog.get_logger("apg.search").warning(
				"search failed", provider=provider.title, code=error.code
			)
			groups.append(Group(provider, None))
			continue
		if hits:
			groups.append(Group(provider, hits[:SHOWN], more=len(hits) > SHOWN))
	return groups
