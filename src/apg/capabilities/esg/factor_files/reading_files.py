"""From bytes to linted factors: which reader a file needs is told by its content."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from apg.capabilities.esg.factor_files import generic, grid_mix, uk_flat, us_imports
from apg.capabilities.esg.factor_files.files import (
	FactorFile,
	Given,
	table_headings,
	table_of,
	text_of,
)
from apg.capabilities.esg.shared.factor_draft import MASS
from apg.capabilities.esg.shared.factor_lint import (
	SET_UNSTATED,
	Reading,
	Recognised,
	lint,
	recognise,
)
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

_HEADED: tuple[tuple[set[str], Callable[[str, Given], FactorFile]], ...] = (
	(us_imports.HEADINGS, us_imports.read),
	(generic.NEEDED, generic.read),
)


@dataclass(slots=True)
class Checked:
	"""A file after the lint, and what its gas columns were taken for."""

	file: FactorFile
	recognised: Recognised
	reading: Reading

	@property
	def basis(self) -> str:
		return self.reading.basis

	def counts(self) -> dict[str, int]:
		quarantined = sum(draft.quarantined for draft in self.file.drafts)
		return {
			"rows": self.file.rows,
			"factors": len(self.file.drafts) - quarantined,
			"quarantined": quarantined,
			"skipped": len(self.file.skipped),
		}

	def skipped_by_reason(self) -> dict[str, int]:
		return dict(Counter(one.code for one in self.file.skipped))


def check(content: bytes, given: Given) -> Checked:
	"""Reads and lints a file. Raises Unreadable, with what can be read."""
	file = _reader(text := text_of(content))(text, given)
	if not file.drafts and not file.skipped:
		raise Unreadable(_("The file holds no factor."), _("Look whether it has rows at all."))
	found = recognise(file.drafts)
	reading = file.declared or found.reading
	if given.gwp_set and reading.gwp_set != given.gwp_set and reading.basis != MASS:
		reading = Reading(reading.basis, given.gwp_set)
	if not reading.gwp_set:
		reading = Reading(reading.basis, SET_UNSTATED)
	lint(file.drafts, reading)
	return Checked(file, found, reading)


def _reader(text: str) -> Callable[[str, Given], FactorFile]:
	if text.lstrip()[:1] == "{":
		return grid_mix.read
	headings, _rows = table_of(text)
	names = {uk_flat.ALSO.get(name, name) for name in table_headings(headings)}
	if names >= uk_flat.HEADINGS:
		return uk_flat.read
	for needed, reader in _HEADED:
		if names >= needed:
			return reader
	raise Unreadable(
		_("The headings belong to no file of factors that is known."),
		_(
			"Bring the UK Government's flat file, the energy mix by country (JSON), US import "
			"factors, or a table like the template (activity_code, unit, valid_from, co2e …)."
		),
	)
