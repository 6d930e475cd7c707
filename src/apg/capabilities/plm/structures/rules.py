"""Which revision a floating line means, and which lines a view shows; the SQL that says so."""

from enum import StrEnum


class Rule(StrEnum):
	"""How floating links are resolved.

	default: the latest released revision, else the latest working one.
	latest_working: the open revision where there is one, else the default.
	latest_released: released revisions alone; an item without one has no content.
	"""

	DEFAULT = "default"
	LATEST_WORKING = "latest_working"
	LATEST_RELEASED = "latest_released"


class View(StrEnum):
	ENGINEERING = "engineering"
	MANUFACTURING = "manufacturing"
	SERVICE = "service"


OPEN = "('working', 'in_review')"
LIVE = "('working', 'in_review', 'released')"

_OPEN_ONE = f"""(
	select o.id from plm_revisions o where o.tenant_id = i.tenant_id and o.item_id = i.id
	and o.state in {OPEN} order by o.ordinal desc limit 1)"""  # noqa: S608 - a constant of ours
_RELEASED_ONE = (
	"(select o.id from plm_revisions o where o.tenant_id = i.tenant_id and o.item_id = i.id "
	"and o.state = 'released')"
)

# The revision that stands for the item `i` under a rule; null when there is none.
PICKS: dict[Rule, str] = {
	Rule.DEFAULT: "i.current_revision_id",
	Rule.LATEST_WORKING: f"coalesce({_OPEN_ONE}, i.current_revision_id)",
	Rule.LATEST_RELEASED: _RELEASED_ONE,
}
