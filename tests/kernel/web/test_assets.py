"""Static files are sent once, compressed where the browser can, and from their folder only."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from apg import ui
from apg.kernel.web.assets import Assets, root_files

HASHED = "/static/dist/shell-0123ABCD.js"


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
	dist = tmp_path / "static" / "dist"
	dist.mkdir(parents=True)
	(dist / "shell-0123ABCD.js").write_text("plain")
	(dist / "shell-0123ABCD.js.br").write_bytes(b"packed")
	(dist / "icons-0123ABCD.svg").write_text("<svg/>")
	(dist / "manifest.json").write_text("{}")
	(tmp_path / "secret.txt").write_text("secret")
	made = FastAPI()
	made.include_router(root_files(ui.HERE))
	made.mount("/static", Assets(directory=tmp_path / "static"))
	return made


@pytest.fixture
def client(app: FastAPI) -> AsyncClient:
	return AsyncClient(transport=ASGITransport(app), base_url="http://test")


async def test_built_files_are_kept_for_ever(client: AsyncClient) -> None:
	answer = await client.get(HASHED, headers={"Accept-Encoding": "gzip"})
	assert answer.text == "plain"
	assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
	assert "content-encoding" not in answer.headers
	named = await client.get("/static/dist/manifest.json")
	assert named.headers["cache-control"] == "no-cache"


async def test_browsers_that_read_brotli_get_it(client: AsyncClient) -> None:
	async with client.stream("GET", HASHED, headers={"Accept-Encoding": "gzip, br"}) as answer:
		raw = b"".join([part async for part in answer.aiter_raw()])
	assert raw == b"packed"
	assert answer.headers["content-encoding"] == "br"
	assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
	assert answer.headers["vary"] == "Accept-Encoding"
	icon = await client.get("/static/dist/icons-0123ABCD.svg", headers={"Accept-Encoding": "br"})
	assert (icon.text, icon.headers["content-type"]) == ("<svg/>", "image/svg+xml")


@pytest.mark.parametrize(
	"path", ["/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/absent.js"]
)
async def test_nothing_else_is_served(client: AsyncClient, path: str) -> None:
	answer = await client.get(path, headers={"Accept-Encoding": "br"})
	assert answer.status_code == 404
	assert "secret" not in answer.text


async def test_the_worker_stands_at_the_root(client: AsyncClient) -> None:
	worker = await client.get("/sw.js")
	assert worker.headers["content-type"].startswith("text/javascript")
	assert worker.headers["cache-control"] == "no-cache"
	manifest = await client.get("/manifest.webmanifest")
	assert manifest.headers["content-type"] == "application/manifest+json"
	assert manifest.json()["short_name"] == "ESG Manager"
