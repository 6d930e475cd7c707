"""What the pure domain refuses: each error names the field, the reason and the remedy."""

from __future__ import annotations

from collections.abc import Sequence


class DomainError(ValueError):
	"""A value or a move that the domain does not allow.

	`field` is the name a caller knows it by, `code` is stable, `remedy` says what would be accepted.
	The text is English and technical; edges translate by `code`.
	"""

	code = "invalid"

	def __init__(self, field: str, reason: str, remedy: str) -> None:
		super().__init__(f"{field}: {reason}. {remedy}")
		self.field = field
		self.reason = reason
		self.remedy = remedy


class BadLine(DomainError):
	"""A line of a structure that cannot be computed with; `line` is its place as delivered."""

	code = "bad_line"

	def __init__(self, line: int, field: str, reason: str, remedy: str) -> None:
		super().__init__(field, f"line {line + 1}: {reason}", remedy)
		self.line = line


class UnknownNode(DomainError):
	"""An id that the structure does not hold."""

	code = "unknown_node"

	def __init__(self, field: str, node: str) -> None:
		super().__init__(field, f"{node!r} is not in this structure", "Load the structure again.")
		self.node = node


class CycleFound(DomainError):
	"""A product would contain itself; `path` runs from an id down to the same id."""

	code = "cycle"

	def __init__(self, path: Sequence[str]) -> None:
		super().__init__(
			"child",
			f"a product would contain itself: {' > '.join(path)}",
			"Remove one of these lines.",
		)
		self.path = tuple(path)


class MoveNotAllowed(DomainError):
	"""A state cannot be left this way; `allowed` names the moves that are open."""

	code = "move_not_allowed"

	def __init__(self, field: str, current: str, wanted: str, allowed: Sequence[str]) -> None:
		self.current = current
		self.wanted = wanted
		self.allowed = tuple(allowed)
		remedy = f"Allowed from here: {', '.join(allowed)}." if allowed else "This is an end state."
		super().__init__(field, f"cannot go from {current} to {wanted}", remedy)
