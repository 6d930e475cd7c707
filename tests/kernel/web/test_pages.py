"""Whole page or part, escaping, assets, toasts and where a redirect may lead."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jinja2 import UndefinedError
from starlette.responses import Response

from apg import ui
from apg.kernel.errors import AppError, Invalid, NotFound, Problem, TooManyRequests, Unavailable
from apg.kernel.principal import Principal
from apg.kernel.web.pages import (
	FormState,
	Frame,
	MenuGroup,
	MenuLink,
	PageEngine,
	fill,
	local_path,
	toast,
)

HOSTILE = "<script>alert(1)</script>"
ASSETS = {"shell.js": "shell-1.js", "icons.svg": "icons-2.svg", "icons": ["house", "dot"]}
ALICE = Principal(
	kind="user",
	tenant_id="t1",
	user_id="u1",
	username="alice",
	display_name=HOSTILE,
	tenant_name="Northwind",
)
FRAME = Frame(
	path="/products",
	principal=ALICE,
	menu=(MenuGroup("Product lifecycle", (MenuLink("Products", "/products", "house", True),)),),
	csrf_token="the-token",
	request_id="r-1",
	unread=2,
	version="1.2.3",
)
HTMX = {"hx-request": "true"}

TEMPLATES = {
	"page.html": (
		'{% extends "_page.html" %}{% set word = "set above" %}'
		"{% block title %}Title{% endblock %}"
		"{% block page %}<p>page</p>{% block rows %}[{{ word }} {{ value }}]{% endblock %}"
		"{% block other_part %}other{% endblock %}{% endblock %}"
	),
	"form.html": (
		'{% extends "_page.html" %}{% block title %}F{% endblock %}{% block page %}'
		"{% block form %}{% call ui.form('/save', form, submit='Save', etag='\"3\"') %}"
		"{{ ui.input(form, 'name', 'Name', required=true) }}"
		"{{ ui.select(form, 'unit', 'Unit', [('kg', 'kilogram'), ('g', 'gram')]) }}"
		"{{ ui.checkbox(form, 'bought', 'Bought') }}"
		"{{ ui.input(form, 'secret', 'Secret', type='password') }}"
		"{% endcall %}{% endblock %}{% endblock %}"
	),
	"figures.html": "{{ 1234.5|number }} {{ value|money('EUR') }}",
	"broken.html": "{{ nothing_of_this_name }}",
	"bare_part.html": "no blocks at all: {{ value }}",
	"icons.html": "{{ icon('house') }}{{ icon('house', label) }}{{ icon('unheard-of') }}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
	made = tmp_path_factory.mktemp("templates")
	for name, text in TEMPLATES.items():
		(made / name).write_text(text, "utf-8")
	return made


@pytest.fixture(scope="module")
def engine(folder: Path) -> PageEngine:
	return PageEngine([ui.TEMPLATES, folder], ASSETS, lambda frame: frame)


Render = Callable[..., str]


@pytest.fixture
def text(engine: PageEngine) -> Render:
	def rendered(template: str, headers: dict[str, str] | None = None, **context: Any) -> str:
		frame = replace(FRAME, headers=headers or {})
		return bytes(engine.render(frame, template, **context).body).decode()

	return rendered


def test_a_page_stands_in_its_shell(text: Render) -> None:
	html = text("page.html", value=1)
	assert "<title>Title · APG</title>" in html
	assert "[set above 1]" in html
	assert 'aria-current="page"' in html
	assert '<meta name="csrf-token" content="the-token">' in html
	assert 'hx-headers="{&#34;X-CSRF-Token&#34;: &#34;the-token&#34;}"' in html
	assert 'src="/static/dist/shell-1.js"' in html
	assert "2 unread" in html
	assert HOSTILE not in html
	config = html.split('name="htmx-config" content="')[1].split('"')[0].replace("&#34;", '"')
	chosen = json.loads(config)
	assert chosen["allowEval"] is False
	assert chosen["includeIndicatorStyles"] is False
	assert chosen["selfRequestsOnly"] is True
	assert chosen["historyCacheSize"] == 0


@pytest.mark.parametrize(
	("headers", "asked", "shown"),
	[
		({"hx-target": "rows"}, {}, "[set above 1]"),
		({"hx-target": "other-part"}, {}, "other"),
		({"hx-target": "rows"}, {"block": "other_part"}, "other"),
	],
)
def test_htmx_gets_the_part_it_will_fill(
	text: Render, headers: dict[str, str], asked: dict[str, str], shown: str
) -> None:
	assert text("page.html", HTMX | headers, value=1, **asked) == shown


def test_without_a_part_of_that_name_htmx_gets_the_content(text: Render) -> None:
	html = text("page.html", HTMX | {"hx-target": "no-such-part"}, value=1)
	assert html.strip().startswith('<header class="page-head">')
	assert "<title>" not in html
	assert text("bare_part.html", HTMX, value=HOSTILE) == (
		"no blocks at all: &lt;script&gt;alert(1)&lt;/script&gt;"
	)


@pytest.mark.parametrize("also", ["hx-boosted", "hx-history-restore-request"])
def test_boosted_links_and_history_get_the_whole_page(text: Render, also: str) -> None:
	assert text("page.html", HTMX | {also: "true", "hx-target": "rows"}, value=1).startswith(
		"<!doctype html>"
	)


def test_a_part_that_does_not_exist_is_an_error_of_ours(text: Render) -> None:
	with pytest.raises(LookupError, match="no block 'rowz'"):
		text("page.html", HTMX, block="rowz", value=1)


def test_an_undefined_name_is_an_error_and_not_an_empty_place(text: Render) -> None:
	with pytest.raises(UndefinedError, match="nothing_of_this_name"):
		text("broken.html")


def test_pages_of_a_tenant_are_kept_by_nobody(engine: PageEngine) -> None:
	response = engine.render(FRAME, "page.html", value=1, status=422)
	assert response.status_code == 422
	assert response.headers["cache-control"] == "no-store"
	assert "HX-Request" in response.headers["vary"]


def test_figures_follow_the_locale_of_each_request(engine: PageEngine) -> None:
	first = engine.text(FRAME, "figures.html", value=2)
	second = engine.text(replace(FRAME, locale="de"), "figures.html", value=2)
	assert first.startswith("1,234.5 2.00")
	assert second.startswith("1.234,5 2,00")


def test_icons_name_themselves_or_hide(text: Render) -> None:
	html = text("icons.html", label=HOSTILE)
	assert (
		'<svg class="icon" aria-hidden="true"><use href="/static/dist/icons-2.svg#house">' in html
	)
	assert 'role="img" aria-label="&lt;script&gt;' in html
	assert "#unheard-of" not in html
	assert "#dot" in html


def test_a_form_shows_what_was_typed_and_what_is_wrong(text: Render) -> None:
	refused = Invalid(problems=[Problem("name", "Enter a name."), Problem("other", "Pick one.")])
	form = FormState.refused(
		{"name": HOSTILE, "unit": "g", "bought": "true", "secret": "hunter2"}, refused
	)
	html = text("form.html", HTMX, block="form", form=form)
	assert '<a href="#field-name"><strong>Name</strong>: Enter a name.</a>' in html
	assert "Pick one." in html
	assert "2 things to mend" in html
	assert 'value="&lt;script&gt;alert(1)&lt;/script&gt;"' in html
	assert 'aria-invalid="true" aria-describedby="error-name"' in html
	assert '<option value="g" selected>' in html
	assert 'value="true" checked' in html
	assert '<input type="hidden" name="csrf_token" value="the-token">' in html
	assert 'hx-headers="{&#34;If-Match&#34;: &#34;\\&#34;3\\&#34;&#34;}"' in html
	assert "hunter2" not in html


def test_a_form_is_filled_from_an_entity(text: Render) -> None:
	class Item:
		name = "Bolt"
		unit = "kg"
		bought = False
		secret = None

	form = FormState.of(Item(), name="Nut")
	assert (form.value("name"), form.value("unit"), form.value("absent", "-")) == ("Nut", "kg", "-")
	html = text("form.html", form=form)
	assert 'value="Nut"' in html
	assert "error-summary" not in html
	assert FormState.of({"a": 1}, b=2).values == {"a": 1, "b": 2}


@pytest.mark.parametrize(
	"error", [NotFound("No such product"), TooManyRequests(), Unavailable(), AppError("x")]
)
def test_errors_have_a_page_with_the_request_id(engine: PageEngine, error: AppError) -> None:
	response = engine.error(FRAME, error)
	html = bytes(response.body).decode()
	assert response.status_code == error.status
	assert "r-1" in html
	assert "alice" in html
	if isinstance(error, Unavailable):
		assert response.headers["retry-after"] == "5"


def test_every_status_the_product_answers_has_its_page(engine: PageEngine) -> None:
	for status in (400, 401, 403, 404, 409, 410, 412, 413, 422, 429, 500, 503):
		kind = type("Some", (AppError,), {"status": status, "title": "said"})
		for frame in (FRAME, Frame(path="/x?y=1&z")):
			response = engine.error(frame, kind())
			assert response.status_code == status
			assert f'class="error-code">{status}<' in bytes(response.body).decode()
	odd = type("Odd", (AppError,), {"status": 418, "title": "said"})
	assert engine.error(FRAME, odd()).status_code == 418


def test_htmx_gets_an_error_as_a_toast_and_keeps_its_page(engine: PageEngine) -> None:
	response = engine.error(replace(FRAME, headers=HTMX), NotFound("Nicht gefunden: Größe"))
	assert response.status_code == 404
	assert response.headers["hx-reswap"] == "none"
	assert json.loads(response.headers["hx-trigger"]) == {
		"apg:toast": {"text": "Nicht gefunden: Größe", "kind": "bad"}
	}
	assert response.body == b""


def test_a_toast_joins_other_events() -> None:
	response = Response(headers={"HX-Trigger": '{"rows:changed": {"id": "1"}}'})
	toast(response, "Saved\nand ☃", "good")
	assert json.loads(response.headers["hx-trigger"]) == {
		"rows:changed": {"id": "1"},
		"apg:toast": {"text": "Saved\nand ☃", "kind": "good"},
	}
	assert response.headers["hx-trigger"].isascii()


def test_a_redirect_leads_on_with_its_message(engine: PageEngine) -> None:
	plain = engine.redirect(FRAME, "/products?page=2", text="Saved; “it”\r\nSet-Cookie: x")
	assert (plain.status_code, plain.headers["location"]) == (303, "/products?page=2")
	cookie = plain.headers["set-cookie"]
	assert "\n" not in cookie
	value = cookie.removeprefix("apg_toast=").split(";")[0].strip('"')
	assert json.loads(unquote(value)) == {"text": "Saved; “it”\r\nSet-Cookie: x", "kind": "good"}
	partial = engine.redirect(replace(FRAME, headers=HTMX), "/products")
	assert (partial.status_code, partial.headers["hx-redirect"]) == (204, "/products")
	assert "set-cookie" not in partial.headers


@pytest.mark.parametrize(
	"hostile",
	[
		"https://evil.example/",
		"//evil.example/",
		"/\\evil.example",
		"\\\\evil.example",
		"/\t/evil.example",
		"/\n/evil.example",
		" /x",
		"/x\r\nSet-Cookie: a=b",
		"javascript:alert(1)",
		"products",
		"",
		"/products page",
		"/ünïcode",
		"/a\0b",
		"http:/evil.example",
		"///evil.example",
	],
)
def test_no_redirect_leaves_this_server(engine: PageEngine, hostile: str) -> None:
	with pytest.raises(Invalid):
		local_path(hostile)
	with pytest.raises(Invalid):
		engine.redirect(FRAME, hostile)


@pytest.mark.parametrize("path", ["/", "/plm/products?sort=-cost&a=%2F%2Fx#b", "/a//b"])
def test_local_paths_pass(path: str) -> None:
	assert local_path(path) == path


def test_addresses_are_filled_with_quoted_values() -> None:
	assert fill("/p/{id}/x?y={name}", {"id": "a/b?c", "name": "ü&"}) == "/p/a%2Fb%3Fc/x?y=%C3%BC%26"
	assert fill("/plain", {}) == "/plain"


def test_without_a_build_pages_still_come_and_say_so(folder: Path) -> None:
	engine = PageEngine([ui.TEMPLATES, folder], folder / "absent.json", lambda frame: frame)
	assert not engine.built
	assert "/static/dist/shell.js" in engine.text(FRAME, "page.html", value=1)
