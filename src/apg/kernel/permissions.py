"""What may be done to what: one canonical form, and the three spellings of the guides."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Permission:
	"""A right, canonically `capability.resource.action`, for example `plm.products.read`."""

	capability: str
	resource: str
	action: str
	title: str = ""

	def __str__(self) -> str:
		return f"{self.capability}.{self.resource}.{self.action}"

	@property
	def reads(self) -> bool:
		return self.action in ("read", "export", "search")

	@classmethod
	def parse(cls, text: str, action: str | None = None) -> "Permission":
		"""Reads `plm.products.read`, `esg:metrics:create`, or resource `esg_metrics` and action.

		Raises ValueError when the text is none of the three.
		"""
		if action is not None:
			text = f"{text}:{action}" if "_" in text.split(":")[0] else f"{text}.{action}"
		for mark in (".", ":"):
			parts = text.split(mark)
			if len(parts) == 3 and all(parts):
				return cls(*parts)
		head, _colon, verb = text.partition(":")
		capability, _line, resource = head.partition("_")
		if capability and resource and verb and ":" not in verb:
			return cls(capability, resource, verb)
		raise ValueError(f"{text!r} is not a permission such as plm.products.read")


def holds(granted: Iterable[str], wanted: Permission) -> bool:
	"""Whether a set of canonical names (with `x.*` for all below x) contains the wanted right."""
	names = granted if isinstance(granted, frozenset) else frozenset(granted)
	return (
		str(wanted) in names
		or f"{wanted.capability}.{wanted.resource}.*" in names
		or f"{wanted.capability}.*" in names
		or "*" in names
	)
