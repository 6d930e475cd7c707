"""Compliance as a lattice: non-compliant > unknown > exempt > compliant; joined upward, never summed.

RoHS, Directive 2011/65/EU Annex II: at most 0.1 % by mass of each listed substance, of cadmium 0.01 %,
in any homogeneous material. REACH, Regulation (EC) No 1907/2006 Art. 33: a substance of very high
concern above 0.1 % by mass in an article; each article that was put together keeps its own share
(CJEU C-106/14, 10 September 2015), so the mass of the assembly never dilutes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum


class Status(IntEnum):
	"""The join of two is the larger."""

	COMPLIANT = 0
	EXEMPT = 1
	UNKNOWN = 2
	NON_COMPLIANT = 3

	@property
	def word(self) -> str:
		return self.name.lower()


class Declared(StrEnum):
	"""What somebody records for a revision; pending: nobody looked yet."""

	PENDING = "pending"
	COMPLIANT = "compliant"
	EXEMPT = "exempt"
	NON_COMPLIANT = "non_compliant"


class Basis(StrEnum):
	"""What a share of a substance is a share of."""

	NONE = "none"
	HOMOGENEOUS_MATERIAL = "homogeneous_material"
	ARTICLE = "article"


def status_of(word: str) -> Status:
	"""The place of a recorded word in the lattice; what is pending is unknown."""
	return Status.UNKNOWN if word == Declared.PENDING else Status[word.upper()]


def join(found: Iterable[Status]) -> Status:
	"""The worst of them; of nothing: compliant, which changes no other join."""
	return max(found, default=Status.COMPLIANT)


@dataclass(frozen=True, slots=True)
class Said:
	"""One line of a declaration: a share of a substance, or (None) that nothing listed is above its
	limit. `source` is whose part it is: an item may be bought from several makers."""

	list_version: str
	substance: str | None
	share: Decimal | None
	exempt_until: date | None = None
	source: str | None = None


def recorded(word: str, valid_until: date | None, day: date) -> Status:
	"""A record on a day: once its evidence has run out nothing is known any more."""
	if valid_until is not None and valid_until < day:
		return Status.UNKNOWN
	return status_of(word)


def declared(
	said: Iterable[Said], limits: Mapping[str, Decimal], list_version: str, day: date
) -> Status:
	"""What the declarations of a part come to under the list that is in force.

	A share above its limit counts whatever list it was declared against; that nothing is in it counts
	only against the present list. Of several makers the worst decides, since any may be delivered.
	"""
	by_source: dict[str | None, list[Said]] = {}
	for one in said:
		by_source.setdefault(one.source, []).append(one)
	if not by_source:
		return Status.UNKNOWN
	return join(_of_source(lines, limits, list_version, day) for lines in by_source.values())


def _of_source(
	said: Iterable[Said], limits: Mapping[str, Decimal], list_version: str, day: date
) -> Status:
	found = [Status.COMPLIANT]
	present = False
	for one in said:
		present = present or one.list_version == list_version
		if one.substance is None or one.share is None:
			continue
		limit = limits.get(one.substance)
		if limit is None or one.share <= limit:
			continue
		exempt = one.exempt_until is not None and one.exempt_until >= day
		found.append(Status.EXEMPT if exempt else Status.NON_COMPLIANT)
	if not present:
		found.append(Status.UNKNOWN)
	return join(found)
