"""Uploaded files on disk, one folder per tenant, named by their content; only we may read them."""

import hashlib
import os
import secrets
from asyncio import to_thread
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from apg.kernel.errors import TooLarge
from apg.kernel.texts import _

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
	"""A file that is safe on disk: its SHA-256 in hexadecimal, its size in bytes and its place."""

	sha256: str
	size: int
	path: Path


def place_of(home: Path, tenant_id: str, sha256: str) -> Path:
	return home / "uploads" / tenant_id / sha256


async def keep(home: Path, tenant_id: str, chunks: AsyncIterator[bytes], limit: int) -> Kept:
	"""Writes the chunks to the tenant's folder; the same content is kept once. Raises TooLarge."""
	folder = home / "uploads" / tenant_id
	folder.mkdir(mode=0o700, parents=True, exist_ok=True)
	half = folder / f".{secrets.token_hex(8)}.part"
	descriptor = os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
	digest, size = hashlib.sha256(), 0
	try:
		with os.fdopen(descriptor, "wb") as file:
			async for chunk in chunks:
				size += len(chunk)
				if size > limit:
					raise TooLarge(
						_("The file is larger than {n} MB; split it.", n=limit // 1_000_000)
					)
				digest.update(chunk)
				await to_thread(file.write, chunk)
		kept = Kept(digest.hexdigest(), size, folder / digest.hexdigest())
		half.replace(kept.path)
		return kept
	finally:
		half.unlink(missing_ok=True)
