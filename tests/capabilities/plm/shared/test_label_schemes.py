"""Label schemes: every label once, in order, and never one that the standard skips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.label_schemes import (
	LabelScheme,
	label_after,
	label_for_release,
)
from apg.capabilities.plm.shared.numbering import LabelSeries

SCHEMES = st.builds(
	LabelScheme,
	st.sampled_from(LabelSeries),
	st.integers(1, 6),
	st.sampled_from(["", "P", "X-", "0"]),
)


@given(SCHEMES, st.integers(0, 419))
def test_a_label_knows_its_place(scheme: LabelScheme, place: int) -> None:
	label = scheme.label(place)
	assert scheme.place(label) == place
	rest = label[len(scheme.prefix) :]
	assert not set(rest) & set("IOQSXZ")


@given(SCHEMES, st.integers(1, 40))
def test_labels_follow_one_another_and_never_repeat(scheme: LabelScheme, count: int) -> None:
	fixed: list[str] = []
	for _turn in range(count):
		fixed.append(label_after(scheme, fixed))
	assert fixed == [scheme.label(place) for place in range(count)]


@given(SCHEMES, st.lists(st.integers(0, 60), unique=True, max_size=10), st.text(max_size=4))
def test_what_a_release_fixes_is_new_and_of_the_scheme(
	scheme: LabelScheme, places: list[int], planned: str
) -> None:
	fixed = [scheme.label(place) for place in places]
	for wish in (planned, scheme.label(7), *fixed):
		label = label_for_release(scheme, wish, fixed)
		assert label not in fixed
		found = scheme.place(label)
		assert found is not None
		assert all(found > place for place in places)


def test_another_series_begins_anew() -> None:
	letters = LabelScheme()
	assert label_after(letters, ["01", "02"]) == "A"
	assert label_after(letters, ["01", "A", "02"]) == "B"
	assert LabelScheme(LabelSeries.NUMBERS, 2).place("1") is None
	assert LabelScheme(LabelSeries.NUMBERS, 2).place("100") == 99


def test_without_a_scheme_the_last_series_goes_on() -> None:
	assert label_after(None, []) == "A"
	assert label_after(None, ["H"]) == "J"
	assert label_after(None, ["Y"]) == "AA"
	assert label_after(None, ["A", "1"]) == "2"
	assert label_for_release(None, "C", ["A"]) == "C"
	assert label_for_release(None, "B", ["A", "B"]) == "C"  # another change was first
	with pytest.raises(DomainError):
		label_after(None, ["B.1"])
	with pytest.raises(DomainError):
		label_after(LabelScheme(), ["YY"])
