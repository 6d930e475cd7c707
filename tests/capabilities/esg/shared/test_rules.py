"""The grammar of validation rules: round trips, three-valued truth, a table of hostile input."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.esg.shared.rule_nodes import (
	MOST_NODES,
	All,
	Any_,
	Between,
	Compare,
	Comparison,
	Fact,
	Has,
	Is,
	Node,
	Not,
	OneOf,
	Property,
	Quantity,
	Rule,
	RuleError,
	Severity,
	Text,
	nodes,
	write_node,
	write_rule,
)
from apg.capabilities.esg.shared.rule_text import read_rule
from apg.capabilities.esg.shared.rule_tree import read_rules, write_rules
from apg.capabilities.esg.shared.rules import Observed, Outcome, check, glob
from apg.kernel.errors import Invalid

bounds = st.decimals(min_value=-(10**12), max_value=10**12, places=4)
patterns = st.text(
	st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" "),
	min_size=1,
	max_size=20,
).filter(str.isprintable)


def single_tests() -> st.SearchStrategy[Node]:
	relative = st.sampled_from([Quantity.DELTA, Quantity.CHANGE])
	pairs = st.tuples(bounds, bounds).map(sorted)
	return st.one_of(
		st.builds(Compare, st.sampled_from(Quantity), st.sampled_from(Comparison), bounds),
		st.builds(Compare, relative, st.sampled_from(Comparison), bounds, st.just(True)),
		st.builds(lambda q, p: Between(q, p[0], p[1]), st.sampled_from(Quantity), pairs),
		st.builds(lambda q, p: Between(q, p[0], p[1], True), relative, pairs),
		st.builds(Is, st.sampled_from(Property)),
		st.builds(Has, st.sampled_from(Fact)),
		st.builds(
			OneOf, st.sampled_from(Text), st.lists(patterns, min_size=1, max_size=3).map(tuple)
		),
	)


def joined(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
	several = st.lists(children, min_size=2, max_size=4).map(tuple)
	return st.one_of(st.builds(All, several), st.builds(Any_, several), st.builds(Not, children))


def texts_of(node: Node) -> int:
	return sum(
		len(text) for each in nodes(node) if isinstance(each, OneOf) for text in each.patterns
	)


requirements = st.recursive(single_tests(), joined, max_leaves=12).filter(
	lambda node: (
		sum(1 for _n in nodes(node)) <= MOST_NODES
		and len(write_node(node)) < 1_900
		and texts_of(node) <= 512
	)
)
rules = st.builds(Rule, st.sampled_from(Severity), requirements)
observations = st.builds(
	Observed,
	bounds,
	st.none() | bounds,
	st.none() | st.sampled_from(["iot_1", "erp", ""]),
	st.none() | st.sampled_from(["automated", "manual"]),
	st.booleans(),
	st.booleans(),
	st.booleans(),
)


@given(rules)
def test_text_and_back_is_the_same_rule(rule: Rule) -> None:
	assert read_rule(write_rule(rule)) == rule


@given(rules)
def test_json_and_back_is_the_same_rule(rule: Rule) -> None:
	assert read_rules(write_rules((rule,))) == (rule,)


@given(rules)
def test_a_stored_tree_prints_back_to_its_text(rule: Rule) -> None:
	text = write_rule(rule)
	(stored,) = read_rules(write_rules((read_rule(text),)))
	assert write_rule(stored) == text


@given(requirements, observations)
def test_a_requirement_and_its_contrary_never_both_hold(node: Node, observed: Observed) -> None:
	plain, contrary = check((Rule(Severity.WARN, node), Rule(Severity.WARN, Not(node))), observed)
	swapped = {
		Outcome.HOLDS: Outcome.BROKEN,
		Outcome.BROKEN: Outcome.HOLDS,
		Outcome.UNKNOWN: Outcome.UNKNOWN,
	}
	assert contrary.outcome is swapped[plain.outcome]


@pytest.mark.parametrize(
	("text", "written"),
	[
		("value >= 0", "reject: value >= 0"),
		("WARN:  Value>=0.50", "warn: value >= 0.50"),
		("reject: value between 0 and 100", "reject: value between 0 and 100"),
		("change(value) <= 20%", "reject: change(value) <= 20 %"),
		("delta( value ) > -2", "reject: delta(value) > -2"),
		("((value > 1))", "reject: value > 1"),
		(
			"value > 1 and (value < 2 or has(note))",
			"reject: value > 1 and (value < 2 or has(note))",
		),
		("value > 1 or value < 2 and has(note)", "reject: value > 1 or value < 2 and has(note)"),
		("not (value > 1 and value < 2)", "reject: not (value > 1 and value < 2)"),
		(
			'source in ("iot_*","O\'Brien \\"x\\" \\\\")',
			'reject: source in ("iot_*", "O\'Brien \\"x\\" \\\\")',
		),
		("integer(value) and positive(value)", "reject: integer(value) and positive(value)"),
	],
)
def test_canonical_text(text: str, written: str) -> None:
	assert write_rule(read_rule(text)) == written


PREVIOUS = Observed(Decimal(120), Decimal(100), "iot_7", "automated", True, True, False)
FIRST = Observed(Decimal(120))


@pytest.mark.parametrize(
	("text", "observed", "outcome"),
	[
		("value >= 120", PREVIOUS, Outcome.HOLDS),
		("value > 120", PREVIOUS, Outcome.BROKEN),
		("value between 100 and 120", PREVIOUS, Outcome.HOLDS),
		("value between 0 and 119.999999", PREVIOUS, Outcome.BROKEN),
		("delta(value) = 20", PREVIOUS, Outcome.HOLDS),
		("delta(value) <= 20 %", PREVIOUS, Outcome.HOLDS),
		("delta(value) < 20 %", PREVIOUS, Outcome.BROKEN),
		("change(value) <= 10 %", Observed(Decimal(80), Decimal(100)), Outcome.BROKEN),
		("delta(value) <= 10 %", Observed(Decimal(80), Decimal(100)), Outcome.HOLDS),
		("delta(value) >= 100 %", Observed(Decimal(0), Decimal(-10)), Outcome.HOLDS),
		("change(value) <= 20 %", FIRST, Outcome.UNKNOWN),
		("not change(value) <= 20 %", FIRST, Outcome.UNKNOWN),
		("change(value) <= 20 %", Observed(Decimal(1), Decimal(0)), Outcome.UNKNOWN),
		("change(value) > 20 %", Observed(Decimal(1), Decimal(0)), Outcome.UNKNOWN),
		("change(value) <= 5", Observed(Decimal(1), Decimal(0)), Outcome.HOLDS),
		("previous > 0", FIRST, Outcome.UNKNOWN),
		("has(previous)", FIRST, Outcome.BROKEN),
		("change(value) <= 20 % or not has(previous)", FIRST, Outcome.HOLDS),
		("change(value) <= 20 % and value < 0", FIRST, Outcome.BROKEN),
		("change(value) <= 20 % and value > 0", FIRST, Outcome.UNKNOWN),
		("change(value) <= 20 % or value > 0", FIRST, Outcome.HOLDS),
		("has(evidence)", PREVIOUS, Outcome.HOLDS),
		("has(evidence)", FIRST, Outcome.BROKEN),
		('source in ("iot_*", "erp")', PREVIOUS, Outcome.HOLDS),
		('source in ("iot_?")', PREVIOUS, Outcome.HOLDS),
		('source in ("iot")', PREVIOUS, Outcome.BROKEN),
		('source in ("ot_7")', PREVIOUS, Outcome.BROKEN),
		('source in (".*")', PREVIOUS, Outcome.BROKEN),
		('source in ("*")', FIRST, Outcome.UNKNOWN),
		('method in ("automated")', PREVIOUS, Outcome.HOLDS),
		("integer(value)", PREVIOUS, Outcome.HOLDS),
		("integer(value)", Observed(Decimal("1.000001")), Outcome.BROKEN),
		("integer(value)", Observed(Decimal("1.000000")), Outcome.HOLDS),
		("positive(value)", Observed(Decimal(0)), Outcome.BROKEN),
		("not_negative(value)", Observed(Decimal(0)), Outcome.HOLDS),
		("value >= -273.15", Observed(Decimal("-273.15")), Outcome.HOLDS),
	],
)
def test_truth(text: str, observed: Observed, outcome: Outcome) -> None:
	(found,) = check((read_rule(text),), observed)
	assert found.outcome is outcome
	assert found.rejects == (outcome is Outcome.BROKEN)
	assert found.reason


def test_percentages_are_exact() -> None:
	observed = Observed(Decimal("12345678901234.567891"), Decimal("12345678901234.567890"))
	(found,) = check((read_rule("change(value) > 0 %"),), observed)
	assert found.outcome is Outcome.HOLDS


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+999999999", "1E-999999999"])
def test_what_is_no_usable_number_is_refused(value: str) -> None:
	with pytest.raises(Invalid) as caught:
		Observed(Decimal(value))
	assert caught.value.problems[0].field == "value"
	with pytest.raises(Invalid):
		Observed(Decimal(1), previous=Decimal(value))


def test_the_documentation_is_true() -> None:
	"""Each example line of the page is a rule, written as the product writes it."""
	page = (Path(__file__).parents[4] / "docs/validation-rules.md").read_text(encoding="utf-8")
	examples = [
		line
		for block in re.findall(r"```rule\n(.*?)```", page, re.DOTALL)
		for line in block.splitlines()
	]
	assert len(examples) >= 10
	for line in examples:
		assert write_rule(read_rule(line)).removeprefix("reject: ") == line.removeprefix("reject: ")
	trees = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
	assert trees
	for tree in trees:
		assert read_rules(tree)


def test_a_warning_never_rejects() -> None:
	(found,) = check((read_rule("warn: value < 0"),), FIRST)
	assert (found.outcome, found.rejects) == (Outcome.BROKEN, False)


@pytest.mark.parametrize(
	("text", "field"),
	[
		("value > 0", "value"),
		('source in ("a")', "data_source"),
		('method in ("a")', "collection_method"),
		("has(evidence)", "evidence"),
		("not has(period)", "period_start"),
		("has(note)", "notes"),
	],
)
def test_a_finding_names_the_field(text: str, field: str) -> None:
	(found,) = check((read_rule(text),), FIRST)
	assert found.field == field


HOSTILE_TEXT = [
	("", "a test should stand"),
	("value", "comparison should stand"),
	("value >", "number should stand"),
	("value > >", "number should stand"),
	("value >= 0 value", "should end"),
	("value >= 1e3", "not a number"),
	("value >= NaN", "number should stand"),
	("value >= 1_000", "not a number"),
	("value >= .5", "not a number"),
	("value >= 1.", "not a number"),
	("value >= --1", "not a number"),
	("value >= " + "9" * 31, "more than 30 digits"),
	("value >= ９", "no meaning"),
	("value >= 5 %", "percentage belongs"),
	("value / 0 > 1", "no meaning"),
	("value between 5 and 1", "lower end"),
	("co2e > 1", "not known"),
	("delta(co2e) > 2 %", "not known"),
	("has(password)", "not known"),
	("integer(previous)", "not known"),
	("__import__ > 1", "no meaning"),
	("value > 1; drop table", "no meaning"),
	("source in ()", "text in"),
	("source in (abc)", "text in"),
	('source in ("")', "1 to 128"),
	('source in ("' + "x" * 129 + '")', "1 to 128"),
	('source in ("abc)', "not closed"),
	('source in ("a\x00b")', "control character"),
	('source in ("a" "b")', "should stand"),
	('source = "x"', "not known"),
	("(" * 60 + "value > 1" + ")" * 60, "nested deeper"),
	("not " * 60 + "value > 1", "nested deeper"),
	(" and ".join(["value > 1"] * 51), "more than 50 parts"),
	("source in (" + ", ".join(['"a"'] * 51) + ")", "more than 50 parts"),
	("value > 1 " + " " * 2_000, "more than 2000 characters"),
	("(value > 1", "should stand"),
	("value > 1)", "should end"),
	("and value > 1", "not known"),
	("maybe: value > 1", "not known"),
]


@pytest.mark.parametrize(("text", "words"), HOSTILE_TEXT, ids=range(len(HOSTILE_TEXT)))
def test_hostile_text_is_refused(text: str, words: str) -> None:
	with pytest.raises(RuleError) as caught:
		read_rule(text, field="validation_rules[3]")
	assert words in caught.value.reason
	assert caught.value.remedy
	assert caught.value.problems[0].field == "validation_rules[3]"


def deep(count: int) -> dict[str, Any]:
	tree: dict[str, Any] = {"is": "positive"}
	for _n in range(count):
		tree = {"not": tree}
	return tree


HOSTILE_JSON: list[tuple[object, str]] = [
	(None, "not a list"),
	({}, "not a list"),
	("value > 0", "not a list"),
	([1], "neither a text nor an object"),
	([{}], "exactly one key"),
	([{"require": None}], "exactly one key"),
	([{"require": {"is": "positive", "has": "note"}}], "exactly one key"),
	([{"require": {"eval": "1"}}], "not known"),
	([{"require": {"is": "prime"}}], "not known"),
	([{"require": {"is": ["positive"]}}], "not known"),
	([{"require": {"is": "positive"}, "more": 1}], "not known"),
	([{"severity": "fatal", "require": {"is": "positive"}}], "not known"),
	([{"require": {"all": []}}], "list of requirements"),
	([{"require": {"all": "x"}}], "list of requirements"),
	([{"require": {"all": [{"is": "positive"}] * 51}}], "more than 50 parts"),
	([{"require": {"source": ["x"] * 51}}], "more than 50 parts"),
	([{"require": {"source": []}}], "list of texts"),
	([{"require": {"source": "x"}}], "list of texts"),
	([{"require": {"source": [1]}}], "pattern is a text"),
	([{"require": {"source": ["a\nb"]}}], "pattern is a text"),
	([{"require": deep(60)}], "more than 50 parts"),
	([{"require": deep(100_000)}], "more than 50 parts"),
	([{"require": {"compare": []}}], "object should stand"),
	([{"require": {"compare": {"of": "value", "is": ">", "to": "x"}}}], "not a number"),
	([{"require": {"compare": {"of": "value", "is": ">", "to": "1_0"}}}], "not a number"),
	([{"require": {"compare": {"of": "value", "is": ">", "to": float("nan")}}}], "not a number"),
	([{"require": {"compare": {"of": "value", "is": ">", "to": "1e999999999"}}}], "not a number"),
	([{"require": {"compare": {"of": "value", "is": ">", "to": True}}}], "not a number"),
	(
		[{"require": {"compare": {"of": "value", "is": ">", "to": "1", "percent": True}}}],
		"percentage belongs",
	),
	(
		[{"require": {"compare": {"of": "change(value)", "is": ">", "to": "1", "percent": 1}}}],
		"neither true",
	),
	([{"require": {"compare": {"of": "co2e", "is": ">", "to": "1"}}}], "not known"),
	([{"require": {"between": {"of": "value", "low": "2", "high": "1"}}}], "lower end"),
	([{"type": "regex_check"}], "not a kind of rule"),
	([{"type": "range_check"}], "no end"),
	([{"type": "range_check", "min_value": 2, "max_value": 1}], "lower end"),
	([{"type": "trend_check"}], "not a number"),
	(["value > 0"] * 21, "more than 20 rules"),
]


@pytest.mark.parametrize(("stored", "words"), HOSTILE_JSON, ids=range(len(HOSTILE_JSON)))
def test_hostile_json_is_refused(stored: object, words: str) -> None:
	with pytest.raises(RuleError) as caught:
		read_rules(stored)
	assert words in caught.value.reason
	assert caught.value.remedy
	assert caught.value.problems[0].field.startswith("validation_rules")


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
	try:
		rule = read_rule(text)
	except RuleError:
		return
	assert read_rule(write_rule(rule)) == rule


@given(
	st.recursive(
		st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
		lambda x: (
			st.lists(x, max_size=3)
			| st.dictionaries(
				st.sampled_from(
					["require", "all", "any", "not", "compare", "of", "is", "to", "has"]
				),
				x,
				max_size=3,
			)
		),
		max_leaves=20,
	)
)
def test_any_json_is_rules_or_refused(value: Any) -> None:
	try:
		found = read_rules([value])
	except RuleError:
		return
	assert read_rules(write_rules(found)) == found


def test_the_kinds_of_earlier_papers_are_read() -> None:
	found = read_rules(
		[
			{"type": "range_check", "min_value": 0, "max_value": 10.5},
			{"type": "range_check", "min_value": 0, "severity": "warn"},
			{"type": "trend_check", "max_deviation_percent": "25"},
		]
	)
	assert [write_rule(each) for each in found] == [
		"reject: value >= 0 and value <= 10.5",
		"warn: value >= 0",
		"reject: change(value) <= 25 %",
	]


@pytest.mark.parametrize(
	("pattern", "text", "fits"),
	[
		("*", "", True),
		("a*c", "abc", True),
		("a*c", "ac", True),
		("a*c", "acb", False),
		("?", "", False),
		("?", "x", True),
		("*a*b*", "xxaxxbxx", True),
		("a", "ab", False),
		("[ab]", "a", False),
		("[ab]", "[ab]", True),
	],
)
def test_globs_are_anchored(pattern: str, text: str, fits: bool) -> None:
	assert glob(pattern, text) is fits


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_globs_agree_with_a_plain_definition(pattern: str, text: str) -> None:
	def fits(p: str, t: str) -> bool:
		if not p:
			return not t
		if p[0] == "*":
			return fits(p[1:], t) or (bool(t) and fits(p, t[1:]))
		return bool(t) and p[0] in ("?", t[0]) and fits(p[1:], t[1:])

	assert glob(pattern, text) is fits(pattern, text)


def test_the_texts_of_a_rule_are_bounded() -> None:
	pattern = "*a?" * 40
	with pytest.raises(RuleError) as caught:
		read_rules([{"require": {"source": [pattern] * 5}}])
	assert "512" in caught.value.reason
	assert read_rules([{"require": {"source": [pattern] * 4}}])


def test_the_largest_rule_on_the_worst_text_ends() -> None:
	"""An exponential matcher would not come back at all."""
	pattern = "*a" * 60 + "*b"
	rule = Rule(Severity.REJECT, All(tuple(OneOf(Text.SOURCE, (pattern,)) for _n in range(49))))
	(found,) = check((rule,), Observed(Decimal(1), source="a" * 128))
	assert found.outcome is Outcome.BROKEN
