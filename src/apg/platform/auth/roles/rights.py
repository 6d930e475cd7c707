"""The rights there are, in one spelling, and the rule that nobody gives what he does not hold."""

from collections.abc import Iterable

from apg.kernel.composition import Composition
from apg.kernel.errors import Invalid, PermissionDenied, Problem
from apg.kernel.permissions import Permission
from apg.kernel.principal import Principal
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.auth.permissions import ROLES_ASSIGN


class CannotGrant(PermissionDenied):
	"""Nobody gives rights that he does not hold."""

	code = "CANNOT_GRANT"


def canonical(name: str, composition: Composition) -> str:
	"""The one spelling of a right or of a wildcard; raises ValueError when there is none such."""
	known = {str(permission) for permission in composition.permissions}
	if name == "*":
		return name
	if name.endswith((".*", ":*")):
		parts = name[:-2].replace(":", ".").split(".")
		prefix = ".".join(parts) + "."
		if len(parts) in (1, 2) and any(one.startswith(prefix) for one in known):
			return prefix + "*"
		raise ValueError(name)
	text = str(Permission.parse(name))
	if text not in known:
		raise ValueError(name)
	return text


def canonical_all(names: Iterable[str], composition: Composition, field: str) -> list[str]:
	"""Sorted, each once. Raises Invalid naming those that do not exist."""
	found: set[str] = set()
	problems: list[Problem] = []
	for name in names:
		try:
			found.add(canonical(name, composition))
		except ValueError:
			text = _("There is no right “{name}”.", name=name[:100])
			problems.append(Problem(field, text, "unknown_permission"))
	if problems:
		raise Invalid(_("Some rights do not exist"), problems=problems)
	return sorted(found)


def _covers(granted: frozenset[str], name: str) -> bool:
	parts = name.split(".")
	prefixes = {".".join([*parts[:n], "*"]) for n in range(len(parts))}
	return not granted.isdisjoint({name, *prefixes})


def check_grant(principal: Principal, names: Iterable[str], composition: Composition) -> None:
	"""Raises CannotGrant for a right the caller neither holds nor may assign."""
	assigns = principal.may(ROLES_ASSIGN)
	for name in names:
		business = name != "*" and name.split(".")[0] not in composition.always_on
		if not _covers(principal.permissions, name) and not (assigns and business):
			raise CannotGrant(
				_("You cannot give the right “{name}”: you do not hold it.", name=name)
			)


def permissions_known(work: Work) -> list[dict[str, str]]:
	"""The rights of all capabilities that are on, by name."""
	composition = work.runtime.composition
	on = work.principal.enabled | composition.always_on
	known = sorted(one for one in composition.permissions if one.capability in on)
	return [
		{"name": str(one), "title": _(one.title), "capability": one.capability} for one in known
	]


def rights_by_capability(
	work: Work, *, only_own: bool = False
) -> list[tuple[str, list[tuple[str, str]]]]:
	"""The same as choices under the capability's title; `only_own`, what the caller holds."""
	titles = {c.short: _(c.title) for c in work.runtime.composition.capabilities}
	groups: dict[str, list[tuple[str, str]]] = {}
	for right in permissions_known(work):
		if only_own and not work.principal.may(Permission.parse(right["name"])):
			continue
		choice = (right["name"], right["title"] or right["name"])
		groups.setdefault(titles[right["capability"]], []).append(choice)
	return sorted(groups.items())
