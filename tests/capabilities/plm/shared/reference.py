"""The rules of a roll-up written down a second time: a walk of the full tree in fractions.

Slow and obvious on purpose; shares no code with the product beyond the line object itself.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from random import Random

from apg.capabilities.plm.shared.lines import BomLine, QuantityKind


def required(line: BomLine, lot: int = 1) -> Fraction | None:
	if line.kind == "reference" or (line.quantity == 0 and line.kind != "as_required"):
		return Fraction(0)
	if line.kind == "as_required" or line.quantity is None:
		return None
	quantity = Fraction(line.quantity) * (1 if line.kind == "fixed" else lot)
	needed = quantity * (1 + Fraction(line.attrition))
	if line.kind != "bulk":
		needed += Fraction(line.setup)
		if line.rounding:
			needed = math.ceil(needed / Fraction(line.rounding)) * Fraction(line.rounding)
	return needed * Fraction(line.conversion) / lot


class Tree:
	"""One root walked place by place."""

	def __init__(
		self,
		lines: list[BomLine],
		own: Mapping[str, Decimal | int | None],
		stops: set[str] | frozenset[str] = frozenset(),
		lots: Mapping[str, int] | None = None,
	) -> None:
		self.below: dict[str, list[BomLine]] = {}
		for line in lines:
			self.below.setdefault(line.parent, []).append(line)
		self.own, self.stops, self.lots = own, stops, lots or {}

	def uses(self, node: str) -> list[tuple[BomLine, Fraction | None]]:
		"""Lines that take something or whose quantity is unknown."""
		lot = self.lots.get(node, 1)
		found = [(line, required(line, lot)) for line in self.below.get(node, [])]
		return [(line, amount) for line, amount in found if amount is None or amount > 0]

	def stopped(self, node: str) -> bool:
		return node in self.stops and self.own.get(node) is not None

	def total(self, node: str) -> tuple[Fraction, int, int]:
		"""The known sum, places without a figure, places in all."""
		figure = self.own.get(node)
		value = Fraction(figure or 0)
		uses = self.uses(node)
		if self.stopped(node):
			return value, 0, 1
		needs_own = not uses or (node in self.own and figure is None)
		needed = int(needs_own)
		missing = int(needs_own and figure is None)
		for line, amount in uses:
			if amount is None:
				missing, needed = missing + 1, needed + 1
			else:
				below, lacking, places = self.total(line.child)
				value, missing, needed = value + amount * below, missing + lacking, needed + places
		return value, missing, needed

	def amounts(self, node: str, amount: Fraction, into: dict[str, Fraction]) -> None:
		into[node] = into.get(node, Fraction(0)) + amount
		if not self.stopped(node):
			for line, each in self.uses(node):
				if each is not None:
					self.amounts(line.child, amount * each, into)


def random_lines(random: Random, nodes: int, *, depth: int = 6) -> tuple[list[str], list[BomLine]]:
	"""A structure with shared assemblies, repeated children and every kind of line."""
	names = [f"item-{number:03d}" for number in range(nodes)]
	random.shuffle(names)
	level = [random.randrange(depth) for _ in names]
	lines: list[BomLine] = []
	for parent, height in zip(names, level, strict=True):
		lower = [name for name, other in zip(names, level, strict=True) if other < height]
		for _ in range(random.choice((0, 1, 2, 3, 4)) if lower else 0):
			child = random.choice(lower)
			lines.extend(
				random_line(random, parent, child) for _ in range(random.choice((1, 1, 2)))
			)
	random.shuffle(lines)
	return names, lines


def random_line(random: Random, parent: str, child: str) -> BomLine:
	kinds = [QuantityKind.PER] * 8 + list(QuantityKind)
	exponent = random.choice((0, 0, 1, 3, 6))
	quantity = Decimal(random.randrange(1, 2000)).scaleb(-exponent)
	return BomLine(
		parent=parent,
		child=child,
		quantity=random.choice([quantity] * 12 + [None, Decimal(0)]),
		kind=random.choice(kinds),
		attrition=random.choice((0, 0, Decimal("0.02"), Decimal("0.015"), Decimal("1"))),
		setup=random.choice((0, 0, 5, Decimal("0.25"))),
		rounding=random.choice((0, 0, 1, 10, Decimal("0.1"))),
		conversion=random.choice((1, 1, Fraction(127, 5000), Decimal("0.45359237"), 1000)),
	)


def random_own(random: Random, names: list[str]) -> dict[str, Decimal | None]:
	own: dict[str, Decimal | None] = {}
	for name in names:
		chance = random.random()
		if chance < 0.75:
			own[name] = Decimal(random.randrange(1, 10**6)).scaleb(-random.choice((0, 2, 4, 6)))
		elif chance < 0.8:
			own[name] = None
	return own
