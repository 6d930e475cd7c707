"""How revisions are labelled: a scheme per class and phase, and the label after those that are fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apg.capabilities.plm.shared.numbering import (
	LabelSeries,
	label_at,
	label_place,
	next_label,
)


@dataclass(frozen=True, slots=True)
class LabelScheme:
	"""Labels of one series behind a prefix; numbers are padded to `width` (01, 02, …)."""

	series: LabelSeries = LabelSeries.LETTERS
	width: int = 1
	prefix: str = ""

	def label(self, place: int) -> str:
		"""The label at a place, the first being 0. Raises DomainError after the last one."""
		return self.prefix + label_at(place, self.series, width=self.width)

	def place(self, label: str) -> int | None:
		"""The place of a label of this scheme, None for any other: `1` is not `01`."""
		rest = label.removeprefix(self.prefix)
		place = label_place(rest, self.series) if label.startswith(self.prefix) else None
		return place if place is not None and self.label(place) == label else None

	def after(self, fixed: Sequence[str]) -> str:
		"""The label after the highest of this scheme among those fixed; its first where none is."""
		places = [place for label in fixed if (place := self.place(label)) is not None]
		return self.label(max(places, default=-1) + 1)

	def keeps(self, planned: str, fixed: Sequence[str]) -> bool:
		"""Whether a planned label may become the next fixed one: of this scheme and after the rest."""
		place = self.place(planned)
		places = (self.place(label) for label in fixed)
		return place is not None and all(other is None or other < place for other in places)


def label_after(scheme: LabelScheme | None, fixed: Sequence[str]) -> str:
	"""The label to plan after those fixed, oldest first. Without a scheme the last one's own series
	goes on. Raises DomainError where nobody can say what comes next."""
	if scheme is not None:
		return scheme.after(fixed)
	last = fixed[-1] if fixed else None
	numbers = last is not None and label_place(last, LabelSeries.NUMBERS) is not None
	label = next_label(last, series := LabelSeries.NUMBERS if numbers else LabelSeries.LETTERS)
	while label in fixed:
		label = next_label(label, series)
	return label


def label_for_release(scheme: LabelScheme | None, planned: str, fixed: Sequence[str]) -> str:
	"""The label a release fixes: the planned one where it fits, else the next. Raises DomainError."""
	if scheme is None:
		return planned if planned not in fixed else label_after(None, fixed)
	return planned if scheme.keeps(planned, fixed) else scheme.after(fixed)
