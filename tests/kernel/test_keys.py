"""Keys: which secrets are refused, and that nothing opens outside the place it was sealed for."""

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apg.kernel.keys import (
	BlindIndex,
	KeyProblem,
	KeyRing,
	Purpose,
	RootKey,
	SecretProblem,
	SigningKey,
	jwks,
	new_root_secret,
	signer_of,
	verifying,
)

RAW = bytes.fromhex("9f0c1d7a45e2b8366a91c4d07f1e8b2355ac6e90d4137b8f02e6c95ad1384b67")
ROOT = RootKey(RAW)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
	"text",
	[
		RAW.hex(),
		RAW.hex().upper(),
		base64.b64encode(RAW).decode(),
		base64.urlsafe_b64encode(RAW).decode(),
		base64.urlsafe_b64encode(RAW).decode().rstrip("="),
		f"  {RAW.hex()}\n",
	],
)
def test_every_spelling_of_a_secret_is_the_same_root(text: str):
	assert RootKey.parse(text) == ROOT


@pytest.mark.parametrize(
	("text", "reason"),
	[
		("", "not set"),
		("   ", "not set"),
		(base64.urlsafe_b64encode(RAW[:16]).decode().rstrip("="), "16 bytes"),
		(RAW[:31].hex(), "31 bytes"),
		("not base64 at all!", "neither base64"),
		("your_secret_key_for_development", "published"),
		("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "published"),
		(bytes(range(32)).hex(), "published"),
		(base64.b64encode(bytes(range(32))).decode(), "published"),
		("00" * 32, "pattern"),
		(base64.b64encode(b"my very own secret, typed by hand").decode(), "words"),
	],
)
def test_absent_short_published_and_made_up_secrets_are_refused(text: str, reason: str):
	with pytest.raises(SecretProblem) as caught:
		RootKey.parse(text)
	assert reason in caught.value.sentence
	assert caught.value.sentence.startswith("APG_SECRET_KEY ")
	assert "token_urlsafe(32)" in caught.value.remedy
	assert not text.strip() or text.strip() not in str(caught.value)


def test_a_generated_secret_is_accepted_and_never_shown():
	text = new_root_secret()
	root = RootKey.parse(text)
	assert len(root.material) == 32
	assert repr(root) == "RootKey()"


def test_every_purpose_and_use_has_its_own_key():
	names = [*Purpose, "database-role/apg_app", "database-role/apg_worker"]
	keys = {ROOT.derive(name) for name in names}
	assert len(keys) == len(names)
	assert {len(key) for key in keys} == {32}
	assert ROOT.derive("cookie", 16) == ROOT.derive("cookie")[:16]
	assert ROOT.derive("cookie") != RootKey(RAW[::-1]).derive("cookie")
	with pytest.raises(ValueError, match="cokie"):
		ROOT.derive("cokie")


def test_derivation_is_the_one_that_stored_values_depend_on():
	"""A changed derivation would lose every stored value, so its result is pinned."""
	assert RootKey(bytes(range(32))).derive("webhook").hex() == (
		"1c8507832944a9b6bc8d2228145f0818a86a4637868f3d9ac9d4ace9e4575be5"
	)


def test_signing_key_opens_with_its_root_only():
	key = SigningKey.generate(ROOT, "token", NOW)
	signature = key.unwrap(ROOT).sign(b"head")
	key.public.verify(signature, b"head")  # type: ignore[call-arg]
	with pytest.raises(KeyProblem):
		key.unwrap(RootKey(RAW[::-1]))
	for swapped in (
		dataclasses.replace(key, purpose="audit"),
		dataclasses.replace(key, kid="other"),
		dataclasses.replace(key, private_wrapped=None),
		dataclasses.replace(key, private_wrapped=b"\0" * 60),
	):
		with pytest.raises(KeyProblem):
			swapped.unwrap(ROOT)
	with pytest.raises(ValueError, match="coffee"):
		SigningKey.generate(ROOT, "coffee", NOW)
	assert "private" not in repr(key)


def test_the_newest_active_key_signs():
	old = SigningKey.generate(ROOT, "token", NOW - timedelta(days=9))
	new = SigningKey.generate(ROOT, "token", NOW)
	coming = SigningKey.generate(ROOT, "token", NOW + timedelta(seconds=1))
	audit = SigningKey.generate(ROOT, "audit", NOW)
	keys = [new, old, coming, audit]
	assert signer_of(keys, "token", NOW) is new
	assert signer_of(keys, "token", NOW - timedelta(seconds=1)) is old
	assert signer_of([dataclasses.replace(new, retired_at=NOW), old], "token", NOW) is old
	assert signer_of(keys, "publication", NOW) is None
	assert signer_of([dataclasses.replace(new, private_wrapped=None)], "token", NOW) is None


def test_a_key_verifies_as_long_as_something_it_signed_is_good():
	day = timedelta(days=1)
	first, second, third = (
		SigningKey.generate(ROOT, "token", NOW + number * day) for number in range(3)
	)
	keys, lifetime = [third, first, second], timedelta(minutes=13)
	assert verifying(keys, NOW + day, lifetime) == [first, second, third]
	assert verifying(keys, NOW + day + lifetime, lifetime) == [second, third]
	last = NOW + 2 * day + lifetime
	assert verifying(keys, last - timedelta(microseconds=1), lifetime) == [second, third]
	assert verifying(keys, last + 999 * day, lifetime) == [third]
	assert verifying([], NOW, lifetime) == []


def test_jwks_reads_in_a_foreign_library_and_holds_nothing_private():
	key = SigningKey.generate(ROOT, "token", NOW)
	private = rsa.generate_private_key(65537, 2048)
	pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
	foreign = SigningKey("old-rsa", "token", pem.decode(), None, NOW)
	published = jwks([key, foreign])
	assert [(k["kty"], k["alg"], k["kid"]) for k in published["keys"]] == [
		("OKP", "EdDSA", key.kid),
		("RSA", "RS256", "old-rsa"),
	]
	assert not {"d", "p", "q"} & {name for k in published["keys"] for name in k}
	read = jwt.PyJWKSet.from_json(json.dumps(published))
	token = jwt.encode({"a": 1}, key.unwrap(ROOT), algorithm="EdDSA")
	assert jwt.decode(token, read[key.kid].key, algorithms=["EdDSA"]) == {"a": 1}
	token = jwt.encode({"a": 2}, private, algorithm="RS256")
	assert jwt.decode(token, read["old-rsa"].key, algorithms=["RS256"]) == {"a": 2}


def test_encrypted_values_open_only_where_they_were_written():
	ring = KeyRing.of(ROOT)
	value = ring.encrypt("t1", "contacts.email", "anna@example.org")
	assert ring.decrypt("t1", "contacts.email", value) == "anna@example.org"
	assert value != ring.encrypt("t1", "contacts.email", "anna@example.org")
	assert "anna" not in value
	for tenant, column in (
		("t2", "contacts.email"),
		("t1", "contacts.phone"),
		("t", "1contacts.email"),
	):
		with pytest.raises(KeyProblem):
			ring.decrypt(tenant, column, value)
	for damaged in ("", "x", value[:-2], value[:20], "deadbeef." + value.partition(".")[2]):
		with pytest.raises(KeyProblem):
			ring.decrypt("t1", "contacts.email", damaged)


def test_rotation_reads_the_old_and_writes_the_new():
	before, after = KeyRing.of(ROOT), KeyRing.of(ROOT, version=2)
	old = before.encrypt("t", "c", "x")
	assert after.decrypt("t", "c", old) == "x"
	assert not after.is_current(old)
	new = after.encrypt("t", "c", "x")
	assert after.is_current(new)
	with pytest.raises(KeyProblem, match="No key"):
		before.decrypt("t", "c", new)


def test_the_operators_own_key_becomes_the_first_entry():
	fernet = base64.urlsafe_b64encode(RAW[::-1]).decode()
	alone, with_key = KeyRing.of(ROOT), KeyRing.of(ROOT, first=fernet)
	assert with_key.decrypt("t", "c", alone.encrypt("t", "c", "x")) == "x"
	value = with_key.encrypt("t", "c", "y")
	assert KeyRing.of(ROOT, version=3, first=fernet).decrypt("t", "c", value) == "y"
	with pytest.raises(KeyProblem):
		alone.decrypt("t", "c", value)
	with pytest.raises(SecretProblem, match="ESG_ENCRYPTION_KEY"):
		KeyRing.of(ROOT, first="short")


def test_blind_index_finds_the_same_address_and_links_nothing_else():
	index = BlindIndex(ROOT)
	found = index.of("t1", "email", "Anna@Example.org ")
	assert len(found) == 32
	assert found == index.of("t1", "email", " anna@example.ORG")
	assert found != index.of("t1", "email", "anne@example.org")
	assert found != index.of("t2", "email", "anna@example.org")
	assert found != index.of("t1", "phone", "anna@example.org")
	assert found != BlindIndex(ROOT, version=2).of("t1", "email", "anna@example.org")
