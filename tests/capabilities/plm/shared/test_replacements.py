"""One-way and two-way alternates that do not contradict each other."""

from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.plm.shared.replacements import contradiction


def test_a_chain_is_fine_and_a_ring_is_not() -> None:
	assert contradiction([("a", "b", False), ("b", "c", False)]) == ()
	ring = contradiction([("a", "b", False), ("b", "c", False), ("c", "a", False)])
	assert set(ring) == {"a", "b", "c"}
	assert ring[0] == ring[-1]


def test_equal_ones_are_one() -> None:
	assert contradiction([("a", "b", True), ("b", "c", True), ("c", "a", True)]) == ()
	assert contradiction([("a", "b", True), ("a", "b", False)]) != ()
	assert contradiction([("a", "b", False), ("b", "c", True), ("c", "a", False)]) != ()


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.tuples(NAMES, NAMES, st.booleans()).filter(lambda p: p[0] != p[1]), max_size=9))
def test_against_closure(pairs: list[tuple[str, str, bool]]) -> None:
	"""A contradiction is a one-way pair whose alternate leads back to its product."""
	leads = {(a, b) for a, b, _both in pairs} | {(b, a) for a, b, both in pairs if both}
	names = "abcdef"
	for middle in names:
		leads |= {
			(a, c) for a in names for c in names if (a, middle) in leads and (middle, c) in leads
		}
	expected = any((b, a) in leads for a, b, both in pairs if not both)
	assert bool(contradiction(pairs)) == expected
