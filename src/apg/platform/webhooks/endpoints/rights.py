"""What somebody may be told of."""

from apg.kernel.composition import Composition
from apg.kernel.permissions import Permission
from apg.kernel.principal import Principal

TESTED = "webhooks.endpoint.tested.v1"


def may_know(principal: Principal, composition: Composition, event: str) -> bool:
	"""Whether this person may read events of this name now, with the capabilities that are on."""
	if event == TESTED:
		return True
	kind = composition.events.get(event)
	if kind is None:
		return False
	wanted = Permission.parse(kind.readable_with())
	on = principal.enabled | composition.always_on
	publisher = event.partition(".")[0]
	return {wanted.capability, publisher} <= on and principal.may(wanted)


def matches(pattern: str, event: str) -> bool:
	"""`*`, a beginning that ends in `.*`, or the whole name."""
	return pattern in ("*", event) or (pattern.endswith(".*") and event.startswith(pattern[:-1]))
