"""Which parts may replace which: one-way and two-way pairs that must not contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[str, str, bool]
"""(product, its alternate, whether the other way round too)"""


def contradiction(pairs: Iterable[Pair]) -> tuple[str, ...]:
	"""The products of a ring in which a one-way alternate leads back to where it began; empty: none.

	Two-way alternates are equal; products that are equal through them are one. Between such groups
	one-way alternates lead on and never back: A may replace B by C only if C is not replaced by A.
	"""
	known = list(pairs)
	group: dict[str, str] = {}

	def root(name: str) -> str:
		while group.setdefault(name, name) != name:
			group[name] = group[group[name]]
			name = group[name]
		return name

	for item, other, both in known:
		if both:
			group[root(item)] = root(other)
	onward: dict[str, list[tuple[str, str]]] = {}
	for item, other, both in known:
		if not both:
			onward.setdefault(root(item), []).append((root(other), item))
	state: dict[str, int] = {}
	for begin in list(onward):
		ring = _ring_from(begin, onward, state)
		if ring:
			return ring
	return ()


def _ring_from(
	begin: str, onward: dict[str, list[tuple[str, str]]], state: dict[str, int]
) -> tuple[str, ...]:
	"""A ring that a walk from here meets. States: 1 on the way, 2 done."""
	if state.get(begin):
		return ()
	path: list[str] = [begin]
	ways = [iter(onward.get(begin, ()))]
	state[begin] = 1
	while path:
		step = next(ways[-1], None)
		if step is None:
			state[path.pop()] = 2
			ways.pop()
			continue
		place = step[0]
		if state.get(place) == 1:
			ring: Sequence[str] = path[path.index(place) :]
			return (*ring, place)
		if place not in state:
			state[place] = 1
			path.append(place)
			ways.append(iter(onward.get(place, ())))
	return ()
