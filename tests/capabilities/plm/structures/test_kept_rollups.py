"""A kept roll-up that follows changes answers what one made anew answers, to the last digit."""

import random
from typing import Any

import pytest
from tests.capabilities.plm.workshop import Workshop

from apg.capabilities.plm.shared.bom_math import RollUp
from apg.capabilities.plm.structures import loading
from apg.capabilities.plm.structures.kept_rollups import RollUpCache, rollup_cache
from apg.capabilities.plm.structures.snapshots import snapshot_cache
from apg.kernel.stamps import utc_now


async def _shop(shop: Workshop) -> None:
	await shop.parts("screw", "nut", "wire", price="0.10", mass=2)
	await shop.product("bought", kind="purchased", mass=50)
	await shop.lines(
		{
			"bought": {"nut": 3},
			"arm": {"screw": 4, "wire": 2, "bought": 1},
			"robot": {"arm": 2, "nut": 7, "bought": 1},
		}
	)
	await shop.cost("screw", "0.05", quantity_break=20, valid_from="2020-01-02")


class Edits:
	"""What people do to the figures behind a roll-up."""

	def __init__(self, shop: Workshop, seed: int) -> None:
		self.shop, self.chance = shop, random.Random(seed)

	async def one(self) -> None:
		deeds = (self.price, self.price, self.price, self.mass, self.line, self.kind, self.bought)
		await self.chance.choice(deeds)()

	async def price(self) -> None:
		day = f"2021-{self.chance.randrange(1, 13):02}-{self.chance.randrange(1, 28):02}"
		await self.shop.cost(
			self.chance.choice(["screw", "nut", "wire"]),
			f"{self.chance.randrange(1, 999)}e-2",
			valid_from=day,
			currency=self.chance.choice(["EUR", "USD"]),
			quantity_break=self.chance.choice([1, 1, 10, 30]),
		)

	async def bought(self) -> None:
		"""The price of a bought assembly ends the descent."""
		await self.shop.cost("bought", "9.5", valid_from=f"2022-01-{self.chance.randrange(1, 28)}")

	async def mass(self) -> None:
		body = {"mass": self.chance.randrange(1, 99), "mass_unit": "g"}
		await self.shop.call("PATCH", self.shop.path(self.chance.choice(["nut", "arm"])), body)

	async def kind(self) -> None:
		body = {"product_type": self.chance.choice(["purchased", "manufactured"])}
		await self.shop.call("PATCH", self.shop.path(self.chance.choice(["bought", "nut"])), body)

	async def line(self) -> None:
		parent = self.chance.choice(["arm", "robot"])
		await self.shop.line(
			parent, self.chance.choice(["nut", "wire"]), self.chance.randrange(1, 9)
		)


def _forget() -> None:
	snapshot_cache().clear()
	rollup_cache().clear()


@pytest.mark.parametrize(("most", "seed"), [(0, 3), (30_000, 4)], ids=["whole", "below"])
async def test_it_follows_changes(
	shop: Workshop, monkeypatch: pytest.MonkeyPatch, most: int, seed: int
) -> None:
	monkeypatch.setattr(loading, "MOST_LINES", most)
	await _shop(shop)
	_forget()
	edits = Edits(shop, seed)
	followed = 0
	original = RollUp.with_figures

	def watched(self: RollUp, figures: Any) -> RollUp:
		nonlocal followed
		followed += 1
		return original(self, figures)

	monkeypatch.setattr(RollUp, "with_figures", watched)

	async def read() -> Any:
		return (await shop.get("robot", "/rollup", quantity=5, date="2026-03-02")).data

	await read()
	for _ in range(9):
		await edits.one()
		kept = await read()
		held, rolled = dict(snapshot_cache()._held), dict(rollup_cache()._held)
		_forget()
		# The hash of the structure is told of small ones alone, whatever way it was read.
		assert kept == await read()
		snapshot_cache()._held.update(held)
		rollup_cache()._held.update(rolled)
	assert followed >= 3


async def test_without_a_change_it_is_the_very_same(shop: Workshop) -> None:
	await _shop(shop)
	_forget()
	first = (await shop.get("robot", "/rollup")).data
	(kept,) = rollup_cache()._held.values()
	assert (await shop.get("robot", "/rollup")).data == first
	(again,) = rollup_cache()._held.values()
	assert again.found is kept.found
	today = str(utc_now().date())
	answer = await shop.cost("screw", "7", valid_from=today, quantity_break=2)
	assert answer.status == 201
	assert (await shop.get("robot", "/rollup")).data["cost"]["total"] > first["cost"]["total"]
	(after,) = rollup_cache()._held.values()
	assert after.found.snapshot is kept.found.snapshot
	assert after.found.rolled["mass"] is kept.found.rolled["mass"]


async def test_readers_without_costs_share_nothing_with_others(
	shop: Workshop, other: Workshop
) -> None:
	await _shop(shop)
	_forget()
	assert (await shop.get("robot", "/rollup")).data["cost"] is not None
	assert (await other.get(shop.ids["robot"], "/rollup")).status == 404
	assert len({key[0] for key in rollup_cache()._held}) == 1


async def test_the_kept_are_bounded(shop: Workshop) -> None:
	await _shop(shop)
	_forget()
	for quantity in (1, 2, 3):
		await shop.get("robot", "/rollup", quantity=quantity)
	held = list(rollup_cache()._held.items())
	cache = RollUpCache(most=2, most_weight=10_000)
	for key, kept in held:
		cache.keep(key, kept)
	assert list(cache._held) == [key for key, _kept in held[1:]]
	small = RollUpCache(most=9, most_weight=held[0][1].weight)
	for key, kept in held:
		small.keep(key, kept)
	assert list(small._held) == [held[2][0]]
