"""Passwords: what is refused, and that an unknown user costs the same work as a known one."""

import asyncio
import threading

import pytest
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from apg.platform.auth import passwords
from apg.platform.auth.passwords import hash_password, password_problem, verify_password


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> None:
	"""None are quick here: these are the tests of what a hash costs."""


@pytest.mark.parametrize(
	"password",
	[
		"correct horse battery staple",
		"Tr0ub4dor&3 and more",
		"xK9#mQ2$vL5p",
		"Kühlschrankmagnet blau",
		"пароль на четыре слова",
		"quartz lantern 88",
		"k" + "7f2m9q4w1z8",
	],
)
def test_uncommon_passwords_are_taken(password: str):
	assert password_problem(password) is None


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "ﬃﬃﬃ"])
def test_under_twelve_characters_is_too_short(password: str):
	assert password_problem(password) == (
		"Use at least 12 characters; a few words in a row will do."
	)


@pytest.mark.parametrize(
	"password",
	[
		"password1234",
		"PASSWORD1234",
		"Password2026!",
		"!!Password!!",
		"qwertyuiop12",
		"123456789012",
		"Summer2026!!",
		"Changeme1234",
		"administrator",
		"september2026",
		"aaaaaaaaaaaa",
		"abcabcabcabc",
		"abcdefghijkl",
		"qwertyasdfzxcv",
		"lkjhgfdsa4321",
		"1qaz2wsx3edc",
		"minecraft123",
		"needforspeed",
		"Football1234",
		"pass1pass1pass1",
	],
)
def test_common_passwords_are_refused(password: str):
	assert password_problem(password) == (
		"This password is among the first that attackers try; choose another one."
	)


def test_only_work_bounds_the_length():
	long = "".join(chr(0x4E00 + n) for n in range(1000))
	assert password_problem(long) is None
	assert password_problem(long + "x") == "Use at most 1000 characters."


async def test_hashes_are_argon2id_and_salted():
	first, second = await asyncio.gather(*(hash_password("quartz lantern 88") for _ in range(2)))
	assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
	assert first != second
	assert await verify_password("quartz lantern 88", first) == (True, None)
	assert await verify_password("quartz lantern 89", first) == (False, None)
	assert await verify_password("Quartz lantern 88", first) == (False, None)


async def test_a_password_matches_however_its_letters_were_composed():
	stored = await hash_password("Ku\u0308hlschrank blau")
	assert await verify_password("K\u00fchlschrank blau", stored) == (True, None)


async def test_an_old_hash_is_renewed_on_a_right_password_only():
	weak = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8192),)).hash("quartz lantern 88")
	matches, renewed = await verify_password("quartz lantern 88", weak)
	assert matches
	assert renewed is not None
	assert renewed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
	assert await verify_password("quartz lantern 88", renewed) == (True, None)
	assert await verify_password("wrong", weak) == (False, None)


async def test_unknown_users_cost_one_verification_and_never_match(monkeypatch: pytest.MonkeyPatch):
	seen: list[tuple[bytes, str, str]] = []
	real = PasswordHash.verify_and_update

	def watched(self: PasswordHash, password: bytes, stored: str):
		seen.append((password, stored.rsplit("$", 2)[0], threading.current_thread().name[:6]))
		return real(self, password, stored)

	monkeypatch.setattr(PasswordHash, "verify_and_update", watched)
	known = await hash_password("quartz lantern 88")
	assert await verify_password("nobody has this password", None) == (False, None)
	assert await verify_password("nobody has this password", "") == (False, None)
	assert await verify_password("nobody has this password", known) == (False, None)
	assert len(seen) == 3
	assert len(set(seen)) == 1, "the same parameters, off the event loop, known or not"
	assert seen[0][2] == "argon2"


async def test_hostile_input_is_refused_without_work_or_error():
	stored = await hash_password("quartz lantern 88")
	assert await verify_password("x" * 5_000_000, stored) == (False, None)
	assert await verify_password("\ud800", stored) == (False, None)
	with pytest.raises(UnknownHashError):
		await verify_password("quartz lantern 88", "plain text in the table")


def test_the_bundled_list_holds_hashes_only():
	entries = passwords._common()
	assert len(entries) > 4_000
	assert all(len(entry) == 12 and int(entry, 16) >= 0 for entry in entries)
