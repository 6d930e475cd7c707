"""What a reader asks a view rule for: a moment, a unit or lot of an end item, or a baseline."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from sqlalchemy import text

from apg.capabilities.plm.shared.moments import day_as_moment
from apg.capabilities.plm.structures.rules import PLAIN, AnyRule, Demand, Rule
from apg.kernel.errors import Invalid
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web.wire import WireModel
from apg.kernel.work import Work

LARGEST = 2**53


def _moment(value: Any) -> Any:
	"""Never a number: seconds of an epoch are nobody's date here."""
	moment = day_as_moment(value)
	if isinstance(moment, int | float):
		raise ValueError(_("Give a date, for example 2027-01-31."))
	return moment


At = Annotated[
	datetime,
	BeforeValidator(_moment),
	Field(description="a moment, or a day for its beginning in UTC"),
]
Counted = Annotated[int, Field(ge=1, le=LARGEST)]
Named = Annotated[str, Field(min_length=1, max_length=100)]


class DemandIn(WireModel):
	"""The rule and what it needs; a rule that is not named follows from what is given."""

	rule: Rule | None = None
	at: At | None = None
	serial: Annotated[Counted | None, Field(description="a unit of the end item")] = None
	lot_number: Annotated[Counted | None, Field(description="a lot of the end item")] = None
	context: Annotated[
		Named | None, Field(description="the end item, by id or number; default: the product")
	] = None
	baseline: Annotated[Named | None, Field(description="by id or number")] = None


DEMAND_FIELDS = tuple(DemandIn.model_fields)


async def rule_of(work: Work, product_id: str, asked: DemandIn) -> AnyRule:
	"""The rule with what it is asked for. Raises Invalid, naming the field that lacks or is unknown."""
	rule = asked.rule or _implied(asked)
	if rule in PLAIN:
		for name in ("at", "serial", "lot_number", "baseline"):
			if getattr(asked, name) is not None:
				text = _("The rule {rule} does not ask for it; leave it out.", rule=str(rule))
				raise Invalid.one(name, text)
		return rule
	if rule is Rule.BASELINE:
		return Demand(rule, baseline=await _baseline(work, asked.baseline))
	needed = {Rule.AS_OF: "at", Rule.UNIT: "serial", Rule.LOT: "lot_number"}[rule]
	if getattr(asked, needed) is None:
		raise Invalid.one(needed, _("The rule {rule} needs it.", rule=str(rule)), "missing")
	number = {Rule.UNIT: asked.serial, Rule.LOT: asked.lot_number}.get(rule)
	context = await _context(work, asked.context) if asked.context else product_id
	return Demand(rule, at=asked.at, number=number, context=context)


def _implied(asked: DemandIn) -> Rule:
	if asked.baseline is not None:
		return Rule.BASELINE
	if asked.serial is not None:
		return Rule.UNIT
	if asked.lot_number is not None:
		return Rule.LOT
	return Rule.AS_OF if asked.at is not None else Rule.DEFAULT


_BASELINE = "select id::text from plm_baselines where {column} = :name"
_PRODUCT = "select id::text from plm_items where {column} = :name and not is_deleted"


async def _found(work: Work, query: str, named: str, column: str) -> str | None:
	chosen = "id" if is_id(named) else column
	return await work.scalar(text(query.format(column=chosen)), {"name": named})


async def _baseline(work: Work, named: str | None) -> str:
	if named is None:
		raise Invalid.one("baseline", _("Name the baseline by number or id."), "missing")
	found = await _found(work, _BASELINE, named, "number")
	if found is None:
		raise Invalid.one("baseline", _("There is no baseline {name}.", name=named), "unknown")
	return found


async def _context(work: Work, named: str) -> str:
	found = await _found(work, _PRODUCT, named, "number")
	if found is None:
		raise Invalid.one("context", _("There is no product {name}.", name=named), "unknown")
	return found


def plain_rule(rule: AnyRule) -> Rule:
	"""The rule itself where it is a plain one, else the default."""
	return rule if isinstance(rule, Rule) and rule in PLAIN else Rule.DEFAULT
