"""A small site of sample pages under the product's real headers: the shell looked at and tested.

`python -m tests.ui.preview [port]` serves it; the browser tests start it themselves.
"""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from apg import ui
from apg.kernel.errors import AppError, Invalid, NotFound, PermissionDenied, Problem
from apg.kernel.principal import Principal
from apg.kernel.web.assets import Assets, root_files
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState, TreeRow
from apg.kernel.web.middleware import CONTENT_SECURITY_POLICY
from apg.kernel.web.pages import FormState, Frame, MenuGroup, MenuLink, PageEngine, toast

HOSTILE = "<script>alert('stored')</script><img src=x onerror=alert(1)>"
LONG = "Hochleistungsmehrschichtkeramikkondensatoranschlussflansch-" * 3

WHO = Principal(
	kind="user",
	tenant_id="t1",
	user_id="u1",
	username="alice@example.com",
	display_name="Alice Bergström",
	tenant_name="Northwind Instruments",
)
MENU = (
	("Overview", [("Home", "/", "house"), ("Inbox", "/inbox", "inbox")]),
	(
		"Product lifecycle",
		[
			("Products", "/products", "box-seam"),
			("Structures", "/tree", "diagram-3"),
			("Changes", "/changes", "git"),
			("Imports", "/form", "upload"),
			("Suppliers", "/suppliers", "truck"),
		],
	),
	(
		"Sustainability",
		[
			("Metrics", "/chart", "graph-up"),
			("Measurements", "/measurements", "speedometer2"),
			("Targets", "/empty", "bullseye"),
		],
	),
	(
		"Administration",
		[
			("People and roles", "/people", "people"),
			("Audit", "/audit", "journal-check"),
			("Capabilities", "/capabilities", "puzzle"),
		],
	),
)
STATES = ("in_work", "released", "in_review", "obsolete", "rejected")
NAMES = (
	"Widget assembly, blue", "Housing, top shell", "Bearing 608-2RS", "Controller board rev C",
	"Capacitor 100 nF 0402 X7R", "Fastener M3 × 8 ISO 7380", "Gasket NBR 42 mm", "Cable harness, sensor",
	"Power supply 24 V 5 A", "Display 3.5″ IPS",
)  # fmt: skip
PRODUCTS = ListSpec(
	columns=(
		Column("number", "Number", sortable=True),
		Column("name", "Name", sortable=True),
		Column("state", "State", sortable=True, kind="state"),
		Column("revision", "Revision"),
		Column("cost", "Unit cost", sortable=True, kind="money"),
		Column("mass", "Mass", sortable=True, kind="number", unit="kg"),
		Column("footprint", "Footprint", sortable=True, kind="number", unit="kgCO2e"),
		Column("owner", "Owner"),
		Column("changed", "Changed", sortable=True, kind="datetime"),
		Column("notes", "Notes", default_visible=False),
	),
	filters=(
		Filter("search", "Search products"),
		Filter(
			"state",
			"State",
			"choice",
			[(s, s.replace("_", " ").capitalize()) for s in STATES],
			many=True,
		),
		Filter("type", "Type", "choice", [("assembly", "Assembly"), ("part", "Part")]),
		Filter("bought", "Bought", "bool"),
		Filter("since", "Changed since", "date"),
	),
	default_sort="number",
)
TREE_COLUMNS = (
	Column("find", "Find"),
	Column("quantity", "Qty", kind="number"),
	Column("unit", "Unit"),
	Column("state", "State", kind="state"),
	Column("cost", "Cost", kind="money"),
	Column("mass", "Mass", kind="number", unit="kg", digits=3),
	Column("footprint", "Footprint", kind="number", unit="kgCO2e"),
)


def products() -> list[dict[str, Any]]:
	began = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
	rows: list[dict[str, Any]] = []
	for n in range(1, 131):
		rows.append(
			{
				"id": f"p{n}",
				"number": f"P-{10_000 + n * 7}",
				"name": NAMES[n % 10],
				"state": STATES[n % 5],
				"revision": "ABCDE"[n % 5],
				"cost": None if n % 9 == 4 else Decimal(n * n * 137) / 100,
				"currency": "EUR",
				"mass": None if n % 11 == 3 else Decimal(n * 31) / 1000,
				"footprint": Decimal(n * 173) / 1000,
				"owner": ("Alice Bergström", "Bob Ito", "Chiara Rossi")[n % 3],
				"changed": began - timedelta(hours=n * 7),
				"notes": "",
			}
		)
	rows[1] |= {"name": HOSTILE}
	rows[2] |= {
		"name": LONG,
		"cost": Decimal("98765432109.87"),
		"mass": Decimal("123456789.000001"),
	}
	return rows


def tree(parent: str = "", level: int = 1, count: int = 6) -> list[TreeRow]:
	rows: list[TreeRow] = []
	for n in range(1, count + 1):
		key = f"{parent}.{n}" if parent else str(n)
		branch = n % 3 != 0 and level < 6
		opened = branch and level < 3 and n == 1
		rows.append(
			TreeRow(
				key=key,
				label=f"{NAMES[(n + level) % 10]}",
				level=level,
				parent=parent,
				position=n,
				siblings=count,
				children=4 if branch else 0,
				open=opened,
				children_url=f"/tree/children?of={key}",
				href=f"/products/p{n}",
				values={
					"find": str(n * 10),
					"quantity": Decimal(n * level),
					"unit": "pcs" if n % 4 else "m",
					"state": STATES[(n + level) % 3],
					"cost": None if n == 5 else Decimal(n * 1234) / 100 / level,
					"currency": "EUR",
					"mass": Decimal(n * 217) / 1000 / level,
					"footprint": Decimal(n * 911) / 1000,
				},
			)
		)
		if opened:
			rows += tree(key, level + 1, 4)
	return rows


def frame_of(request: Request) -> Frame:
	path = request.url.path
	menu = [
		MenuGroup(
			name, [MenuLink(a, b, c, b == path, 3 if a == "Inbox" else None) for a, b, c in links]
		)
		for name, links in MENU
	]
	signed_in = not path.startswith(("/login", "/anonymous"))
	return Frame(
		path=path,
		principal=WHO if signed_in else None,
		menu=menu if signed_in else (),
		csrf_token="token-of-the-session",
		request_id="01999f3a-7c11-7d53-9c40-1f1f0cc0ffee",
		unread=3,
		version="0.1.0",
		timezone="Europe/Berlin",
		headers=request.headers,
	)


engine = PageEngine([ui.TEMPLATES, Path(__file__).parent / "templates"], ui.ASSETS, frame_of)
render = engine.render


def home(request: Request) -> Response:
	return render(request, "detail.html", tab="overview", rows=tree()[:6], columns=TREE_COLUMNS)


def product_list(request: Request) -> Response:
	state = ListState.of(PRODUCTS, request)
	rows = products()
	text = str(state["search"] or "").lower()
	chosen = state["state"]
	rows = [row for row in rows if text in row["name"].lower()]
	if isinstance(chosen, tuple):
		rows = [row for row in rows if row["state"] in chosen]
	for key in reversed(state.sort):
		known = [row for row in rows if row[key.name] is not None]
		unknown = [row for row in rows if row[key.name] is None]
		rows = sorted(known, key=lambda row: row[key.name], reverse=key.descending) + unknown
	shown = rows[state.offset : state.offset + state.page_size]
	return render(request, "list.html", state=state, rows=shown, total=len(rows))


def structure(request: Request) -> Response:
	return render(request, "tree.html", rows=tree(), columns=TREE_COLUMNS)


def children(request: Request) -> Response:
	of = request.query_params["of"]
	rows = [
		TreeRow(**{**{name: getattr(row, name) for name in row.__slots__}, "open": False})
		for row in tree(of, of.count(".") + 2, 4)
		if row.parent == of
	]
	return render(request, "rows.html", rows=rows, columns=TREE_COLUMNS, block="rows")


SAVED = {
	"name": "Widget assembly",
	"mass": "1.25",
	"kind": "assembly",
	"bought": False,
	"notes": HOSTILE,
}


async def form(request: Request) -> Response:
	if request.method == "GET":
		typed = FormState.of(SAVED)
		if "wrong" in request.query_params:
			typed = FormState.refused({**SAVED, "name": "", "mass": "heavy"}, refusal())
		return render(request, "form.html", form=typed)
	async with request.form() as posted:
		typed_values = dict(posted)
	if typed_values.get("csrf_token") != "token-of-the-session":
		return render(request, "form.html", form=FormState(typed_values), status=403)
	if typed_values["name"] and typed_values["mass"] != "heavy":
		return engine.redirect(request, "/products", text=f"Saved “{typed_values['name']}”")
	again = FormState.refused(typed_values, refusal())
	return render(request, "form.html", status=422, block="form", form=again)


def refusal() -> Invalid:
	return Invalid(
		problems=[
			Problem("name", "Enter a name: at least one letter, at most 200."),
			Problem("mass", "“heavy” is not a number; write it as 1.25."),
		]
	)


def conflict(request: Request) -> Response:
	rows = [
		{
			"name": "name",
			"label": "Name",
			"mine": "Widget, blue",
			"theirs": "Widget assembly, blue",
		},
		{"name": "mass", "label": "Mass (kg)", "mine": "1.25", "theirs": "1.31"},
	]
	when = datetime.now(UTC) - timedelta(minutes=4)
	return render(request, "conflict.html", rows=rows, when=when, status=409)


def chart(request: Request) -> Response:
	months = [f"{2024 + n // 12}-{n % 12 + 1:02d}-01" for n in range(36)]
	real: list[str | None] = [f"{420 - n * 5 + (n * 37 % 29)}" for n in range(27)] + [None] * 9
	ahead = [None] * 26 + [f"{420 - n * 5}" for n in range(26, 36)]
	data = {
		"type": "line",
		"unit": "tCO2e",
		"x": months,
		"series": [
			{"label": "Scope 1 + 2", "values": real},
			{"label": "Target", "values": [f"{430 - n * 6}" for n in range(36)], "kind": "target"},
			{
				"label": "Forecast",
				"values": ahead,
				"kind": "forecast",
				"low": [
					None if v is None else float(v) * (1 - 0.01 * (n - 25))
					for n, v in enumerate(ahead)
				],
				"high": [
					None if v is None else float(v) * (1 + 0.01 * (n - 25))
					for n, v in enumerate(ahead)
				],
			},
		],
		"today": "2026-03-20",
		"notes": [{"x": "2025-01-01", "text": "restated"}],
	}
	bars = {
		"type": "bar",
		"unit": "MWh",
		"x": ["2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"],
		"series": [
			{"label": "Electricity", "values": [812, 790, 744, 803]},
			{"label": "Heat", "values": [402, 190, 98, 377]},
			{"label": "Steam", "values": [120, 110, 104, 131]},
			{"label": "Cooling", "values": [40, 90, 140, 60]},
			{"label": "Diesel", "values": [66, 64, 61, 70]},
			{"label": "Gas", "values": [260, 120, 44, 231]},
		],
	}
	return render(request, "chart.html", data=data, bars=bars)


def trace(request: Request) -> Response:
	return HTMLResponse("<p>2 × 0.4 kg + 12 × 0.0375 kg = <strong>1.25 kg</strong></p>")


def toasted(request: Request) -> Response:
	return toast(Response(status_code=204), "Recalculated 1,204 parents", "good")


def fails(request: Request) -> Response:
	status = int(request.path_params["status"])
	if status == 500:
		return engine.error(request, AppError("Something broke"))
	kinds = {
		403: PermissionDenied("You need plm.products.read"),
		404: NotFound("There is no product P-1"),
	}
	return engine.error(request, kinds[status])


def page(template: str) -> Any:
	return lambda request: render(request, template)


class SecurityHeaders:
	"""The response headers of the product, so that what they forbid fails here too."""

	def __init__(self, app: Any) -> None:
		self.app = app

	async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
		async def answer(message: Any) -> None:
			if message["type"] == "http.response.start":
				message["headers"] += [
					(b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
					(b"x-content-type-options", b"nosniff"),
					(b"referrer-policy", b"same-origin"),
				]
			await send(message)

		await self.app(scope, receive, answer)


app = FastAPI(
	openapi_url=None,
	routes=[
		Route("/", home),
		Route("/products", product_list),
		Route("/products/{id}", home),
		Route("/tree", structure),
		Route("/tree/children", children),
		Route("/form", form, methods=["GET", "POST"]),
		Route("/conflict", conflict),
		Route("/chart", chart),
		Route("/trace", trace),
		Route("/toast", toasted, methods=["POST"]),
		Route("/empty", page("empty.html")),
		Route("/inbox/count", lambda _request: Response("")),
		Route("/login", page("login.html")),
		Route("/fails/{status:int}", fails),
		Route("/anonymous/fails/{status:int}", fails),
		*root_files(ui.HERE).routes,
		Mount("/static", Assets(directory=ui.STATIC)),
	],
	middleware=[Middleware(SecurityHeaders)],
)


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[str]:
	"""Serves the site in a thread; gives its address."""
	listener = socket.create_server(("127.0.0.1", port))
	server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
	thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
	thread.start()
	while not server.started:
		time.sleep(0.01)
	try:
		yield f"http://127.0.0.1:{listener.getsockname()[1]}"
	finally:
		server.should_exit = True
		thread.join(5)


if __name__ == "__main__":
	with serving(int(sys.argv[1]) if len(sys.argv) > 1 else 8099) as address:
		print(address)
		with contextlib.suppress(KeyboardInterrupt):
			threading.Event().wait()
