"""Roll-ups that were made already, kept to be followed: only what hangs on a change is computed again.

A kept one is for one root in one context (rule, view, quantity, lot, currency, day, what the reader may
see). Figures are worked out anew, which costs little; where one differs from what was rolled up, its
ancestors are summed again. Prices are read of those items alone that were given others, and chosen for
the quantities that were needed before, which stay as they are while the structure does.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING

from apg.capabilities.plm.settings import PlmSettings
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray
from apg.capabilities.plm.structures.fixed_rows import words
from apg.capabilities.plm.structures.prices import Costs, Prices, price_lists
from apg.capabilities.plm.structures.snapshots import TRUSTED_SECONDS
from apg.capabilities.plm.structures.versions import Mark, since
from apg.contracts.reference import ExchangeRates
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

if TYPE_CHECKING:
	from apg.capabilities.plm.structures.rollup import RolledUp


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
	"""The prices of k items, what they were chosen for, and who has any, whatever the quantity.

	`exploded`: where descent ended when that was found, and the amounts of the nodes in one root.
	"""

	prices: Prices
	demanded: FloatArray  # (k,)
	has_price: BoolArray  # (k,)
	exploded: tuple[BoolArray, FloatArray] | None = None  # (n,) each


@dataclass(frozen=True, slots=True, eq=False)
class KeptRollUp:
	"""A roll-up, the mark before which everything in it was read, and when that was."""

	mark: Mark
	found: RolledUp
	ends: BoolArray
	offer: Offer | None
	at: float

	@property
	def weight(self) -> int:
		"""What it costs to keep: nodes, once for each quantity."""
		return self.found.snapshot.structure.node_count * len(self.found.rolled.figures)


RollUpKey = tuple[object, ...]


@dataclass(slots=True)
class RollUpCache:
	"""Roll-ups of this process, the least recently used ones dropped first; bounded by number and by
	what they hold."""

	most: int
	most_weight: int
	_held: OrderedDict[RollUpKey, KeptRollUp] = field(
		default_factory=OrderedDict[RollUpKey, KeptRollUp]
	)

	def find(self, key: RollUpKey) -> KeptRollUp | None:
		held = self._held.get(key)
		if held is not None and monotonic() - held.at > TRUSTED_SECONDS:
			held = self._held.pop(key) and None
		return held

	def keep(self, key: RollUpKey, kept: KeptRollUp) -> None:
		self._held[key] = kept
		self._held.move_to_end(key)
		while len(self._held) > self.most or self.weight > self.most_weight:
			self._held.popitem(last=False)

	@property
	def weight(self) -> int:
		return sum(kept.weight for kept in self._held.values())

	def clear(self) -> None:
		self._held.clear()


@cache
def rollup_cache() -> RollUpCache:
	settings = PlmSettings()
	return RollUpCache(settings.structure_cache, settings.structure_cache_lines)


async def followed(work: Work, kept: KeptRollUp, offer: Offer) -> Offer | None:
	"""The kept prices, those of items with other costs chosen anew; None: all are to be chosen anew."""
	prices, snapshot = offer.prices, kept.found.snapshot
	_mark, news = await since(work, kept.mark)
	if news.touched is None:
		return None
	wanted = {*prices.codes, prices.currency}
	rates = await work.port(ExchangeRates).rates_on(work, prices.day, wanted)
	if dict(rates) != {code: rate for code, rate in prices.rates.items() if code in wanted}:
		return None
	touched = news.of("cost")
	if not touched:
		return offer
	raw = b"".join(bytes.fromhex(one.replace("-", "")) for one in sorted(touched))
	places = snapshot.places.of(words(np.frombuffer(raw, "V16")))
	places = np.sort(places[places >= 0])
	if not places.size:
		return offer
	lists = await price_lists(
		work, snapshot.item_words[places], Costs(work), currency=prices.currency, day=prices.day
	)
	has_price = offer.has_price.copy()
	has_price[places] = lists.has_price()
	turned = has_price != offer.has_price
	if bool((turned[snapshot.item] & kept.ends).any()):
		return None  # descent ends at other places: other quantities are needed
	chosen = lists.choose(offer.demanded[places])
	return Offer(prices.with_items(places, chosen), offer.demanded, has_price)
