"""What the witness has seen: its lines read in order, each against the one before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apg.kernel.keys import SigningKey
from apg.kernel.merkle import Head
from apg.kernel.sealing import witness_lines
from apg.kernel.texts import _
from apg.platform.audit.sealing.faults import Fault, Kind, when


@dataclass
class Seen:
	"""The last head of each tenant that was written outside of the database, and what is wrong there."""

	path: Path
	there: bool = False
	lines: int = 0
	last: dict[str, Head] = field(default_factory=dict[str, Head])
	faults: list[Fault] = field(default_factory=list[Fault])


def read(path: Path, keys: Mapping[str, SigningKey]) -> Seen:
	"""Reads all files of the witness, in memory that grows with tenants only.

	A file may begin in the middle, since older ones may be kept elsewhere. Raises OSError.
	"""
	seen = Seen(path, path.exists())
	if not seen.there:
		return seen
	for file, number, line in witness_lines(path):
		seen.lines += 1
		try:
			head = Head.of_line(line)
		except ValueError:
			text = _("Line {n} of the witness {file} is no head.", n=number, file=file)
			seen.faults.append(Fault(Kind.WITNESS_CHANGED, "", text))
			continue
		before = seen.last.get(head.tenant)
		if before is not None and before.line() != line:
			_follow(seen, before, head, f"{file}:{number}")
		seen.last[head.tenant] = head
	for head in seen.last.values():
		if not head.is_signed_by(keys):
			text = _(
				"The witness's last line of this tenant, head {n}, bears no valid signature.",
				n=head.number,
			)
			seen.faults.append(Fault(Kind.WITNESS_CHANGED, head.tenant, text, head=head.number))
	return seen


def _follow(seen: Seen, before: Head, head: Head, place: str) -> None:
	if head.number == before.number + 1 and head.previous == before.digest():
		return
	if head.number <= before.number + 1:
		kind, text = (
			Kind.ROLLED_BACK,
			_(
				"The database was put back to an older state and sealed on: after head {old} "
				"({old_size} entries, {when}) the witness has head {new} ({size} entries), which does "
				"not follow it ({place}).",
				old=before.number,
				old_size=before.size,
				when=when(before.sealed_at),
				new=head.number,
				size=head.size,
				place=place,
			),
		)
	else:
		kind, text = (
			Kind.WITNESS_CHANGED,
			_(
				"Lines of the witness are missing between head {old} and head {new} ({place}).",
				old=before.number,
				new=head.number,
				place=place,
			),
		)
	seen.faults.append(Fault(kind, head.tenant, text, head=head.number))
