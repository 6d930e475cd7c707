from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apg.capabilities.plm.shared.designators import format_designators, parse_designators
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.numbering import (
	LabelSeries,
	NumberFormat,
	check_identifier,
	gtin_check_digit,
	label_at,
	label_place,
	next_label,
)

NUMBERS = LabelSeries.NUMBERS
steady = settings(max_examples=300, deadline=None, derandomize=True)


def test_letters_run_from_a_to_yy():
	labels = [label_at(place) for place in range(420)]
	assert labels[:20] == list("ABCDEFGHJKLMNPRTUVWY")
	assert labels[20:23] == ["AA", "AB", "AC"]
	assert labels[39:41] == ["AY", "BA"]
	assert labels[-1] == "YY"
	assert not {letter for label in labels for letter in label} & set("IOQSXZ")
	assert [label_place(label) for label in labels] == list(range(420))
	for label, following in pairwise(labels):
		assert next_label(label) == following


def test_after_yy_people_decide():
	with pytest.raises(DomainError, match="Continue with numbers"):
		next_label("YY")


def test_numbers_keep_their_zeros():
	assert [next_label(label, NUMBERS) for label in (None, "1", "9", "09", "099")] == [
		"1", "2", "10", "10", "100",
	]  # fmt: skip
	assert next_label("01", NUMBERS) == "02"
	assert next_label(None) == "A"


@pytest.mark.parametrize("label", ["I", "a", "AZ", "ABC", "A.1", "", "1"])
def test_a_label_outside_of_the_series_has_no_next(label):
	assert label_place(label) is None
	with pytest.raises(DomainError, match="revision"):
		next_label(label)


@pytest.mark.parametrize("label", ["0", "-1", "A", "٣", "1.0", ""])
def test_what_is_no_number_has_no_next(label):
	with pytest.raises(DomainError):
		next_label(label, NUMBERS)


def test_a_number_format_counts():
	series = NumberFormat.parse("MOT-{counter:06d}")
	assert series.render(42) == "MOT-000042"
	assert series.render(12_345_678) == "MOT-12345678"
	assert str(series) == "MOT-{counter:06d}"
	assert NumberFormat.parse("{counter}/B").render(7) == "7/B"
	assert str(NumberFormat.parse("P{counter}")) == "P{counter}"


@steady
@given(
	st.text("ABC-_ 012", max_size=6).map(str.strip),
	st.integers(1, 18),
	st.text("-/XY", max_size=3),
	st.integers(0, 10**18 - 1),
)
def test_a_number_gives_its_counter_back(prefix, width, suffix, counter):
	series = NumberFormat(prefix, width, suffix)
	assert series.counter_of(series.render(counter)) == counter
	assert NumberFormat.parse(str(series)) == series


@pytest.mark.parametrize(
	"number", ["MOT-42", "MOT-0000042", "MOT-00004x", "mot-000042", "MOT-", ""]
)
def test_other_numbers_have_no_counter(number):
	assert NumberFormat.parse("MOT-{counter:06d}").counter_of(number) is None


def test_a_series_steps_over_what_is_taken():
	series = NumberFormat.parse("P-{counter:03d}")
	assert series.counter_after(["P-007", "X-900", "P-012", "P-0013"]) == 13
	assert series.counter_after([]) == 1


@pytest.mark.parametrize(
	"pattern",
	["", "MOT", "{}", "{counter:6d}", "{counter:06x}", "{counter}{counter}", "{counter.__class__}",
	 "{0}", "{counter:099d}", "A{b}{counter}", "A\n{counter}", " A{counter}", "{counter!r}"],
)  # fmt: skip
def test_what_is_no_number_format_is_refused(pattern):
	with pytest.raises(DomainError, match="pattern"):
		NumberFormat.parse(pattern)


@pytest.mark.parametrize(
	("digits", "check"),
	[
		("629104150021", 3),
		("400638133393", 1),
		("9638507", 4),
		("03600029145", 2),
		("0950600013435", 2),
	],
)
def test_published_gtins_check(digits, check):
	assert gtin_check_digit(digits) == check
	assert check_identifier("gtin", digits + str(check)) == digits + str(check)
	with pytest.raises(DomainError, match=f"must be {check}"):
		check_identifier("gtin", digits + str((check + 1) % 10))


@steady
@given(st.text("0123456789", min_size=13, max_size=13), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_seen(body, place, shift):
	code = body + str(gtin_check_digit(body))
	wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1 :]
	with pytest.raises(DomainError, match="check digit"):
		check_identifier("gtin", wrong)


@pytest.mark.parametrize(
	"value", ["12345", "123456789", "40063813339311", "400638133393٣", "abc", " "]
)
def test_what_is_no_gtin_is_refused(value):
	with pytest.raises(DomainError):
		check_identifier("gtin", value)


def test_identifiers_are_cleaned():
	assert check_identifier("gtin", " 4006381-333931 ") == "4006381333931"
	assert check_identifier("customer", "  AB 12  ") == "AB 12"
	for value in ("", "  ", "a\x00b", "x" * 101):
		with pytest.raises(DomainError):
			check_identifier("erp", value)


@pytest.mark.parametrize(
	("text", "names"),
	[
		("R1-R4, C3", "R1 R2 R3 R4 C3"),
		("R1", "R1"),
		("R1 R2;C3\nC4", "R1 R2 C3 C4"),
		("R1 - R3", "R1 R2 R3"),
		("R9–R11", "R9 R10 R11"),
		("R08-R10", "R08 R09 R10"),
		("J1-4", "J1-4"),
		("A1-B4", "A1-B4"),
		("", ""),
		(" , ;", ""),
	],
)
def test_designators_are_written_out(text, names):
	assert parse_designators(text) == frozenset(names.split())


def test_words_are_not_cut():
	assert parse_designators("left bracket, R1") == {"left bracket", "R1"}


@pytest.mark.parametrize("text", ["R1, R1", "R1-R3, R2", "R4-R1", "R1-R1", "R1-R20000", "x" * 101])
def test_wrong_designators_are_refused(text):
	with pytest.raises(DomainError, match="designators"):
		parse_designators(text)


def test_designators_are_written_as_people_do():
	names = ["R10", "R2", "R1", "R3", "C3", "C4", "TP", "R01", "J1-4"]
	assert format_designators(names) == "C3, C4, J1-4, R1-R3, R10, R01, TP"
	assert format_designators([]) == ""


places = st.builds(
	lambda prefix, number, zeros: f"{prefix}{'0' * zeros}{number}",
	st.sampled_from(["R", "C", "J1-", "TP_", "X1Y", "", "left side "]),
	st.integers(0, 40),
	st.integers(0, 2),
)


@steady
@given(st.frozensets(places, max_size=40))
def test_designators_come_back(names):
	assert parse_designators(format_designators(names)) == names
