"""Keys: the root secret, one derived key per purpose, signing keys, encrypted columns, look-up.

The root never enters the database. What is stored there (wrapped signing keys, encrypted
contacts, blind indexes) reads as noise without it, and losing the root loses those for ever.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
	Encoding,
	NoEncryption,
	PrivateFormat,
	PublicFormat,
	load_pem_public_key,
)

_NEW_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_NONCE = 12

# SHA-256, first 8 bytes, of secrets that stand in documents: the guides of this product, the
# manuals of web frameworks and token libraries, RFC 7515, 8032 and 8037, the NIST AES vectors.
_PUBLISHED = frozenset(
	"""
	048af2438891a89a 057ba03d6c441048 099da475a54aacba 1182a562cbe7ee44 14aa801ba993f37f
	190edf59d5736c3b 2598f7d6adc142d8 26fd2cb964045078 2a8abfa8cb990629 2b91692d73082f9f
	2bb80d537b1da3e3 2c5f13ed66d22ac5 2dcd1431300732da 3d2d9682cdba5296 3f7aa5c0b56cad6c
	465d9ad5d5528ebe 4773d12e2371bb93 4d0f8dec4515d07a 55a2aa619c852bbc 570dad43de1af4c9
	5e884898da280471 60a5e7a07666706a 630dcd2966c43366 644d50ab64864c20 6c86c6aac5fb24bc
	80cd0406a778128b 837e8e636d452b61 875b9380866e9d56 87cb3d21ea94c782 8b1b17a9740c068a
	94d2f2cff66c99ed 9cb335cb7b5fb805 a0b4c9162111b48c a3142145d894edf5 a5aa976fe0932dfa
	b93c72b74bc8487d baf698c16450117d c8ecc9361a05e285 cbeb362f1fa69a66 cc0af97287543b65
	d16db7e5f39e5145 d2540bc26d686380 d53621b5f75e7938 d88a2cb53b61ef4d d8eca0cca720d33b
	dfdcf400fd38f3bc e2186dbdb1bb4193 ef260e9aa3c673af f75778f7425be4db f7d838701b86c5df
	""".split()  # noqa: SIM905
)


class SecretProblem(Exception):
	"""The process must not start with this secret: the sentence says why, the remedy what to do."""

	def __init__(self, sentence: str, remedy: str) -> None:
		super().__init__(f"{sentence} {remedy}")
		self.sentence, self.remedy = sentence, remedy


class KeyProblem(Exception):
	"""A stored value cannot be opened: foreign tenant or column, unknown key, or damage."""


class Purpose(StrEnum):
	"""What a derived key is for; no key serves two of them."""

	COOKIE = "cookie"
	CSRF = "csrf"
	FIELD_ENCRYPTION = "field-encryption"
	BLIND_INDEX = "blind-index"
	SIGNING_WRAP = "signing-wrap"
	DATABASE_ROLE = "database-role"
	WEBHOOK = "webhook"
	MAIL = "mail"


def new_root_secret() -> str:
	"""A fresh root secret as URL-safe text, for `$APG_HOME/secret`."""
	return secrets.token_urlsafe(32)


def _digest(material: bytes) -> str:
	return hashlib.sha256(material).hexdigest()[:16]


def _decoded(text: str) -> bytes:
	"""The bytes behind hexadecimal, base64 or URL-safe base64 text; empty when it is none."""
	if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
		return bytes.fromhex(text)
	plain = text.replace("-", "+").replace("_", "/").rstrip("=")
	try:
		return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
	except (binascii.Error, ValueError):
		return b""


@dataclass(frozen=True)
class RootKey:
	"""The one secret everything is derived from; `derive` is all that anybody may ask of it."""

	material: bytes = field(repr=False)

	@classmethod
	def parse(cls, text: str, name: str = "APG_SECRET_KEY") -> "RootKey":
		"""Reads 32 or more random bytes written as base64, URL-safe base64 or hexadecimal.

		Raises SecretProblem when absent, short, not random, or ever published.
		"""
		text = text.strip()
		remedy = f"Set {name} to the output of: {_NEW_SECRET}"
		if not text:
			raise SecretProblem(f"{name} is not set.", remedy)
		material = _decoded(text)
		if not _PUBLISHED.isdisjoint((_digest(text.encode()), _digest(material))):
			raise SecretProblem(f"{name} is a value that was published in documents.", remedy)
		if not material:
			raise SecretProblem(f"{name} is neither base64 nor hexadecimal text.", remedy)
		if len(material) < 32:
			raise SecretProblem(
				f"{name} holds {len(material)} bytes, and at least 32 are needed.", remedy
			)
		# 32 random bytes are all printable once in 10^13, and hold under 16 values far more seldom.
		if len(set(material)) < 16 or all(32 <= byte < 127 for byte in material):
			raise SecretProblem(f"{name} is words or a pattern, not random bytes.", remedy)
		return cls(material)

	@cached_property
	def fingerprint(self) -> str:
		"""What a backup may hold to tell whether it meets the root it was made under."""
		return self._expand("fingerprint", 8).hex()

	def derive(self, purpose: str, length: int = 32) -> bytes:
		"""The key of a purpose, or of one use of it: `database-role/apg_app`."""
		Purpose(purpose.partition("/")[0])
		return self._expand(purpose, length)

	def _expand(self, info: str, length: int) -> bytes:
		"""HKDF-SHA-256 (RFC 5869) with the purpose as info; use `derive`."""
		return HKDF(SHA256(), length, salt=b"apg/v1", info=info.encode()).derive(self.material)


class SigningPurpose(StrEnum):
	"""What a signing key signs; audit and publication keys verify for ever."""

	TOKEN = "token"
	AUDIT = "audit"
	PUBLICATION = "publication"


@dataclass(frozen=True)
class SigningKey:
	"""A row of `signing_keys`. `public_pem` decides the algorithm; `private_wrapped` needs the root.

	`retired_at` ends signing; verifying goes on until everything signed has expired.
	"""

	kid: str
	purpose: str
	public_pem: str
	private_wrapped: bytes | None = field(repr=False)
	active_from: datetime
	retired_at: datetime | None = None

	@classmethod
	def generate(cls, root: RootKey, purpose: str, active_from: datetime) -> "SigningKey":
		"""A new Ed25519 key; its id is the thumbprint of the public half (RFC 7638, RFC 8037)."""
		private = Ed25519PrivateKey.generate()
		public = private.public_key()
		pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
		kid = _thumbprint(_jwk_members(public))
		raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
		nonce = secrets.token_bytes(_NONCE)
		aad = _bound("signing-key", SigningPurpose(purpose), kid)
		sealed = AESGCM(root.derive(Purpose.SIGNING_WRAP)).encrypt(nonce, raw, aad)
		return cls(kid, purpose, pem, nonce + sealed, active_from)

	def unwrap(self, root: RootKey) -> Ed25519PrivateKey:
		"""The private half. Raises KeyProblem for another root, or a row whose parts were swapped."""
		wrapped = self.private_wrapped or b""
		aad = _bound("signing-key", self.purpose, self.kid)
		try:
			raw = AESGCM(root.derive(Purpose.SIGNING_WRAP)).decrypt(
				wrapped[:_NONCE], wrapped[_NONCE:], aad
			)
		except (InvalidTag, ValueError) as error:
			raise KeyProblem(f"The root secret does not open signing key {self.kid}.") from error
		return Ed25519PrivateKey.from_private_bytes(raw)

	@cached_property
	def public(self) -> Ed25519PublicKey | RSAPublicKey:
		key = load_pem_public_key(self.public_pem.encode())
		if not isinstance(key, Ed25519PublicKey | RSAPublicKey):
			raise KeyProblem(f"Key {self.kid} is neither Ed25519 nor RSA.")
		return key

	@property
	def algorithm(self) -> str:
		"""The only algorithm a signature under this key may name."""
		return "EdDSA" if isinstance(self.public, Ed25519PublicKey) else "RS256"


def signer_of(keys: Iterable[SigningKey], purpose: str, now: datetime) -> SigningKey | None:
	"""The newest key of the purpose that may sign at this moment."""
	able = [
		key
		for key in keys
		if key.purpose == purpose
		and key.private_wrapped
		and key.active_from <= now
		and (key.retired_at is None or now < key.retired_at)
	]
	return max(able, key=lambda key: (key.active_from, key.kid), default=None)


def verifying(keys: Iterable[SigningKey], now: datetime, lifetime: timedelta) -> list[SigningKey]:
	"""The keys that something may still be good under, oldest first.

	`lifetime` is the longest that anything they sign is good: a key goes that long after the next
	one of its purpose came. For what is good for ever, all keys stay, and nobody asks this.
	"""
	ordered = sorted(keys, key=lambda key: (key.active_from, key.kid))
	return [
		key
		for key, next_one in zip(ordered, [*ordered[1:], None], strict=False)
		if next_one is None or now < next_one.active_from + lifetime
	]


def jwks(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, str]]]:
	"""The public halves of the given keys as a JSON Web Key Set (RFC 7517)."""
	return {
		"keys": [
			{**_jwk_members(key.public), "kid": key.kid, "use": "sig", "alg": key.algorithm}
			for key in keys
		]
	}


def _text64(data: bytes) -> str:
	return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwk_members(public: Ed25519PublicKey | RSAPublicKey) -> dict[str, str]:
	if isinstance(public, Ed25519PublicKey):
		return {"kty": "OKP", "crv": "Ed25519", "x": _text64(public.public_bytes_raw())}
	numbers = public.public_numbers()
	n, e = (
		_text64(number.to_bytes((number.bit_length() + 7) // 8, "big"))
		for number in (numbers.n, numbers.e)
	)
	return {"kty": "RSA", "n": n, "e": e}


def _thumbprint(members: dict[str, str]) -> str:
	canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
	return _text64(hashlib.sha256(canonical.encode()).digest())


def _bound(*parts: str) -> bytes:
	"""Associated data with each part's length before it, so that no two lists read the same."""
	encoded = [part.encode() for part in parts]
	return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


class KeyRing:
	"""Encrypts columns under the newest key and opens what any key of the ring has sealed.

	A value is `<key id>.<base64url of nonce and AES-256-GCM ciphertext>`, bound to tenant and column.
	"""

	def __init__(self, keys: Sequence[bytes]) -> None:
		self._ciphers = {_digest(b"ring" + key)[:8]: AESGCM(key) for key in keys}
		self.current = _digest(b"ring" + keys[-1])[:8]

	@classmethod
	def of(
		cls,
		root: RootKey,
		*,
		version: int = 1,
		first: str = "",
		purpose: Purpose = Purpose.FIELD_ENCRYPTION,
	) -> "KeyRing":
		"""The ring of a purpose after `version` rotations; `first` (ESG_ENCRYPTION_KEY) replaces the first key.

		The first derived key stays readable, so the alias may also be set on a running system.
		"""
		keys = [root.derive(f"{purpose}/{n + 1}") for n in range(version)]
		if first:
			given = RootKey.parse(first, "ESG_ENCRYPTION_KEY")
			keys.insert(1, given.derive(f"{purpose}/1"))
		return cls(keys)

	def encrypt(self, tenant_id: str, column: str, plain: str) -> str:
		nonce = secrets.token_bytes(_NONCE)
		aad = _bound("column", tenant_id, column, self.current)
		sealed = self._ciphers[self.current].encrypt(nonce, plain.encode(), aad)
		return f"{self.current}.{_text64(nonce + sealed)}"

	def decrypt(self, tenant_id: str, column: str, value: str) -> str:
		"""Raises KeyProblem when moved from another tenant or column, damaged, or of a lost key."""
		key_id, _, body = value.partition(".")
		cipher = self._ciphers.get(key_id)
		if cipher is None:
			raise KeyProblem(f"No key {key_id!r} in the ring that {column} was encrypted with.")
		sealed = _decoded(body)
		try:
			aad = _bound("column", tenant_id, column, key_id)
			return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad).decode()
		except (InvalidTag, ValueError) as error:
			raise KeyProblem(f"A value of {column} does not belong where it was found.") from error

	def is_current(self, value: str) -> bool:
		"""False for what a rotation still has to write again."""
		return value.partition(".")[0] == self.current


class BlindIndex:
	"""Finds encrypted values by equality: HMAC-SHA-256 under a key per tenant and column."""

	def __init__(self, root: RootKey, version: int = 1) -> None:
		self._key = root.derive(f"{Purpose.BLIND_INDEX}/{version}")

	def of(self, tenant_id: str, column: str, value: str) -> bytes:
		"""32 bytes; equal for values that differ in case, width of characters or spaces only."""
		key = hmac.digest(self._key, _bound(tenant_id, column), "sha256")
		normal = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
		return hmac.digest(key, normal.encode(), "sha256")
