"""Which factor an activity takes, with the reason and the steps away from exact."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from apg.capabilities.esg.factors.choosing import Candidate, Choice, explained
from apg.capabilities.esg.shared.factor import Chosen, Factor, FactorWanted, NoFactor

BASE = Factor(
	version_id="base",
	factor_id="f",
	source_id="s",
	layer="platform",
	approval_id="a",
	activity_code="fuels.gas.cng",
	name="",
	region="GB",
	unit="kWh (gross CV)",
	valid_from=date(2020, 1, 1),
	valid_to=date(2020, 12, 31),
	published_on=None,
	gases={},
	co2e=Decimal(1),
	native_gwp_set="AR4",
	biogenic_co2=None,
	low=None,
	high=None,
	spend_currency=None,
	price_year=None,
	source="",
	edition="",
	licence="",
	locator="",
	file_sha256="",
	sha256="",
)
WANTED = FactorWanted("fuels.gas.cng", "GB-SCT", date(2020, 6, 1), "MWh (gross CV)")


def made(name: str, **changes: object) -> Candidate:
	factor = replace(BASE, version_id=name, **changes)  # type: ignore[arg-type]
	return Candidate(factor, datetime(2026, 1, 1, tzinfo=UTC))


SCOTLAND = made("scotland", region="GB-SCT")
BRITAIN = made("britain")
WORLD = made("world", region="001")
OWN_WORLD = made("own", layer="tenant", region="001")
EARLIER = made("earlier", valid_from=date(2018, 1, 1), valid_to=date(2018, 12, 31))
OLDEST = made("oldest", valid_from=date(2016, 1, 1), valid_to=date(2016, 12, 31))
GENERAL = made("general", activity_code="fuels.gas", region="GB-SCT", layer="tenant")
NET = made("net", unit="kWh (net CV)", region="GB-SCT")
FUTURE = made("future", valid_from=date(2021, 1, 1), valid_to=None, region="GB-SCT")


# From the best to the worst; whatever comes first in the list, the best is taken.
ORDER = [OWN_WORLD, SCOTLAND, BRITAIN, EARLIER, OLDEST, WORLD, GENERAL]


def test_the_order_of_preference() -> None:
	left = list(ORDER)
	while left:
		for shuffled in list(permutations(left))[::97]:
			found = Choice(shuffled).of(WANTED)
			assert isinstance(found, Chosen)
			assert found.factor.version_id == left[0].factor.version_id
		left.pop(0)


@pytest.mark.parametrize(
	("candidate", "level", "reason"),
	[
		(SCOTLAND, 0, "activity_exact region_exact date_valid layer_platform"),
		(BRITAIN, 1, "activity_exact region_parent date_valid layer_platform"),
		(WORLD, 2, "activity_exact region_world date_valid layer_platform"),
		(OWN_WORLD, 2, "activity_exact region_world date_valid layer_tenant"),
		(EARLIER, 2, "activity_exact region_parent date_earlier layer_platform"),
		(GENERAL, 1, "activity_general region_exact date_valid layer_tenant"),
	],
)
def test_level_and_reason(candidate: Candidate, level: int, reason: str) -> None:
	found = Choice([candidate]).of(WANTED)
	assert isinstance(found, Chosen)
	assert (found.level, found.reason) == (level, reason)


@pytest.mark.parametrize(
	("candidates", "wanted", "reason"),
	[
		([], WANTED, "unknown_activity"),
		([made("fr", region="FR")], WANTED, "no_region"),
		([FUTURE], WANTED, "no_date"),
		([NET], WANTED, "unit_not_convertible"),
		([BRITAIN], replace(WANTED, unit="kWh"), "unit_not_convertible"),
		([BRITAIN], replace(WANTED, activity_code="fuels.oil"), "unknown_activity"),
		([BRITAIN], replace(WANTED, factor_version_id="another"), "not_approved"),
	],
)
def test_what_is_refused(candidates: list[Candidate], wanted: FactorWanted, reason: str) -> None:
	assert Choice(candidates).of(wanted) == NoFactor(wanted, reason)


def test_a_special_factor_never_serves_a_general_wish() -> None:
	wanted = replace(WANTED, activity_code="fuels.gas")
	assert Choice([BRITAIN]).of(wanted) == NoFactor(wanted, "unknown_activity")


def test_money_is_only_multiplied_with_its_own_currency() -> None:
	spend = made("spend", unit="USD", spend_currency="USD")
	assert isinstance(Choice([spend]).of(replace(WANTED, unit="USD")), Chosen)
	euros = replace(WANTED, unit="EUR")
	assert Choice([spend]).of(euros) == NoFactor(euros, "unit_not_convertible")


def test_a_pinned_version_is_taken_though_a_better_one_is_there() -> None:
	pinned = replace(WANTED, factor_version_id="world")
	found = Choice([SCOTLAND, WORLD]).of(pinned)
	assert isinstance(found, Chosen)
	assert (found.factor.version_id, found.reason) == ("world", "pinned layer_platform")


def test_of_two_for_one_day_the_newer_stands() -> None:
	newer = Candidate(replace(BASE, version_id="newer"), datetime(2026, 2, 1, tzinfo=UTC))
	for shuffled in ([newer, BRITAIN], [BRITAIN, newer]):
		found = Choice(shuffled).of(WANTED)
		assert isinstance(found, Chosen)
		assert found.factor.version_id == "newer"


def test_refusals_are_told_apart() -> None:
	lost = NoFactor(WANTED, "unknown_activity")
	assert explained(lost, {}).reason == "unknown_activity"
	assert explained(lost, {"fuels.gas": {"GB": False}}).reason == "not_approved"
	assert explained(lost, {"fuels.gas.cng": {"FR": True}}).reason == "no_region"
	other = NoFactor(WANTED, "no_date")
	assert explained(other, {"fuels.gas": {"GB": False}}) is other
