"""Events are small, named, versioned and free of the database."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from apg.kernel.events import (
	BODY_LIMIT,
	Event,
	Position,
	Recorded,
	Retry,
	backoff,
	dotted_name,
	on,
	registry,
)


class Priced(Event):
	name: ClassVar[str] = "test.item.priced.v1"
	item_id: str
	price: Decimal
	note: str = ""


RECORDED = Recorded(
	Position(1, 7, 3),
	"018f0000-0000-7000-8000-00000000000a",
	None,
	"r-1",
	datetime(2026, 3, 1, tzinfo=UTC),
)


async def reprice(work: Any, event: Priced) -> None:
	del work, event


def test_body_is_read_back_exactly_and_knows_where_it_stood() -> None:
	event = Priced(item_id="a", price=Decimal("0.10"))
	assert event.body() == '{"item_id":"a","price":"0.10","note":""}'
	back = Priced.read(event.body(), RECORDED)
	assert (back.model_dump(), back.recorded) == (event.model_dump(), RECORDED)
	assert event.recorded is None


def test_an_older_reader_ignores_what_it_does_not_know() -> None:
	back = Priced.read('{"item_id":"a","price":"1","added_later":[1]}', RECORDED)
	assert back.model_dump() == {"item_id": "a", "price": Decimal(1), "note": ""}


def test_events_do_not_change() -> None:
	with pytest.raises(ValidationError):
		Priced(item_id="a", price=Decimal(1)).price = Decimal(2)  # pyright: ignore


def test_body_of_exactly_eight_kilobytes_passes_and_one_more_byte_does_not() -> None:
	empty = len(Priced(item_id="a", price=Decimal(1)).body())
	assert (
		len(Priced(item_id="a", price=Decimal(1), note="x" * (BODY_LIMIT - empty)).body()) == 8192
	)
	with pytest.raises(ValueError, match=r"test.item.priced.v1 is 8193 bytes"):
		Priced(item_id="a", price=Decimal(1), note="x" * (BODY_LIMIT - empty + 1)).body()


@pytest.mark.parametrize(
	"name", ["Changed", "a.b.v1", "a.b.c", "a.b.c.v0", "a.b.C.v1", "a.b.c.v1 "]
)
def test_names_that_are_refused(name: str) -> None:
	with pytest.raises(TypeError, match=r"plm.change.approved.v1"):
		type("Bad", (Event,), {"name": name, "__annotations__": {"name": ClassVar[str]}})


def test_an_event_without_a_name_cannot_be_published_or_subscribed_to() -> None:
	class Nameless(Event):
		number: int = 1

	with pytest.raises(TypeError, match="no wire name"):
		Nameless().body()
	with pytest.raises(TypeError, match="wire name"):
		on(Nameless, reprice)


def test_a_consumer_is_named_by_its_function_or_by_hand() -> None:
	assert on(Priced, reprice).name == dotted_name(reprice)
	assert on(Priced, reprice).name.endswith("test_events.reprice")
	named = on((Priced,), reprice, name="plm.costing.reprice", strict=True)
	assert (named.name, named.strict, named.wire_names) == (
		"plm.costing.reprice", True, ("test.item.priced.v1",),
	)  # fmt: skip
	assert on(Event, reprice).wire_names is None


def test_our_own_package_names_are_left_out_of_names() -> None:
	def f() -> None: ...

	f.__module__, f.__qualname__ = "apg.capabilities.plm.costing.service", "reprice"
	assert dotted_name(f) == "plm.costing.service.reprice"
	f.__module__ = "acme_apg.service"
	assert dotted_name(f) == "acme_apg.service.reprice"


def test_two_events_may_not_share_a_name() -> None:
	class Other(Event):
		name: ClassVar[str] = "test.item.priced.v1"

	assert registry([Priced, Priced]) == {"test.item.priced.v1": Priced}
	with pytest.raises(ValueError, match=r"test.item.priced.v1 is claimed by"):
		registry([Priced, Other])


@given(st.tuples(*[st.integers(0, 2**63)] * 3))
def test_positions_are_read_back_from_text(parts: tuple[int, int, int]) -> None:
	assert Position.parse(str(Position(*parts))) == Position(*parts)


@pytest.mark.parametrize("text", ["", "1-2", "1-2-3-4", "1-2-x", "1--2", "-1-2-3", "١-2-3"])
def test_texts_that_are_no_position(text: str) -> None:
	with pytest.raises(ValueError, match="not a position"):
		Position.parse(text)


@given(st.integers(1, 200))
def test_pauses_double_up_to_an_hour(attempt: int) -> None:
	whole = min(3600.0, 2.0**attempt)
	assert whole / 2 <= backoff(attempt) <= whole


def test_retry_takes_seconds_or_a_span() -> None:
	assert (Retry(5).seconds, Retry(timedelta(minutes=1)).seconds) == (5.0, 60.0)


def test_contracts_may_import_events_without_the_database() -> None:
	code = "import sys, apg.kernel.events; sys.exit(any(m.split('.')[0] in ('sqlalchemy', 'asyncpg') for m in sys.modules))"
	assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
