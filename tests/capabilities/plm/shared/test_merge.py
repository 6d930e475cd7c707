"""The six cases of two orders from one base, and laws that hold for any three lists."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.plm.shared.compare import Line
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.merge import LINE, Merged, differing, merge


def line(uid: str, number: int = 10, child: str = "screw", **fields: Any) -> Line:
	held = {"quantity": Decimal(1), "view": "engineering", **fields}
	return Line(uid=uid, child=child, find_number=number, fields=held)


def same(a: Line, b: Line) -> bool:
	return a.uid == b.uid and differing(a, b) == []


BASE = line("a", quantity=Decimal(2))


def test_both_changed_the_same_field_is_chosen() -> None:
	mine, theirs = line("a", quantity=Decimal(3)), line("a", quantity=Decimal(4))
	found = merge([BASE], [mine], [theirs])
	[clash] = found.clashes
	assert (clash.key, clash.base, clash.mine, clash.theirs) == (
		("a", "quantity"),
		Decimal(2),
		Decimal(3),
		Decimal(4),
	)
	for side, quantity in (("mine", 3), ("theirs", 4)):
		chosen = merge([BASE], [mine], [theirs], {("a", "quantity"): side})
		assert chosen.is_clean
		assert chosen.lines[0].value("quantity") == quantity


def test_both_changed_it_alike_is_no_clash() -> None:
	changed = line("a", quantity=Decimal("3.0"))
	found = merge([BASE], [changed], [line("a", quantity=Decimal(3))])
	assert found.is_clean
	assert found.lines[0].value("quantity") == 3


def test_different_fields_of_one_line_are_merged() -> None:
	mine = line("a", quantity=Decimal(3))
	theirs = line("a", quantity=Decimal(2), note="glue", child="bolt")
	found = merge([BASE], [mine], [theirs])
	assert found.is_clean
	assert (found.lines[0].value("quantity"), found.lines[0].value("note")) == (3, "glue")
	assert found.lines[0].child == "bolt"


@pytest.mark.parametrize("remover", ["mine", "theirs"])
def test_one_removed_what_the_other_changed_is_chosen(remover: str) -> None:
	changed = line("a", quantity=Decimal(3))
	mine, theirs = ([], [changed]) if remover == "mine" else ([changed], [])
	found = merge([BASE], mine, theirs)
	[clash] = found.clashes
	assert clash.key == ("a", LINE)
	kept = "theirs" if remover == "mine" else "mine"
	assert merge([BASE], mine, theirs, {("a", LINE): kept}).lines == (changed,)
	assert merge([BASE], mine, theirs, {("a", LINE): remover}).lines == ()


@pytest.mark.parametrize("swap", [False, True])
def test_one_removed_what_the_other_left_alone_goes(swap: bool) -> None:
	sides = ([], [BASE]) if swap else ([BASE], [])
	found = merge([BASE], *sides)
	assert (found.lines, found.clashes) == ((), ())


def test_both_added_the_same_child_at_different_find_numbers() -> None:
	mine, theirs = line("m", 20, "clip"), line("t", 30, "clip")
	found = merge([BASE], [BASE, mine], [BASE, theirs])
	assert found.is_clean
	assert [each.uid for each in found.lines] == ["a", "m", "t"]
	assert found.moved == ()


def test_both_added_at_the_same_find_number_mine_moves_on() -> None:
	mine, theirs = line("m", 20, "clip"), line("t", 20, "nut")
	found = merge([BASE], [BASE, mine], [BASE, theirs])
	assert found.is_clean
	assert [(each.uid, each.find_number) for each in found.lines] == [
		("a", 10),
		("t", 20),
		("m", 30),
	]
	assert found.moved == (("m", 20, 30),)


def test_both_removed_is_nothing_to_do() -> None:
	assert merge([BASE], [], []) == Merged((), (), ())


def test_a_choice_of_a_third_side_is_refused() -> None:
	with pytest.raises(DomainError):
		merge([BASE], [BASE], [BASE], {("a", "quantity"): "both"})


UIDS = ("a", "b", "c", "d")
LISTS = st.lists(
	st.builds(
		line,
		st.sampled_from(UIDS),
		st.sampled_from([10, 20, 30, 40]),
		st.sampled_from(["screw", "bolt"]),
		quantity=st.sampled_from([Decimal(1), Decimal(2), Decimal(3)]),
		note=st.sampled_from([None, "x", "y"]),
	),
	unique_by=lambda each: each.uid,
	max_size=4,
).filter(lambda lines: len({each.find_number for each in lines}) == len(lines))


def by_uid(lines: Any) -> dict[str, Line]:
	return {each.uid: each for each in lines}


@given(LISTS, LISTS)
def test_nothing_of_mine_gives_theirs_and_the_other_way(base: list[Line], other: list[Line]):
	taken = merge(base, base, other)
	assert taken.is_clean
	assert by_uid(taken.lines) == by_uid(other)
	kept = merge(base, other, base)
	assert kept.is_clean
	assert by_uid(kept.lines) == by_uid(other)


@given(LISTS, LISTS, LISTS)
def test_every_merge_keeps_what_a_structure_keeps(
	base: list[Line], mine: list[Line], theirs: list[Line]
):
	found = merge(base, mine, theirs)
	numbers = [each.find_number for each in found.lines]
	assert len(set(numbers)) == len(numbers)
	assert len(by_uid(found.lines)) == len(found.lines)
	assert by_uid(found.lines).keys() <= by_uid(mine).keys() | by_uid(theirs).keys()
	# With a choice for every clash none is left, and all theirs gives theirs where it clashed.
	chosen = merge(base, mine, theirs, {clash.key: "theirs" for clash in found.clashes})
	assert chosen.is_clean
	lines, other = by_uid(chosen.lines), by_uid(theirs)
	for clash in found.clashes:
		if clash.field == LINE:
			assert (clash.uid in lines) == (clash.uid in other)
		elif clash.field != "find_number":
			assert lines[clash.uid].value(clash.field) == other[clash.uid].value(clash.field)


@given(LISTS, LISTS, LISTS)
def test_the_clashes_are_the_same_from_both_sides(
	base: list[Line], mine: list[Line], theirs: list[Line]
):
	here = {each.key for each in merge(base, mine, theirs).clashes}
	there = {each.key for each in merge(base, theirs, mine).clashes}
	assert here == there
