"""Which policies are true of an impact, and why, in words and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.impact.models import Impact, ImpactFigure
from apg.capabilities.plm.policies.models import Policy
from apg.capabilities.plm.shared.policy_nodes import (
	Amounts,
	Compare,
	Compliance,
	Facts,
	Function,
	Metric,
	New,
	Node,
	Word,
	nodes,
	true_of,
	value_of,
)
from apg.capabilities.plm.shared.policy_text import read_tree, write_policy
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST_REASONS = 10


@dataclass(frozen=True, slots=True)
class Fired:
	"""A policy that is true of at least one end item."""

	policy: Policy
	node: Node
	because: tuple[tuple[frozenset[str], str], ...]  # metrics a reason speaks of, and the reason

	@property
	def expression(self) -> str:
		return write_policy(self.node)

	def wire(self, shown: Sequence[str]) -> dict[str, Any]:
		"""For a reader who may see these metrics; reasons of others keep their numbers to themselves."""
		told = [text for metrics, text in self.because if metrics <= set(shown)]
		return {
			"policy_id": self.policy.id,
			"name": self.policy.name,
			"expression": self.expression,
			"effect": self.policy.effect,
			"role": self.policy.role,
			"explanation": self.policy.explanation or "",
			"because": told or [_("By figures that you may not see.")],
		}


async def active(work: Work) -> list[Policy]:
	"""The policies in force, by name."""
	return await work.scalars(select(Policy).where(Policy.is_active).order_by(Policy.name))


async def fired(
	work: Work,
	impact: Impact,
	figures: Sequence[ImpactFigure],
	names: Mapping[str, Mapping[str, Any]],
) -> list[Fired]:
	"""Those that are true of an end item; `names` are products by id."""
	policies = await active(work)
	if not policies:
		return []
	facts = facts_of(impact, figures)
	found: list[Fired] = []
	for policy in policies:
		node = read_tree(policy.tree)
		because: list[tuple[frozenset[str], str]] = []
		for item_id, one in sorted(
			facts.items(), key=lambda each: names.get(each[0], {}).get("product_number", "")
		):
			if true_of(node, one) is True:
				number = names.get(item_id, {}).get("product_number", item_id)
				because += _reasons(str(number), node, one, impact, item_id)
		if because:
			found.append(Fired(policy, node, tuple(because[:MOST_REASONS])))
	return found


def facts_of(impact: Impact, figures: Sequence[ImpactFigure]) -> dict[str, Facts]:
	"""What an expression sees of each end item."""
	amounts: dict[str, dict[Metric, Amounts]] = {}
	statuses: dict[str, dict[str, Word]] = {}
	for row in figures:
		of_item = amounts.setdefault(row.item_id, {})
		if row.metric == "compliance":
			statuses[row.item_id] = {one["regulation"]: Word(one["after"]) for one in row.missing}
		else:
			of_item[Metric(row.metric)] = Amounts(
				row.unit, row.before, row.after, row.certain, row.after_coverage
			)
	substances: dict[str, dict[str, set[str]]] = {}
	for one in impact.substances:
		for item_id in one["end_items"]:
			held = substances.setdefault(item_id, {}).setdefault(one["regulation"], set())
			held.add(one["substance"])
	return {
		item_id: Facts(
			of_item,
			{code: frozenset(names) for code, names in substances.get(item_id, {}).items()},
			statuses.get(item_id, {}),
		)
		for item_id, of_item in amounts.items()
	}


def _reasons(
	number: str, node: Node, facts: Facts, impact: Impact, item_id: str
) -> list[tuple[frozenset[str], str]]:
	"""The tests of the expression that are true of the end item, with what they compared."""
	found: list[tuple[frozenset[str], str]] = []
	for one in nodes(node):
		if true_of(one, facts) is not True:
			continue
		match one:
			case Compare():
				value = value_of(one, facts)
				if value is None:
					continue
				digits = f"{value:.2f}" if one.unit == "%" else f"{value:f}"
				what = f"{one.function}({one.metric})"
				text = _(
					"{number}: {what} is {value} {unit}, the policy says {test}.",
					number=number,
					what=what,
					value=digits,
					unit=one.unit,
					test=write_policy(one),
				)
				speaks_of = frozenset() if one.function is Function.COVERAGE else {str(one.metric)}
				found.append((frozenset(speaks_of), text))
			case New(regulation):
				codes = [regulation] if regulation else sorted(facts.substances)
				names = sorted({n for c in codes for n in facts.substances.get(c, ())})
				text = _("{number}: new in it: {names}.", number=number, names=", ".join(names[:5]))
				found.append((frozenset(), text))
			case Compliance(word, regulation):
				text = _(
					"{number}: {regulation} is {word} afterwards.",
					number=number,
					regulation=regulation or _("compliance"),
					word=str(word).replace("_", " "),
				)
				found.append((frozenset(), text))
			case _:
				pass
	if not found:
		found.append((frozenset(), _("{number}: {test}.", number=number, test=write_policy(node))))
	return found
