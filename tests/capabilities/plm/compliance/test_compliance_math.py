"""The lattice, and what declarations come to, by the limits of the law."""

from datetime import date
from decimal import Decimal
from itertools import product

import pytest

from apg.capabilities.plm.shared.compliance_math import Said, Status, declared, join, recorded

D = Decimal
TODAY = date(2026, 11, 22)
ROHS = {"Lead": D("0.001"), "Cadmium": D("0.0001")}
C, E, U, N = Status


def test_the_join_is_a_lattice():
	for a, b, c in product(Status, repeat=3):
		assert join([a, b]) == join([b, a])
		assert join([a, join([b, c])]) == join([join([a, b]), c])
		assert join([a, a]) == a
		assert join([a, C]) == a
		assert join([a, N]) == N
	assert join([]) == C
	assert [E < U, U < N, C < E] == [True] * 3


@pytest.mark.parametrize(
	("said", "status"),
	[
		([], U),
		([Said("1", None, None)], C),
		([Said("0", None, None)], U),  # said of an older list: nothing is known of the present one
		([Said("1", "Lead", D("0.001"))], C),  # at the limit is not above it
		([Said("1", "Lead", D("0.00100001"))], N),
		([Said("1", "Cadmium", D("0.0005"))], N),  # a hundredth of a per cent
		([Said("1", "Lead", D("0.0005"))], C),
		([Said("0", "Lead", D("0.5"))], N),  # too much is too much whatever the list
		([Said("1", "Lead", D("0.04"), date(2027, 7, 21))], E),
		([Said("1", "Lead", D("0.04"), date(2026, 11, 21))], N),  # the exemption has ended
		([Said("1", "Zinc", D("0.9"))], C),
		# two makers: any of them may be delivered
		([Said("1", None, None, None, "a"), Said("1", "Lead", D("0.1"), None, "b")], N),
		([Said("1", None, None, None, "a"), Said("0", None, None, None, "b")], U),
	],
)
def test_what_declarations_come_to(said, status):
	assert declared(said, ROHS, "1", TODAY) is status


def test_evidence_that_ran_out_says_nothing_any_more():
	assert recorded("compliant", date(2026, 11, 22), TODAY) is C
	assert recorded("compliant", date(2026, 11, 21), TODAY) is U
	assert recorded("non_compliant", None, TODAY) is N
	assert recorded("pending", None, TODAY) is U
