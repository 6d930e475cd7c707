"""Proofs out of a tree: the path of one entry, one proof for many, what differs. No I/O."""

from collections.abc import Iterable, Sequence

from apg.kernel.merkle import CONTENT, Frontier, Texts, node_of, sketch_of


def differing(sketch: bytes, entry: Texts) -> list[str]:
	"""Content columns that differ from what the sketch was made of."""
	other = sketch_of(entry)
	return [
		name
		for n, name in enumerate(CONTENT)
		if sketch[4 * n : 4 * n + 4] != other[4 * n : 4 * n + 4]
	]


class Grown:
	"""A tree that is known from a frontier on: it proves any leaf that came after."""

	def __init__(self, before: Frontier, leaves: Sequence[bytes]) -> None:
		self.added = len(leaves)
		self.size = before.size + len(leaves)
		self._known = before.spans()
		self._known |= {
			(before.size + n, before.size + n + 1): leaf for n, leaf in enumerate(leaves)
		}

	def hash(self, low: int, high: int) -> bytes:
		"""The hash over leaves from `low` to before `high`. Raises KeyError for what is not known."""
		found = self._known.get((low, high))
		if found is None:
			if high - low < 2:
				raise KeyError(low)
			middle = low + split(high - low)
			found = node_of(self.hash(low, middle), self.hash(middle, high))
			self._known[low, high] = found
		return found

	def root(self) -> bytes:
		return self.hash(0, self.size)

	def path(self, index: int) -> list[bytes]:
		"""The inclusion proof of a leaf (RFC 9162 §2.1.3.1), the nearest sibling first."""
		found: list[bytes] = []
		low, high = 0, self.size
		while high - low > 1:
			middle = low + split(high - low)
			if index < middle:
				found.append(self.hash(middle, high))
				high = middle
			else:
				found.append(self.hash(low, middle))
				low = middle
		return found[::-1]

	def around(self, wanted: Iterable[int]) -> dict[tuple[int, int], bytes]:
		"""The hashes that, with the wanted leaves, give the root: one proof for many entries."""
		found: dict[tuple[int, int], bytes] = {}

		def descend(low: int, high: int, inside: list[int]) -> None:
			if not inside:
				found[low, high] = self.hash(low, high)
			elif high - low > 1:
				middle = low + split(high - low)
				descend(low, middle, [n for n in inside if n < middle])
				descend(middle, high, [n for n in inside if n >= middle])

		descend(0, self.size, sorted(set(wanted)))
		return found


def split(size: int) -> int:
	"""The largest power of two below the size: where RFC 9162 divides a tree."""
	return 1 << ((size - 1).bit_length() - 1)


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
	"""The root a proof leads to (RFC 9162 §2.1.3.2); None when it has not the right length."""
	if not 0 <= index < size:
		return None
	fn, sn, found = index, size - 1, leaf
	for node in path:
		if sn == 0:
			return None
		if fn & 1 or fn == sn:
			found = node_of(node, found)
			while not fn & 1 and fn:
				fn, sn = fn >> 1, sn >> 1
		else:
			found = node_of(found, node)
		fn, sn = fn >> 1, sn >> 1
	return found if sn == 0 else None
