"""Where signing keys are kept: a table nobody reads, functions that hand out what a purpose needs.

A row that the root secret does not open, or whose id is not the thumbprint of its public half, was
not made by this installation; it is left aside, so that writing a row never makes a key trusted.
"""

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel.keys import KeyProblem, RootKey, SigningKey, signer_of
from apg.kernel.log import definer
from apg.kernel.stamps import utc_now

_log = structlog.get_logger("apg.signing")

DDL: tuple[str, ...] = (
	"""
	create table signing_keys (
		kid text primary key,
		purpose text not null check (purpose in ('token', 'audit', 'publication')),
		public_pem text not null,
		private_wrapped bytea not null,
		active_from timestamptz not null,
		retired_at timestamptz
	)
	""",
	"grant select, insert, update on signing_keys to apg_system",
	"grant select on signing_keys to apg_backup",
	*definer(
		"signing_keys_of(p_purpose text)",
		"table (kid text, purpose text, public_pem text, private_wrapped bytea, "
		"active_from timestamptz, retired_at timestamptz)",
		"""
		begin
			return query select k.kid, k.purpose, k.public_pem, k.private_wrapped, k.active_from,
				k.retired_at from signing_keys k where k.purpose = p_purpose
				order by k.active_from, k.kid;
		end""",
		to="apg_app, apg_worker",
		options="stable",
	),
	# Adds; never replaces, so that no caller can take a key away by writing another in its place.
	*definer(
		"signing_key_add(p_kid text, p_purpose text, p_public_pem text, p_private_wrapped bytea, "
		"p_active_from timestamptz)",
		"void",
		"""
		begin
			insert into signing_keys (kid, purpose, public_pem, private_wrapped, active_from)
			values (p_kid, p_purpose, p_public_pem, p_private_wrapped, p_active_from);
		end""",
		to="apg_app, apg_worker",
	),
)


async def load_keys(
	connection: AsyncConnection, purpose: str, root: RootKey | None = None
) -> list[SigningKey]:
	"""The keys of a purpose, oldest first; with `root`, only those this installation made."""
	rows = await connection.execute(
		text("select * from signing_keys_of(:purpose)"), {"purpose": purpose}
	)
	keys = [SigningKey(*row) for row in rows]
	return keys if root is None else [key for key in keys if _is_ours(key, root)]


def _is_ours(key: SigningKey, root: RootKey) -> bool:
	try:
		private = key.unwrap(root)
		public = key.public
	except (KeyProblem, ValueError):
		_log.error("signing key of another root left aside", kid=key.kid, purpose=key.purpose)
		return False
	return (
		isinstance(public, Ed25519PublicKey)
		and private.public_key().public_bytes_raw() == public.public_bytes_raw()
	)


async def ensure_key(connection: AsyncConnection, root: RootKey, purpose: str) -> SigningKey:
	"""The key that signs now; makes the first one where there is none. Needs a transaction."""
	if (found := signer_of(await load_keys(connection, purpose, root), purpose, utc_now())) is None:
		await connection.execute(text("select pg_advisory_xact_lock(7267, 2)"))
		keys = await load_keys(connection, purpose, root)
		found = signer_of(keys, purpose, utc_now()) or await add_key(connection, root, purpose)
	return found


async def add_key(connection: AsyncConnection, root: RootKey, purpose: str) -> SigningKey:
	"""A new key that signs from now on; older ones go on verifying what they signed."""
	key = SigningKey.generate(root, purpose, utc_now())
	await connection.execute(
		text("select signing_key_add(:kid, :purpose, :pem, :wrapped, :active_from)"),
		{
			"kid": key.kid,
			"purpose": key.purpose,
			"pem": key.public_pem,
			"wrapped": key.private_wrapped,
			"active_from": key.active_from,
		},
	)
	return key
