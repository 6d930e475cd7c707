"""Values of a difference as pages show them."""

from typing import Any

from apg.capabilities.plm.shared.designators import format_designators
from apg.kernel.texts import _


def shown_value(field: str, value: Any) -> Any:
	"""A value of a difference as a person reads it; None where there is none."""
	if value is None or value == [] or value == ():
		return None
	if field == "designators":
		return format_designators(value)
	if isinstance(value, bool):
		return _("yes") if value else _("no")
	if isinstance(value, (list, tuple)):
		return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	return value
