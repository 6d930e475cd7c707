"""A body holds the types of JSON that the description promises, at every depth."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from apg.kernel.web.exact_types import check_of
from apg.kernel.web.wire import Day


class Inner(BaseModel):
	note: str | None = None
	count: int = 1


class Outer(BaseModel):
	flag: bool = False
	inner: Inner | None = None
	many: list[Inner] = []
	day: Day | None = None


@pytest.mark.parametrize(
	("body", "places"),
	[
		({"flag": True, "inner": {"count": Decimal(2)}, "many": [{}]}, []),
		({"flag": "yes"}, ["flag"]),
		({"inner": {"count": "2"}}, ["inner.count"]),
		# A number of JSON is a Decimal here, of which Pydantic would take the attributes: none.
		(Decimal("-1.5"), ["body"]),
		({"inner": Decimal(1)}, ["inner"]),
		({"many": [{}, Decimal(1)]}, ["many.1"]),
	],
)
def test_another_type_is_named_with_its_place(body: Any, places: list[str]) -> None:
	check = check_of(Outer)
	assert check is not None
	assert [problem.field for problem in check(body, "")] == places


@pytest.mark.parametrize("day", ["2026-03-01T00:00:00", "0", 0, "1.3.2026", "2026-02-30"])
def test_a_day_is_written_as_a_day(day: object) -> None:
	with pytest.raises(ValueError):
		Outer.model_validate({"day": day})
	assert Outer.model_validate({"day": "2026-03-01"}).day is not None
