"""A list of substances as a CSV file: substance, CAS number, limit. Runs in a confined process."""

import csv
import io
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from apg.kernel.file_kinds import Unreadable
from apg.kernel.tabular import plain
from apg.kernel.texts import _

MOST_BYTES = 2_000_000
MOST_ROWS = 5_000
_HEADS = {
	"substance": ("substance", "name", "substance name"),
	"cas": ("cas", "cas no", "cas no.", "cas number", "cas rn"),
	"limit_share": ("limit", "threshold", "limit share", "limit_share", "maximum"),
}
_CAS = re.compile(r"(\d{2,7})-(\d{2})-(\d)")

Found = tuple[list[dict[str, str]], list[tuple[int, str]], list[str]]


def read_list(content: bytes) -> Found:
	"""The substances; what is wrong, by line of the file; headings that mean nothing here.

	A limit is a share of the mass (0.001) or a percentage (0.1 %). Raises Unreadable.
	"""
	try:
		text = content.decode("utf-8-sig")
	except UnicodeDecodeError:
		text = content.decode("cp1252", "replace")
	first = text.split("\n", 1)[0]
	mark = max(",;\t", key=first.count)
	rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
	heads = [plain(cell).strip().lower() for cell in next(rows, [])]
	places = {
		name: next((n for n, head in enumerate(heads) if head in words), None)
		for name, words in _HEADS.items()
	}
	if places["substance"] is None or places["limit_share"] is None:
		raise Unreadable(
			_("The first line does not name the columns substance and limit."),
			_("Write a first line such as: substance,cas,limit."),
		)
	taken: list[dict[str, str]] = []
	wrong: list[tuple[int, str]] = []
	seen: dict[str, int] = {}
	for cells in rows:
		at = rows.line_num
		if not any(cell.strip() for cell in cells):
			continue
		if len(taken) + len(wrong) >= MOST_ROWS:
			wrong.append((at, _("A list has at most {n} substances.", n=MOST_ROWS)))
			break
		given = {
			name: plain(cells[place]).strip() if place is not None and place < len(cells) else ""
			for name, place in places.items()
		}
		problem = _row(given) or _twice(given["substance"], seen)
		seen.setdefault(given["substance"].casefold(), at)
		if problem:
			wrong.append((at, problem))
		else:
			taken.append(given)
	used = {place for place in places.values() if place is not None}
	return taken, wrong, [head for n, head in enumerate(heads) if head and n not in used]


def _twice(substance: str, seen: dict[str, int]) -> str:
	before = seen.get(substance.casefold())
	return _("{name} is in line {n} already.", name=substance, n=before) if before else ""


def _row(given: dict[str, Any]) -> str:
	"""What is wrong with a row, and how to mend it; empty where nothing is. Makes the limit a share."""
	if not given["substance"] or len(given["substance"]) > 200:
		return _("Name the substance in at most 200 characters.")
	if given["cas"] and not _is_cas(given["cas"]):
		return _(
			"{text} is no CAS number: its check digit does not fit. Look it up, or leave it empty.",
			text=given["cas"][:40],
		)
	text = given["limit_share"].replace(" ", "")
	percent = text.endswith("%")
	try:
		share = Decimal(text.rstrip("%").replace(",", ".")) / (100 if percent else 1)
	except InvalidOperation:
		share = Decimal(-1)
	if not share.is_finite() or not 0 <= share <= 1:
		return _(
			"The limit {text} is no share of the mass: write 0.001 or 0.1 %.",
			text=given["limit_share"][:40] or "—",
		)
	given["limit_share"] = format(share.normalize(), "f")
	return ""


def _is_cas(text: str) -> bool:
	"""Check digit of a CAS Registry Number: the digits from the right times 1, 2, 3 …, modulo 10."""
	found = _CAS.fullmatch(text)
	if not found:
		return False
	digits = (found[1] + found[2])[::-1]
	return sum(n * int(digit) for n, digit in enumerate(digits, 1)) % 10 == int(found[3])
