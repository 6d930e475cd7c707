"""Static files: built ones are kept for ever by browsers and sent compressed; two stand at the root."""

import mimetypes
import os
import re
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from apg.kernel.web.guarded_route import public

_HASHED = re.compile(r"(^|/)dist/[^/]+-[0-9A-Z]{8,10}\.\w+$")


class Assets(StaticFiles):
	"""A folder of static files; `x.js.br` beside `x.js` goes to browsers that read Brotli."""

	async def get_response(self, path: str, scope: Scope) -> Response:
		packed = self._packed(path, scope)
		response = packed or await super().get_response(path, scope)
		fixed = _HASHED.search(path.replace(os.sep, "/"))
		response.headers["Cache-Control"] = (
			"public, max-age=31536000, immutable" if fixed else "no-cache"
		)
		response.headers["Vary"] = "Accept-Encoding"
		return response

	def _packed(self, path: str, scope: Scope) -> Response | None:
		accepted = next((v for k, v in scope["headers"] if k == b"accept-encoding"), b"")
		if b"br" not in accepted.replace(b" ", b"").split(b",") or scope["method"] != "GET":
			return None
		full, found = self.lookup_path(f"{path}.br")
		if found is None or not os.path.isfile(full):
			return None
		kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
		response = self.file_response(full, found, scope)
		response.headers["Content-Type"] = (
			kind if kind.startswith("image/") else f"{kind}; charset=utf-8"
		)
		response.headers["Content-Encoding"] = "br"
		return response


def root_files(ui: Path) -> APIRouter:
	"""The service worker, whose place decides what it may serve, and the manifest of the app."""
	router = APIRouter(include_in_schema=False)

	@router.get("/sw.js")
	@public("the service worker is code of ours, the same for everybody")
	async def service_worker(request: Request) -> Response:
		return FileResponse(
			ui / "sw.js", media_type="text/javascript", headers={"Cache-Control": "no-cache"}
		)

	@router.get("/manifest.webmanifest")
	@public("name and icons of the product, asked for without a cookie")
	async def manifest(request: Request) -> Response:
		return FileResponse(ui / "manifest.webmanifest", media_type="application/manifest+json")

	return router
