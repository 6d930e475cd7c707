"""Passwords: what is too common to be one, and argon2 outside the event loop."""

import asyncio
import hashlib
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from apg.kernel.texts import _

MIN_LENGTH = 12
MAX_LENGTH = 1_000  # a bound on work, not on choice

_argon2 = PasswordHash((Argon2Hasher(),))
# Each computation holds 64 MB: two at once keep a flood of logins from taking the machine.
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")
_WALKS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")


@cache
def _common() -> frozenset[str]:
	text = files("apg.platform.auth").joinpath("common_passwords.txt").read_text("ascii")
	lines = (line for line in text.splitlines() if not line.startswith("#"))
	return frozenset(word for line in lines for word in line.split())


def _normal(password: str) -> str:
	"""The same password however a keyboard composes its letters (NIST SP 800-63B §5.1.1.2)."""
	return unicodedata.normalize("NFKC", password)


def _is_listed(word: str) -> bool:
	digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
	return digest[:12] in _common()


def _is_repeated(word: str) -> bool:
	"""Made of one short block only (`abcabcabcabc`), the last one perhaps cut off."""
	return any((word[:n] * len(word))[: len(word)] == word for n in range(1, len(word) // 2 + 1))


def _is_walk(word: str) -> bool:
	"""Nothing but runs of four or more along the alphabet, the digits or a keyboard row."""
	covered = [False] * len(word)
	for start in range(len(word) - 3):
		run = word[start : start + 4]
		if any(run in walk or run[::-1] in walk for walk in _WALKS):
			covered[start : start + 4] = [True] * 4
	return all(covered)


def password_problem(password: str) -> str | None:
	"""Why this cannot be a password, as a sentence for its owner; None when it can."""
	word = _normal(password).casefold()
	if len(_normal(password)) < MIN_LENGTH:
		return _("Use at least {count} characters; a few words in a row will do.", count=MIN_LENGTH)
	if len(password) > MAX_LENGTH:
		return _("Use at most {count} characters.", count=MAX_LENGTH)
	core = _EDGES.sub("", word)
	# Short leftovers at the edges are what people add to satisfy a form: Summer2026!, 123password.
	dressed_up = len(word) - len(core) <= 8 and _is_listed(core)
	if _is_listed(word) or dressed_up or _is_repeated(word) or _is_walk(word):
		return _("This password is among the first that attackers try; choose another one.")
	return None


def _bytes(password: str) -> bytes:
	return _normal(password).encode("utf-8", "surrogatepass")


@cache
def _nobodys_hash() -> str:
	return _argon2.hash(b"nobody has this password")


def _verify(password: bytes, stored: str | None) -> tuple[bool, str | None]:
	matches, renewed = _argon2.verify_and_update(password, stored or _nobodys_hash())
	return (matches, renewed) if stored else (False, None)


async def hash_password(password: str) -> str:
	"""The argon2id hash to store, in the form that names its own parameters."""
	loop = asyncio.get_running_loop()
	return await loop.run_in_executor(_threads, _argon2.hash, _bytes(password))


async def verify_password(password: str, stored: str | None) -> tuple[bool, str | None]:
	"""Whether it matches, and a new hash to store when the old one's parameters are out of date.

	Without a stored hash (unknown user, no password set) the same work is done and the answer is no.
	"""
	if len(password) > MAX_LENGTH:
		password, stored = "", None
	loop = asyncio.get_running_loop()
	return await loop.run_in_executor(_threads, _verify, _bytes(password), stored)
