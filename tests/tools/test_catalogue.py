"""The catalogue is current, and a translation reaches pages and refusals."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import FastAPI
from tests.people import Person
from tools.catalogue import POT, catalogue

from apg.kernel import texts
from apg.kernel.texts import add_catalogue

GERMAN = {
	"Sign in": "Anmelden",
	"Password": "Kennwort",
	"Authentication required": "Anmeldung nötig",
	"Validation error": "Eingabefehler",
	"This field is required.": "Dieses Feld ist nötig.",
	"Products": "Produkte",
	"Choose one of {expected}.": "Wählen Sie aus {expected}.",
}


@pytest.fixture
def german(tmp_path: Path) -> Iterator[None]:
	"""A small German catalogue, as an installation would add one."""
	made = Catalog(locale="de")
	for source, translated in GERMAN.items():
		made.add(source, translated)
	folder = tmp_path / "locales" / "de" / "LC_MESSAGES"
	folder.mkdir(parents=True)
	with (folder / "apg.mo").open("wb") as file:
		write_mo(file, made)
	add_catalogue(tmp_path / "locales")
	yield
	texts._folders.remove(tmp_path / "locales")
	texts.forget()
	texts.locale_of_moment.set("en")


def test_the_catalogue_is_current() -> None:
	assert POT.read_bytes() == catalogue(), "run: python -m tools.catalogue"


def test_texts_of_every_kind_are_in_it() -> None:
	with POT.open("rb") as file:
		known = {message.id for message in read_po(file) if message.id}
	assert set(GERMAN) <= known
	assert {
		"User name",  # Column
		"Find a person",  # Filter
		"Imports",  # MenuEntry
		"Sustainability",  # HomeCard
		"Product lifecycle",  # a heading of the menu
		"Somebody has this user name already.",  # human()
		"API key",  # __human__
		"Somebody else changed this meanwhile",  # title of an error
		"Give a number below {lt}.",  # N_
		"Select all rows of this page",  # a template
	} <= known
	assert len(known) > 500


def test_named_places_of_a_text_are_names() -> None:
	"""`{0}` or `{}` cannot be moved by a translator."""
	with POT.open("rb") as file:
		for message in read_po(file):
			assert not re.search(r"(?<!\{)\{\d*\}", str(message.id)), message.id


async def test_a_page_speaks_the_language_of_its_reader(
	client: httpx.AsyncClient, german: None
) -> None:
	for language, word, other in (
		("de-DE,de;q=0.9", "Anmelden", "Sign in"),
		("en", "Sign in", "Anmelden"),
	):
		page = await client.get(
			"/login", headers={"Accept": "text/html", "Accept-Language": language}
		)
		assert page.status_code == 200
		assert word in page.text
		assert other not in page.text
		assert f'lang="{language[:2]}"' in page.text


async def test_refusals_speak_it_too(
	app: FastAPI, client: httpx.AsyncClient, german: None, alice: Person
) -> None:
	refused = await client.get("/api/v1/plm/products", headers={"Accept-Language": "de"})
	assert refused.status_code == 401
	assert refused.json()["error"] == "Anmeldung nötig"
	refused = await client.get("/api/v1/plm/products", headers={"Accept-Language": "fr"})
	assert refused.json()["error"] == "Authentication required"
	changed = await client.patch(
		"/api/v1/auth/account", headers=alice.headers, json={"locale": "de"}
	)
	assert changed.status_code == 200, changed.text
	await app.state.runtime.state["authenticator"].catch_up()
	wrong = await client.post("/api/v1/plm/products", headers=alice.headers, json={})
	assert wrong.json()["error"] == "Eingabefehler"
	assert wrong.json()["details"]["product_name"] == ["Dieses Feld ist nötig."]
	assert wrong.json()["error_code"] == "VALIDATION_ERROR", "codes are for programs"


@pytest.mark.parametrize("text", ["../../..", "x" * 8, "", "*", "xx", "d\x00e", "de_DE.UTF"])
def test_a_language_nobody_speaks_is_the_default(text: str, german: None) -> None:
	assert texts.known_locale(text) == "en"
	assert texts.known_locale("de") == "de"
