"""Reference designators: lists, ranges, and words that are none."""

import pytest

from apg.capabilities.plm.imports.designators import all_single, split


@pytest.mark.parametrize(
	("text", "found"),
	[
		("", ()),
		("C1, C2;C3", ("C1", "C2", "C3")),
		("R1 R2 R2", ("R1", "R2")),
		("R1-R4", ("R1", "R2", "R3", "R4")),
		("R1-3, U7", ("R1", "R2", "R3", "U7")),
		("R4-R1", ("R4-R1",)),
		("R1-R99999", ("R1-R99999",)),
		("R1-C4", ("R1-C4",)),
		("Large screw", ("Large screw",)),
		("R2. R3", ("R2. R3",)),
		("a\nb", ("a", "b")),
	],
)
def test_split(text: str, found: tuple[str, ...]) -> None:
	assert split(text) == found


def test_only_places_on_a_board_can_be_counted() -> None:
	assert all_single(("R1", "C12a"))
	assert not all_single(("R1", "Large screw"))
	assert not all_single(())
