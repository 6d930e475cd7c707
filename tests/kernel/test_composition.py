"""Composition tells every problem at once; mounting refuses what has no guard."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Protocol

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from apg.kernel.capability import Api, Capability, Pages
from apg.kernel.composition import Composition, CompositionError, compose
from apg.kernel.events import Event, on
from apg.kernel.mounting import mount
from apg.kernel.permissions import Permission
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET
from apg.kernel.web.guarded_route import Router, allow, public
from apg.kernel.work import Work
from tests.kernel import sample


class Happened(Event):
	name = "one.thing.happened.v1"


class Unheard(Event):
	name = "nobody.thing.happened.v1"


class Answers(Protocol):
	def answer(self) -> str: ...


async def listen(work: Work, event: Any) -> None: ...


def made(name: str, **more: Any) -> Capability:
	"""A capability that is in nobody's way."""
	values = {"short": name, "title": name.title(), "version": "1.0.0", "package": "tests.kernel"}
	return Capability(name=name, **(values | more))


TWO = (made("one"), made("two"))


@dataclass(frozen=True)
class Broken:
	capabilities: tuple[Capability, ...]
	told: tuple[str, ...]


BROKEN = {
	"a name twice": Broken(
		(made("one"), made("one", short="other")),
		("the name one is claimed by one and one; rename one.",),
	),
	"a short name twice": Broken(
		(made("one", short="x"), made("two", short="x")),
		("the short name x is claimed by one and two; rename one.",),
	),
	"a path twice": Broken(
		(made("one", apis=(Api("/api/v1/x", ()),)), made("two", apis=(Api("/api/v1/x", ()),))),
		("the path /api/v1/x is claimed by one and two; rename one.",),
	),
	"a path of pages twice": Broken(
		(made("one", pages=(Pages("/x"),)), made("two", pages=(Pages("/x"),))),
		("the pages path /x is claimed by one and two; rename one.",),
	),
	"a table prefix twice": Broken(
		(made("one", table_prefixes=("x_",)), made("two", table_prefixes=("x_",))),
		("the table prefix x_ is claimed by one and two; rename one.",),
	),
	"an event published twice": Broken(
		(made("one", publishes=(Happened,)), made("two", publishes=(Happened,))),
		("the event one.thing.happened.v1 is claimed by one and two; rename one.",),
	),
	"a port provided twice": Broken(
		(made("one", ports={Answers: object()}), made("two", ports={Answers: object()})),
		("the port Answers is claimed by one and two; rename one.",),
	),
	"a consumer twice": Broken(
		(
			made("one", publishes=(Happened,), subscribers=(on(Happened, listen),)),
			made("two", subscribers=(on(Happened, listen),)),
		),
		("the consumer ", "is claimed by one and two; rename one."),
	),
	"a requirement that is not there": Broken(
		(made("one", requires=("absent",)),),
		("one requires absent, which is not installed; install it.",),
	),
	"a permission of another": Broken(
		(made("one", permissions=(Permission("two", "things", "read"),)), made("two")),
		("one declares two.things.read outside its namespace one.",),
	),
	"an event nobody publishes": Broken(
		(made("one", subscribers=(on(Unheard, listen),)),),
		("one subscribes to nobody.thing.happened.v1, which nobody publishes; drop it.",),
	),
	"a newer platform": Broken(
		(made("one", platform="~=1.9"),), ("one is made for platform ~=1.9; this is 1.0.",)
	),
	"another platform": Broken(
		(made("one", platform="~=2.0"),), ("one is made for platform ~=2.0; this is 1.0.",)
	),
	"a cycle": Broken(
		(
			made("one", requires=("two",)),
			made("two", requires=("three",)),
			made("three", requires=("one",)),
		),
		("these require each other: ", " → "),
	),
	"itself": Broken((made("one", requires=("one",)),), ("these require each other: one → one",)),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_problem_is_told_with_its_remedy(name: str) -> None:
	with pytest.raises(CompositionError) as caught:
		compose(BROKEN[name].capabilities)
	assert len(caught.value.problems) == 1
	for part in BROKEN[name].told:
		assert part in caught.value.problems[0]


def test_a_cycle_is_named_link_by_link() -> None:
	with pytest.raises(CompositionError) as caught:
		compose(BROKEN["a cycle"].capabilities)
	names = caught.value.problems[0].removeprefix("these require each other: ").split(" → ")
	assert names[0] == names[-1]
	assert set(names) == {"one", "two", "three"}
	assert len(names) == 4


def test_all_problems_are_told_at_once() -> None:
	with pytest.raises(CompositionError) as caught:
		compose(
			(
				made("one", requires=("absent", "away"), platform="~=3.0"),
				made("two", permissions=(Permission("one", "things", "read"),)),
			)
		)
	assert len(caught.value.problems) == 4


def test_capabilities_stand_after_what_they_require_whatever_the_order() -> None:
	first, second, third = (
		made("base"),
		made("middle", requires=("base",)),
		made("top", requires=("middle", "base")),
	)
	for order in ((third, second, first), (second, third, first), (first, second, third)):
		assert [c.name for c in compose(order).capabilities] == ["base", "middle", "top"]


THIRD_PARTY: dict[str, tuple[Capability | Exception, str]] = {
	"cannot be imported": (ImportError("no module x"), "cannot be loaded: no module x"),
	"takes a name": (made("one"), "the name one is claimed by"),
	"lacks what it requires": (made("three", requires=("absent",)), "requires absent"),
	"wants a newer platform": (made("three", platform="~=1.5"), "is made for platform"),
	"takes a path": (made("three", apis=(Api("/api/v1/one", ()),)), "the path /api/v1/one"),
}


@pytest.mark.parametrize("name", list(THIRD_PARTY))
def test_a_broken_third_party_is_left_out_and_reported(name: str) -> None:
	found, told = THIRD_PARTY[name]
	built_in = (made("one", apis=(Api("/api/v1/one", ()),)), made("two"))
	good = made("guest", requires=("two",))
	whole = compose(built_in, [("broken", found), ("guest", good)])
	assert [c.name for c in whole.capabilities] == ["one", "two", "guest"]
	((_name, problems),) = whole.left_out.items()
	assert told in " ".join(problems)


def test_what_is_used_but_absent_is_told_and_no_error() -> None:
	whole = compose((made("one", uses=("two", "absent")), made("two")))
	assert whole.unmet() == {"one": ("absent",)}
	assert whole.left_out == {}


def test_the_composition_adds_up() -> None:
	right = Permission("one", "things", "read")
	whole = compose(
		(
			made("one", permissions=(right,), publishes=(Happened,), always_on=True),
			made("two", subscribers=(on(Happened, listen),)),
		)
	)
	assert whole.permissions == (right,)
	assert whole.events == {"one.thing.happened.v1": Happened}
	assert [c.capability for c in whole.consumers] == ["two"]
	assert whole.always_on == {"one"}
	assert whole["two"].name == "two"


async def start(app: FastAPI, stack: Any) -> Any:
	raise AssertionError("a refused application never starts")


def mounted(*routers: APIRouter) -> FastAPI:
	whole = Composition((replace(sample.capability, apis=(Api("/api/v1/x", routers),)),))
	settings = Settings(env="test", secret_key=TEST_SECRET, database_url="postgresql://x/y")
	return mount(whole, settings, start)


async def answer() -> Response:
	return Response()


async def socket(socket: WebSocket) -> None: ...


async def guarded(work: Annotated[Work, allow(sample.READ)]) -> Response:
	return Response()


def _route(router: APIRouter) -> None:
	router.add_api_route("/open", answer)


def _plain_route(router: APIRouter) -> None:
	router.add_route("/open", lambda request: Response())


def _writing(router: APIRouter) -> None:
	router.add_api_route("/open", answer, methods=["POST", "DELETE"])


def _hidden(router: APIRouter) -> None:
	router.add_api_route("/open", answer, include_in_schema=False)


def _socket(router: APIRouter) -> None:
	router.add_api_websocket_route("/open", socket)


def _mount(router: APIRouter) -> None:
	router.mount("/open", FastAPI())


def _static(router: APIRouter) -> None:
	router.mount("/open", StaticFiles(directory="."))


@pytest.mark.parametrize("kind", [APIRouter, Router])
@pytest.mark.parametrize(
	"open_up", [_route, _plain_route, _writing, _hidden, _socket, _mount, _static]
)
def test_what_has_no_guard_keeps_the_product_from_starting(
	open_up: Callable[[APIRouter], None], kind: type[APIRouter]
) -> None:
	router = kind()
	open_up(router)
	with pytest.raises(CompositionError) as caught:
		mounted(router)
	assert len(caught.value.problems) == 1
	assert "/api/v1/x/open" in caught.value.problems[0]


def test_every_open_route_is_named_at_once() -> None:
	router = Router()
	for path in ("/a", "/b", "/c"):
		router.add_api_route(path, answer)
	with pytest.raises(CompositionError) as caught:
		mounted(router)
	assert [problem.split()[1] for problem in caught.value.problems] == [
		"/api/v1/x/a",
		"/api/v1/x/b",
		"/api/v1/x/c",
	]


def test_a_guard_or_a_reason_lets_it_start() -> None:
	router = Router()
	router.add_api_route("/guarded", guarded)

	@public("It says nothing.")
	async def said() -> Response:
		return Response()

	router.add_api_route("/said", said)
	paths = set(mounted(router).openapi()["paths"])
	assert {"/api/v1/x/guarded", "/api/v1/x/said"} <= paths
