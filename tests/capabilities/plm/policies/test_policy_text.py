"""Expressions read, printed, stored, refused and answered."""

import json
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apg.capabilities.plm.shared.policy_nodes import (
	All,
	Amounts,
	Compare,
	Comparison,
	Compliance,
	Either,
	Facts,
	Function,
	Metric,
	New,
	Not,
	PolicyError,
	Word,
	true_of,
)
from apg.capabilities.plm.shared.policy_text import read_policy, read_tree, write_policy, write_tree

D = Decimal


def facts(**given):
	known = {
		"before": D(100),
		"after": D(103),
		"certain": True,
		"coverage": D("0.8"),
	} | given
	amounts = {
		Metric.CO2E: Amounts("kgCO2e", **known),
		Metric.COST: Amounts("EUR", **known),
	}
	return Facts(amounts, {"reach": frozenset({"Lead"})}, {"rohs": Word.EXEMPT})


@pytest.mark.parametrize(
	("text", "answer"),
	[
		("delta(co2e) > 2 %", True),
		("delta(co2e) > 3 %", False),
		("delta(co2e) >= 3 %", True),
		("delta(cost) > 2.99 EUR", True),
		("delta(cost) > 2 USD", None),
		("coverage(co2e) < 80 %", False),
		("coverage(co2e) <= 80 %", True),
		("delta(mass) > 0 kg", None),
		("not delta(mass) > 0 kg", None),
		("delta(mass) > 0 kg or delta(co2e) > 2 %", True),
		("delta(mass) > 0 kg and delta(co2e) > 2 %", None),
		("delta(mass) > 0 kg and delta(co2e) < 0 %", False),
		("new(substance)", True),
		("new(substance, reach)", True),
		("new(substance, rohs)", False),
		("compliance(rohs) = exempt", True),
		("compliance = non_compliant", False),
		("compliance(weee) = compliant", None),
		("before(cost) > 99 EUR and after(cost) < 104 EUR", True),
	],
)
def test_what_is_asked_is_answered(text, answer):
	assert true_of(read_policy(text), facts()) is answer


@pytest.mark.parametrize(
	"given_facts",
	[
		{"before": None},
		{"after": None},
		{"certain": False},
		{"before": D(0)},
	],
)
def test_unknown_is_never_true(given_facts):
	for sign, bound in product(("<", ">"), ("-9999999", "9999999")):
		node = read_policy(f"delta(co2e) {sign} {bound} %")
		assert true_of(node, facts(**given_facts)) is not True
		assert true_of(Not(node), facts(**given_facts)) is not True
	assert true_of(read_policy("compliance = compliant"), Facts({}, {}, {})) is None


HOSTILE = [
	"",
	" ",
	"delta",
	"delta(co2e)",
	"delta(co2e) >",
	"delta(co2e) > 2",
	"delta(co2e) > 2 kg",
	"delta(co2e) > 1e9 %",
	"delta(co2e) > 0x10 %",
	"delta(co2e) > NaN %",
	"delta(co2e) > Infinity %",
	"delta(co2e) > 1/0 %",
	"delta(co2e) > " + "9" * 21 + " %",
	"delta(co2e) > 1." + "9" * 25 + " %",
	"delta(water) > 2 %",
	"delta(__class__) > 2 %",
	"__import__('os')",
	"delta(co2e) > 2 %; drop table plm_policies",
	"delta(co2e) > 2 % or",
	"or delta(co2e) > 2 %",
	"(delta(co2e) > 2 %",
	"delta(co2e) > 2 %)",
	"((((" * 20 + "new(substance)" + "))))" * 20,
	"not " * 60 + "new(substance)",
	" or ".join(["new(substance)"] * 60),
	"coverage(mass) < 80 kg",
	"before(cost) > 3 %",
	"new()",
	"new(substance,)",
	"new(substance, 'reach')",
	"new(substance, REACH; x)",
	"compliance(rohs) = fine",
	"compliance(rohs) > compliant",
	"delta(cost) > 10 eur",
	"delta(cost) > 10 €",
	"ｄelta(co2e) > 2 %",
	"delta(co2e)\x00 > 2 %",
	"delta(co2e) > ٣ %",
	"a" * 2_001,
	"{{ 7*7 }}",
	"<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_has_no_meaning_is_refused(text):
	with pytest.raises(PolicyError) as refused:
		read_policy(text)
	assert refused.value.reason
	assert refused.value.remedy


@pytest.mark.parametrize(
	"tree",
	[
		None,
		[],
		{},
		{"all": []},
		{"all": [{"new": None}]},
		{"all": [{"new": None}] * 60},
		{"not": {"not": {"eval": "1"}}},
		{"compare": ["delta", "co2e", ">", "2"]},
		{"compare": ["delta", "co2e", ">", 2, "%"]},
		{"compare": ["delta", "co2e", ">", "2 % or new(substance", "%"]},
		{"new": "x) or new(substance"},
		{"compliance": ["compliant"]},
		{"new": None, "not": None},
	],
)
def test_a_tree_is_checked_as_a_text_is(tree):
	with pytest.raises(PolicyError):
		read_tree(tree)


def test_a_deep_tree_ends_at_the_bound():
	tree: dict = {"new": None}
	for _n in range(5_000):
		tree = {"not": tree}
	with pytest.raises(PolicyError):
		read_tree(tree)


numbers = st.decimals(-10_000, 10_000, allow_nan=False, allow_infinity=False, places=3)
codes = st.one_of(st.none(), st.sampled_from(["rohs", "reach", "weee2"]))
tests = st.one_of(
	st.builds(
		Compare,
		st.just(Function.DELTA),
		st.just(Metric.CO2E),
		st.sampled_from(Comparison),
		numbers,
		st.sampled_from(["%", "kgCO2e"]),
	),
	st.builds(
		Compare,
		st.just(Function.AFTER),
		st.just(Metric.COST),
		st.sampled_from(Comparison),
		numbers,
		st.sampled_from(["EUR", "USD"]),
	),
	st.builds(New, codes),
	st.builds(Compliance, st.sampled_from(Word), codes),
)


def _joined(kind):
	return lambda parts: kind(tuple(parts))


trees = st.recursive(
	tests,
	lambda inner: st.one_of(
		st.lists(inner, min_size=2, max_size=3).map(_joined(All)),
		st.lists(inner, min_size=2, max_size=3).map(_joined(Either)),
		st.builds(Not, inner),
	),
	max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(trees)
def test_every_tree_prints_back_and_is_stored_as_it_is(tree):
	text = write_policy(tree)
	assert read_policy(text) == tree
	assert read_tree(json.loads(json.dumps(write_tree(tree)))) == tree


def test_the_largest_tree_looks_at_each_part_once():
	class Counted(dict):
		reads = 0

		def get(self, key, default=None):
			Counted.reads += 1
			return super().get(key, default)

	node = read_policy(" or ".join(["delta(co2e) > 90 %"] * 49))
	given_facts = facts()
	counted = Facts(Counted(given_facts.amounts), given_facts.substances, given_facts.statuses)
	assert true_of(node, counted) is False
	assert Counted.reads == 49
