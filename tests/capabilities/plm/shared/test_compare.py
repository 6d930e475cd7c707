from collections.abc import Iterator
from decimal import Decimal
from random import Random

import pytest

from apg.capabilities.plm.shared.compare import (
	Difference,
	DoesNotApply,
	FieldChange,
	Line,
	MatchedBy,
	apply,
	compare,
)
from apg.capabilities.plm.shared.errors import DomainError


def line(uid: str, child: str, number: int | None = None, places: str = "", **fields) -> Line:
	return Line(
		uid=uid,
		child=child,
		find_number=number,
		designators=frozenset(places.split()),
		origin=fields.pop("origin", None),
		fields=fields,
	)


def random_list(chance: Random) -> list[Line]:
	uids = [f"u{number}" for number in range(12)]
	return [
		Line(
			uid=uid,
			child=chance.choice("abc"),
			find_number=chance.choice([None, 1, 2, 3, 4]),
			designators=frozenset(chance.sample(["R1", "R2", "R3", "C1"], chance.randrange(4))),
			origin=chance.choice([None, None, *uids]),
			fields={
				name: chance.choice([None, Decimal(1), Decimal("1.00"), Decimal(2), "m"])
				for name in chance.sample(["quantity", "unit", "note"], chance.randrange(4))
			},
		)
		for uid in chance.sample(uids, chance.randrange(len(uids)))
	]


def pairs() -> Iterator[tuple[Random, list[Line], list[Line]]]:
	"""Six hundred pairs of lists: unrelated ones, and ones that share half of their lines."""
	for seed in range(300):
		chance = Random(seed)
		before, after = random_list(chance), random_list(chance)
		yield chance, before, after
		kept = {each.uid: each for each in chance.sample(before, len(before) // 2)}
		yield chance, before, [*({each.uid: each for each in after} | kept).values()]


def test_a_list_does_not_differ_from_itself():
	for _, before, _ in pairs():
		assert compare(before, before) == Difference()


def test_a_difference_applied_gives_the_other_list():
	for _, before, after in pairs():
		by_uid = {each.uid: each for each in apply(compare(before, after), before)}
		assert by_uid == {each.uid: each for each in after}


def test_the_order_of_rows_does_not_matter():
	for chance, before, after in pairs():
		mixed = compare(chance.sample(before, len(before)), chance.sample(after, len(after)))
		assert mixed == compare(before, after)


def test_each_line_is_reported_once():
	for _, before, after in pairs():
		found = compare(before, after)
		old = [each.old_uid for each in found.changed] + [each.uid for each in found.removed]
		new = [each.new_uid for each in found.changed] + [each.uid for each in found.added]
		assert len(old) == len(set(old))
		assert len(new) == len(set(new))
		assert set(old) <= {each.uid for each in before}
		assert set(new) <= {each.uid for each in after}
		assert all(change.changes for change in found.changed)


def test_what_changed_is_named_field_by_field():
	before = [line("u1", "bolt", 10, "R1 R2", quantity=Decimal(2), unit="each")]
	after = [line("u1", "nut", 20, "R2", quantity=Decimal("2.00"), note="loose")]
	(change,) = compare(before, after).changed
	assert change.matched_by is MatchedBy.LINEAGE
	assert change.changes == (
		FieldChange("child", "bolt", "nut"),
		FieldChange("find_number", 10, 20),
		FieldChange("designators", frozenset({"R1", "R2"}), frozenset({"R2"})),
		FieldChange("note", None, "loose"),
		FieldChange("unit", "each", None),
	)


def test_the_form_of_a_number_is_no_difference():
	before = [line("u1", "bolt", quantity=Decimal("1.0"))]
	assert compare(before, [line("u1", "bolt", quantity=Decimal("1.000"))]).is_empty


def test_one_child_on_two_lines_is_kept_apart():
	"""A change of one occurrence must not show at the other (odoo 47002)."""
	before = [line("u1", "screw", 10, quantity=4), line("u2", "screw", 20, quantity=6)]
	after = [line("u1", "screw", 10, quantity=4), line("u2", "screw", 20, quantity=8)]
	difference = compare(before, after)
	assert [(each.old_uid, each.changes) for each in difference.changed] == [
		("u2", (FieldChange("quantity", 6, 8),))
	]
	assert (difference.added, difference.removed) == ((), ())


@pytest.mark.parametrize(
	("_case", "old", "new", "how"),
	[
		("uid", line("u1", "a", 1), line("u1", "b", 2), "lineage"),
		("derived", line("e1", "a", 1), line("m1", "b", 2, origin="e1"), "lineage"),
		("source", line("m1", "a", 1, origin="e1"), line("e1", "b", 2), "lineage"),
		("siblings", line("m1", "a", 1, origin="e"), line("m2", "b", 2, origin="e"), "lineage"),
		("find number", line("u1", "a", 1, q=1), line("u2", "a", 1, q=2), "child_and_find_number"),
		("child", line("u1", "a", 1), line("u2", "a", 2), "child"),
		("replaced part", line("u1", "a", 1, "R1 R2"), line("u2", "b", 1, "R2"), "designators"),
	],
)
def test_lines_are_paired(_case, old, new, how):
	(change,) = compare([old], [new]).changed
	assert change.matched_by == how


def test_nothing_in_common_is_removed_and_added():
	difference = compare([line("u1", "a", 1, "R1")], [line("u2", "b", 1, "R2")])
	assert [each.uid for each in difference.removed] == ["u1"]
	assert [each.uid for each in difference.added] == ["u2"]
	assert difference.changed == ()


def test_among_several_the_designators_decide():
	before = [line("u1", "a", 1, "R1 R2 R3"), line("u2", "a", 2, "R7 R8")]
	after = [line("v1", "a", 8, "R7 R8 R9"), line("v2", "a", 9, "R1 R2")]
	changed = compare(before, after).changed
	assert [(each.old_uid, each.new_uid) for each in changed] == [("u1", "v2"), ("u2", "v1")]


def test_an_earlier_rule_takes_the_line_away_from_a_later_one():
	before = [line("u1", "a", 1), line("u2", "a", 2)]
	after = [line("u2", "a", 1), line("v9", "a", 2)]
	found = compare(before, after)
	assert [(each.old_uid, each.new_uid, each.matched_by) for each in found.changed] == [
		("u1", "v9", MatchedBy.CHILD),
		("u2", "u2", MatchedBy.LINEAGE),
	]


def test_equal_content_under_other_ids_is_no_difference():
	difference = compare([line("u1", "a", 1, "R1")], [line("m1", "a", 1, "R1", origin="u1")])
	assert difference.is_empty
	assert difference.renamed == (("u1", "m1", "u1"),)


def test_changes_of_different_lines_merge():
	base = [line("u1", "a", 1, quantity=1), line("u2", "b", 2, quantity=1)]
	mine = compare(base, [line("u1", "a", 1, quantity=5), base[1]])
	theirs = [base[0], line("u2", "b", 2, quantity=7)]
	merged = apply(mine, theirs)
	assert [each.fields["quantity"] for each in merged] == [5, 7]


@pytest.mark.parametrize(
	("theirs", "field"),
	[
		([line("u1", "a", 1, quantity=2)], "quantity"),
		([], "line"),
	],
)
def test_changes_of_the_same_field_are_a_conflict(theirs, field):
	base = [line("u1", "a", 1, quantity=1)]
	mine = compare(base, [line("u1", "a", 1, quantity=5)])
	with pytest.raises(DoesNotApply) as refused:
		apply(mine, theirs)
	assert (refused.value.uid, refused.value.field) == ("u1", field)


def test_a_removal_of_what_others_changed_is_a_conflict():
	base = [line("u1", "a", 1, quantity=1)]
	with pytest.raises(DoesNotApply, match="changed since"):
		apply(compare(base, []), [line("u1", "a", 1, quantity=9)])
	with pytest.raises(DoesNotApply, match="there already"):
		apply(compare([], base), base)


def test_a_uid_twice_is_refused():
	with pytest.raises(DomainError, match="u1 appears twice"):
		compare([line("u1", "a"), line("u1", "b")], [])


def test_a_thousand_equal_children_are_paired_in_order():
	before = [line(f"u{n:04d}", "screw", n + 1) for n in range(1000)]
	after = [line(f"v{n:04d}", "screw", n + 2) for n in range(1000)]
	difference = compare(before, after)
	assert (difference.added, difference.removed) == ((), ())
	assert [each.changes[0].field for each in difference.changed] == ["find_number"] * len(
		difference.changed
	)
