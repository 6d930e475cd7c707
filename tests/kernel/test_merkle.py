"""The tree against the definition of RFC 9162, written as it stands there."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apg.kernel import merkle
from apg.kernel.merkle import Frontier
from apg.platform.audit.sealing import tree as trees
from apg.platform.audit.sealing.tree import Grown


def naive(leaves: list[bytes]) -> bytes:
	"""MTH of RFC 9162 §2.1.1, without any of our code."""
	if not leaves:
		return hashlib.sha256(b"").digest()
	if len(leaves) == 1:
		return leaves[0]
	k = 1
	while k * 2 < len(leaves):
		k *= 2
	return hashlib.sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def leaves_of(count: int, salt: int = 0) -> list[bytes]:
	return [hashlib.sha256(f"{salt}/{n}".encode()).digest() for n in range(count)]


@given(st.integers(0, 300), st.integers(0, 5))
def test_the_frontier_has_the_root_of_the_naive_tree_at_every_size(count: int, salt: int) -> None:
	leaves = leaves_of(count, salt)
	tree = Frontier()
	for n, leaf in enumerate(leaves):
		if n % 37 == 0:
			assert tree.root() == naive(leaves[:n])
			tree = Frontier(tree.size, tree.packed())  # as it comes back from the database
		tree.append(leaf)
	assert (tree.size, tree.root()) == (count, naive(leaves))


@settings(max_examples=60)
@given(st.integers(0, 200), st.integers(1, 60))
def test_every_leaf_after_a_frontier_is_proved_and_no_other(old: int, new: int) -> None:
	leaves = leaves_of(old + new)
	before = Frontier()
	for leaf in leaves[:old]:
		before.append(leaf)
	grown, root = Grown(before, leaves[old:]), naive(leaves)
	assert grown.root() == root
	for index in range(old, old + new):
		path = grown.path(index)
		found = trees.root_of_path(leaves[index], index, len(leaves), path)
		assert found == root
		assert trees.root_of_path(leaves_of(1, 9)[0], index, len(leaves), path) != root
		if index:
			assert trees.root_of_path(leaves[index], index - 1, len(leaves), path) != root
		assert trees.root_of_path(leaves[index], index, len(leaves), [*path, root]) is None
	if old:
		with pytest.raises(KeyError):
			Grown(before, leaves[old:]).hash(0, 1 if old > 1 else -1)


@settings(max_examples=60)
@given(st.integers(0, 100), st.integers(1, 60), st.data())
def test_one_proof_for_many(old: int, new: int, data: st.DataObject) -> None:
	leaves = leaves_of(old + new)
	before = Frontier()
	for leaf in leaves[:old]:
		before.append(leaf)
	wanted = data.draw(st.sets(st.integers(old, old + new - 1), min_size=1))
	around = Grown(before, leaves[old:]).around(wanted)

	def root(low: int, high: int) -> bytes:
		if (low, high) in around:
			return around[low, high]
		if high - low == 1:
			assert low in wanted
			return leaves[low]
		middle = low + trees.split(high - low)
		return merkle.node_of(root(low, middle), root(middle, high))

	assert root(0, old + new) == naive(leaves)
	assert not any(low <= one < high for low, high in around for one in wanted)


def test_a_frontier_of_another_size_is_refused() -> None:
	with pytest.raises(ValueError):
		Frontier(3, bytes(32))


@given(st.dictionaries(st.sampled_from(merkle.CONTENT), st.none() | st.text(st.characters(
	exclude_categories=["Cs"])), min_size=1))  # fmt: skip
def test_the_form_that_is_hashed_is_rfc_8785(entry: dict[str, str | None]) -> None:
	# §3.2.2.2: the two-letter escapes, \u00xx in lower case for the rest below 0x20, nothing else.
	def text(value: str) -> str:
		short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f",
			"\r": "\\r"}  # fmt: skip
		return "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value)

	wanted = ",".join(
		f'"{name}":' + ("null" if entry[name] is None else f'"{text(entry[name] or "")}"')
		for name in sorted(entry)
	)
	assert merkle.canonical(entry).decode() == "{" + wanted + "}"
	assert json.loads(merkle.canonical(entry)) == entry


def test_a_sketch_names_the_columns_that_differ() -> None:
	entry: dict[str, str | None] = dict.fromkeys(merkle.CONTENT, "x") | {"before": None}
	sketch = merkle.sketch_of(entry)
	assert len(sketch) == 4 * len(merkle.CONTENT)
	assert trees.differing(sketch, entry) == []
	assert trees.differing(sketch, entry | {"before": "", "action": "y"}) == ["before", "action"]


def test_moments_have_one_form() -> None:
	east = timezone(timedelta(hours=2))
	assert merkle.moment(datetime(2026, 1, 2, 3, tzinfo=UTC)) == "2026-01-02T03:00:00.000000Z"
	assert merkle.moment(datetime(2026, 1, 2, 1, tzinfo=east)) == "2026-01-01T23:00:00.000000Z"
