"""Access tokens: a table of forgeries, each refused for its own reason."""

import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apg.kernel import tokens
from apg.kernel.keys import RootKey, SigningKey
from apg.kernel.tokens import (
	TokenIssuer,
	TokenProblem,
	TokenVerifier,
	new_api_key,
	new_secret,
	secret_hash,
)

ROOT = RootKey(bytes(range(100, 132)))
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
KEY = SigningKey.generate(ROOT, "token", SINCE)
FOREIGN = SigningKey.generate(ROOT, "token", SINCE)
AUDIT = SigningKey.generate(ROOT, "audit", SINCE)
RSA_PRIVATE = rsa.generate_private_key(65537, 2048)
RSA = SigningKey(
	"rsa-1",
	"token",
	RSA_PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
	None,
	SINCE,
)
TENANT = "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b"
WHERE = {"issuer": "https://apg.example", "audience": "apg"}


def verifier() -> TokenVerifier:
	return TokenVerifier([KEY, RSA, AUDIT], **WHERE)


def a_payload(**changes: Any) -> dict[str, Any]:
	now = int(time.time())
	whole = {
		"iss": "https://apg.example",
		"aud": "apg",
		"sub": "user-1",
		"tenant_id": TENANT,
		"jti": "j",
		"reach": "member",
		"iat": now,
		"nbf": now,
		"exp": now + 600,
		"permissions": ["plm.products.read"],
	} | changes
	return {name: value for name, value in whole.items() if value is not ...}


def signed(payload: Any, key: SigningKey = KEY, kid: str | None = None, **headers: Any) -> str:
	return jwt.encode(
		payload,
		key.unwrap(ROOT),
		algorithm="EdDSA",
		headers={"kid": kid or key.kid, "typ": "at+jwt"} | headers,
	)


def by_hand(header: Any, payload: Any, signature: bytes = b"") -> str:
	"""A token no library would agree to write."""
	parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
	return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def hs256_under_public_key() -> str:
	import hashlib
	import hmac

	unsigned = by_hand({"alg": "HS256", "kid": KEY.kid, "typ": "at+jwt"}, a_payload())[:-1]
	mac = hmac.digest(KEY.public_pem.encode(), unsigned.encode(), hashlib.sha256)
	return unsigned + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def test_what_was_issued_is_read_back():
	issuer = TokenIssuer(KEY, ROOT, **WHERE)
	token, claims = issuer.issue(
		user_id="user-1",
		tenant_id=TENANT,
		permissions={"plm.products.read", "esg.metrics.create"},
		reach="guest:g1",
		session_id="s1",
		locale="de",
	)
	assert verifier().verify(token) == claims
	assert claims.permissions == ("esg.metrics.create", "plm.products.read")
	assert claims.expires_at - claims.issued_at == 600
	assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": KEY.kid, "typ": "at+jwt"}
	payload = jwt.decode(token, options={"verify_signature": False})
	assert payload["nbf"] == payload["iat"] == claims.issued_at
	assert {"sub", "tenant_id", "permissions", "sid", "reach", "locale", "jti"} <= payload.keys()


def test_every_token_has_its_own_id():
	issuer = TokenIssuer(KEY, ROOT, **WHERE)
	ids = {issuer.issue(user_id="u", tenant_id=TENANT)[1].token_id for _ in range(50)}
	assert len(ids) == 50


def test_rs256_is_readable_under_an_rsa_key():
	token = jwt.encode(
		a_payload(), RSA_PRIVATE, algorithm="RS256", headers={"kid": "rsa-1", "typ": "at+jwt"}
	)
	assert verifier().verify(token).user_id == "user-1"


FORGED = {
	"none": (
		lambda: by_hand({"alg": "none", "kid": KEY.kid, "typ": "at+jwt"}, a_payload()),
		"signature",
	),
	"HS256 with the public key": (hs256_under_public_key, "signature"),
	"unknown kid": (lambda: signed(a_payload(), FOREIGN), "unknown_key"),
	"foreign key under our kid": (lambda: signed(a_payload(), FOREIGN, KEY.kid), "signature"),
	"RSA kid on an EdDSA signature": (lambda: signed(a_payload(), kid="rsa-1"), "signature"),
	"key of another purpose": (lambda: signed(a_payload(), AUDIT), "unknown_key"),
	"no kid": (lambda: by_hand({"alg": "EdDSA", "typ": "at+jwt"}, a_payload()), "unknown_key"),
	"kid that is no text": (
		lambda: by_hand({"alg": "EdDSA", "typ": "at+jwt", "kid": 1}, a_payload()),
		"malformed",
	),
	"identity token": (lambda: signed(a_payload(), typ="JWT"), "malformed"),
	"wrong audience": (lambda: signed(a_payload(aud="other")), "audience"),
	"several audiences": (lambda: signed(a_payload(aud=["apg", "other"])), "audience"),
	"wrong issuer": (lambda: signed(a_payload(iss="https://evil.example")), "audience"),
	"expired": (lambda: signed(a_payload(exp=int(time.time()) - 61)), "expired"),
	"of the future": (lambda: signed(a_payload(iat=int(time.time()) + 90)), "early"),
	"not yet": (lambda: signed(a_payload(nbf=int(time.time()) + 90)), "early"),
	"tenant that is no id": (lambda: signed(a_payload(tenant_id="acme")), "claims"),
	"tenant that is no text": (lambda: signed(a_payload(tenant_id=7)), "claims"),
	"empty subject": (lambda: signed(a_payload(sub="")), "claims"),
	"permissions as text": (lambda: signed(a_payload(permissions="*")), "claims"),
	"permissions of numbers": (lambda: signed(a_payload(permissions=[1])), "claims"),
	"reach that is no text": (lambda: signed(a_payload(reach=["member"])), "claims"),
	"expiry that is no number": (lambda: signed(a_payload(exp="soon")), "malformed"),
	"payload that is a list": (
		lambda: jwt.PyJWS().encode(
			b"[1]",
			KEY.unwrap(ROOT),
			algorithm="EdDSA",
			headers={"kid": KEY.kid, "typ": "at+jwt"},
		),
		"malformed",
	),
	"empty": (lambda: "", "malformed"),
	"no token": (lambda: "a.b", "malformed"),
	"not ASCII": (lambda: "é.é.é", "malformed"),
	"endless": (lambda: "a" * 100_000, "malformed"),
	**{
		f"without {name}": (lambda name=name: signed(a_payload(**{name: ...})), "claims")
		for name in ("exp", "iat", "sub", "tenant_id", "jti", "reach")
	},
	"without aud": (lambda: signed(a_payload(aud=...)), "claims"),
	"without iss": (lambda: signed(a_payload(iss=...)), "claims"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_are_refused(name: str):
	make, code = FORGED[name]
	reader = verifier()
	token = make()
	for _ in range(2):  # a refusal is never remembered as an acceptance
		with pytest.raises(TokenProblem) as caught:
			reader.verify(token)
		assert caught.value.code == code


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_changed_letter_anywhere_is_refused(part: int):
	parts = signed(a_payload()).split(".")
	middle = len(parts[part]) // 2
	letter = "A" if parts[part][middle] != "A" else "B"
	parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]
	with pytest.raises(TokenProblem):
		verifier().verify(".".join(parts))


def test_leeway_is_a_minute_on_both_sides():
	now = int(time.time())
	assert verifier().verify(signed(a_payload(exp=now - 50))).expires_at == now - 50
	assert verifier().verify(signed(a_payload(iat=now + 50, nbf=now + 50))).issued_at == now + 50


def test_a_remembered_token_still_expires(monkeypatch: pytest.MonkeyPatch):
	reader, token = verifier(), signed(a_payload())
	claims = reader.verify(token)
	assert reader.verify(token) is claims
	monkeypatch.setattr(tokens.time, "time", lambda: claims.expires_at + 59.0)
	assert reader.verify(token) is claims
	monkeypatch.setattr(tokens.time, "time", lambda: claims.expires_at + 60.0)
	with pytest.raises(TokenProblem, match="expired"):
		reader.verify(token)


def test_the_memory_of_a_verifier_is_bounded(monkeypatch: pytest.MonkeyPatch):
	monkeypatch.setattr(tokens, "_REMEMBERED", 3)
	reader = verifier()
	for n in range(10):
		reader.verify(signed(a_payload(jti=str(n))))
		assert len(reader._known) <= 3


def test_an_old_token_is_issued_for_an_old_moment():
	issuer = TokenIssuer(KEY, ROOT, **WHERE)
	moment = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
	token, claims = issuer.issue(
		user_id="u", tenant_id=TENANT, now=moment, lifetime=timedelta(minutes=1)
	)
	assert (claims.issued_at, claims.expires_at) == (1770091506, 1770091566)
	with pytest.raises(TokenProblem, match="expired"):
		verifier().verify(token)


def test_opaque_secrets_are_random_and_kept_as_hash_only():
	made = [new_secret() for _ in range(50)]
	assert len({text for text, _ in made}) == 50
	for text, kept in made:
		assert re.fullmatch(r"[A-Za-z0-9_-]{43}", text)
		assert kept == secret_hash(text)
		assert len(kept) == 32
	key, kept = new_api_key()
	assert re.fullmatch(r"apg_[A-Za-z0-9]{43}", key)
	assert kept == secret_hash(key)
