"""What is given of the seal."""

from typing import Any

from pydantic import Field

from apg.kernel.web.wire import Moment, WireModel


class HeadOut(WireModel):
	"""A head as it was signed; all values are texts, so that its RFC 8785 form needs no numbers."""

	tenant: str
	number: str
	size: str
	root: str
	previous: str
	first: str
	last: str
	kid: str
	sealed_at: str
	signature: str


class ProofOut(WireModel):
	"""What proves one entry to somebody who has nothing but this and trusts the key."""

	entry: dict[str, str | None]
	leaf: str = Field(description="SHA-256 of 0x00 and the RFC 8785 form of `entry`, hexadecimal")
	place: int = Field(description="Which leaf of the tree it is, counted from 0")
	path: list[str] = Field(description="Inclusion proof of RFC 9162, nearest sibling first")
	head: HeadOut
	key: dict[str, str] | None = Field(description="The public key as a JSON Web Key")
	verified: bool
	rule: str


class WindowOut(WireModel):
	"""Entries that no head vouches for yet."""

	entries: int
	first_at: Moment | None
	last_at: Moment | None


class VerificationOut(WireModel):
	"""How far the last verification is, and what it found."""

	state: str
	done: int
	total: int | None
	report: dict[str, Any]


class SealOut(WireModel):
	"""How far the trail is sealed."""

	sealed: int
	head: HeadOut | None
	unsealed: WindowOut
	verification: VerificationOut | None
