from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.capabilities.plm.shared.reference import random_lines

from apg.capabilities.plm.shared.content_hash import content_hash, structure_hash
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.structure import Structure

LINES = [
	{"child": "bolt", "quantity": Decimal("4.00"), "designators": {"R1", "R2"}, "note": None},
	{"child": "nut", "quantity": 4, "designators": set(), "unit": "each"},
]
ATTRIBUTES = {"colour": "grün", "sizes": [1, 2.5], "lead_free": True}


def test_the_hash_is_what_it_was_when_it_was_introduced():
	"""Recorded hashes must verify for ever: a change of this value needs a new VERSION."""
	assert (
		content_hash([], {}) == "d9702d147d87bacb3513dea1087bdc8ca74951d4ca3776f8e9764f94402e1901"
	)
	assert (
		content_hash(LINES, ATTRIBUTES)
		== "f9047623aec973f6654b19a8f43085b7ea370efb76441f804ef39ca424114b71"
	)


def test_storage_does_not_show():
	rewritten = [
		{
			"unit": "each",
			"designators": frozenset(),
			"quantity": Decimal("4.000000"),
			"child": "nut",
		},
		{"designators": {"R2", "R1"}, "quantity": 4.0, "child": "bolt"},
	]
	attributes = {"lead_free": True, "sizes": (Decimal(1), Fraction(5, 2)), "colour": "gru\u0308n"}
	assert content_hash(rewritten, attributes) == content_hash(LINES, ATTRIBUTES)


numbers = st.decimals(
	allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(numbers, st.integers(0, 6))
def test_the_form_of_a_number_does_not_show(number, zeros):
	padded = Decimal(str(number) + "0" * zeros)
	assert content_hash([{"q": number}], {}) == content_hash([{"q": padded}], {})
	assert content_hash([{"q": number}], {}) == content_hash([{"q": Fraction(number)}], {})


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | numbers
values = st.recursive(
	scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
contents = st.lists(st.dictionaries(st.text(max_size=3), scalars, max_size=3), max_size=4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(contents, st.integers(0, 10**6))
def test_the_order_of_lines_does_not_show(lines, seed):
	chance = Random(seed)
	mixed = [dict(chance.sample(sorted(each.items(), key=repr), len(each))) for each in lines]
	chance.shuffle(mixed)
	assert content_hash(lines, {}) == content_hash(mixed, {})


@pytest.mark.parametrize(
	("one", "other"),
	[
		({"a": 1}, {"a": "1"}),
		({"a": True}, {"a": 1}),
		({"a": "bc"}, {"ab": "c"}),
		({"a": ["b", "c"]}, {"a": ["bc"]}),
		({"a": ["b", "c"]}, {"a": ["c", "b"]}),
		({"a": ["b"]}, {"a": {"b"}}),
		({"a": []}, {}),
		({"a": date(2026, 1, 1)}, {"a": "2026-01-01"}),
		({"a": [None]}, {"a": []}),
		({"a": Decimal("0.1")}, {"a": Decimal("0.10000000000000001")}),
	],
)
def test_different_content_differs(one, other):
	assert content_hash([], one) != content_hash([], other)
	assert content_hash([one], {}) != content_hash([other], {})


def test_a_line_more_or_less_shows():
	assert content_hash([LINES[0]] * 2, {}) != content_hash([LINES[0]], {})
	assert content_hash([{}], {}) != content_hash([], {})
	assert content_hash([{"a": 1}], {}) != content_hash([], {"a": 1})


def test_one_moment_has_one_form():
	noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
	elsewhere = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
	assert content_hash([], {"at": noon}) == content_hash([], {"at": elsewhere})


@pytest.mark.parametrize(
	"value",
	[float("nan"), Decimal("Infinity"), b"raw", object(), datetime(2026, 1, 1)],  # noqa: DTZ001
)
def test_what_has_no_form_is_refused(value):
	with pytest.raises(DomainError) as refused:
		content_hash([], {"field": value})
	assert refused.value.field == "attributes.field"


@pytest.mark.parametrize("seed", range(20))
def test_a_structure_hashes_by_content(seed):
	chance = Random(seed)
	names, lines = random_lines(chance, 20)
	one = Structure.from_lines(lines, names)
	other = Structure.from_lines(chance.sample(lines, len(lines)), reversed(names))
	assert structure_hash(one) == structure_hash(other)
	assert structure_hash(one) == structure_hash(one, {names[0]: 1})
	assert structure_hash(one) != structure_hash(one, {names[0]: 2})
	assert structure_hash(one) != structure_hash(Structure.from_lines(lines, [*names, "lone"]))
	if lines:
		assert structure_hash(one) != structure_hash(Structure.from_lines(lines[1:], names))
