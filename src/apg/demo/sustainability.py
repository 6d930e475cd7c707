"""Sustainability metrics of the demo company with three years of generated readings.

The figures are invented with a fixed seed and say so in every reading; some months are missing on
purpose, so that gaps show.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apg.capabilities.esg.measurements import service as measurements
from apg.capabilities.esg.measurements.schemas import MeasurementIn
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.metrics.schemas import MetricIn
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import open_work

SEED = 7
FIRST = (2023, 11)
MONTHS = 36
MADE_UP = f"generated for the demo, seed {SEED}"


@dataclass(frozen=True, slots=True)
class Sample:
	"""A metric, the level its readings start at, how they move, and which months are missing."""

	metric: dict[str, Any]
	level: float
	drift: float
	season: float
	noise: float
	digits: int = 0
	gaps: tuple[int, ...] = ()


def _metric(
	code: str, name: str, kind: str, category: str, unit: str, **more: Any
) -> dict[str, Any]:
	return {
		"code": code,
		"name": name,
		"metric_type": kind,
		"category": category,
		"unit": unit,
		"data_sources": [MADE_UP],
		**more,
	}


SAMPLES = (
	Sample(
		_metric(
			"ENERGY_ELECTRICITY", "Electricity consumption", "environmental", "energy", "kwh",
			is_kpi=True, baseline_value=Decimal(118000), target_value=Decimal(90000),
			validation_rules=["value >= 0", "warn: change(value) <= 40 %"],
		),
		118000, -0.006, 0.12, 0.03, gaps=(9, 22),
	),
	Sample(
		_metric(
			"WATER_WITHDRAWAL", "Water withdrawal", "environmental", "water", "cubic_meters",
			is_kpi=True, baseline_value=Decimal(2400), target_value=Decimal(2000),
			validation_rules=["value >= 0"],
		),
		2400, -0.003, 0.08, 0.05, gaps=(14,),
	),
	Sample(
		_metric(
			"WASTE_TOTAL", "Waste, all kinds", "environmental", "waste", "t",
			baseline_value=Decimal(42), target_value=Decimal(30), validation_rules=["value >= 0"],
		),
		42, -0.008, 0.05, 0.08, 2, gaps=(30,),
	),
	Sample(
		_metric(
			"WASTE_RECYCLED", "Share of waste recycled", "environmental", "waste", "percentage",
			aggregation="mean", polarity="higher_is_better", baseline_value=Decimal(61),
			target_value=Decimal(85), validation_rules=["value between 0 and 100"],
		),
		61, 0.006, 0.0, 0.02, 1,
	),
	Sample(
		_metric(
			"SAFETY_INCIDENTS", "Recordable incidents", "social", "health and safety", "count",
			is_kpi=True, baseline_value=Decimal(3), target_value=Decimal(0),
			validation_rules=["not_negative(value) and integer(value)"],
		),
		3, -0.03, 0.2, 0.5,
	),
	Sample(
		_metric(
			"TRAINING_HOURS", "Training hours", "social", "workforce", "hours",
			polarity="higher_is_better", baseline_value=Decimal(310), target_value=Decimal(420),
		),
		310, 0.008, 0.15, 0.12, gaps=(3, 4),
	),
	Sample(
		_metric(
			"WOMEN_IN_MANAGEMENT", "Women in management", "social", "diversity", "percentage",
			is_kpi=True, aggregation="last", polarity="higher_is_better",
			baseline_value=Decimal(24), target_value=Decimal(40),
			validation_rules=["value between 0 and 100"],
		),
		24, 0.009, 0.0, 0.01, 1,
	),
	Sample(
		_metric(
			"SUPPLIERS_CODE_SIGNED", "Suppliers that signed the code of conduct", "governance",
			"supply chain", "percentage", aggregation="last", polarity="higher_is_better",
			baseline_value=Decimal(48), target_value=Decimal(95),
			validation_rules=["value between 0 and 100"],
		),
		48, 0.014, 0.0, 0.01, 1, gaps=(18, 19, 20),
	),
)  # fmt: skip


async def load(runtime: Runtime, principal: Principal) -> str:
	"""Makes what is missing; a metric that is there already keeps all its readings as they are."""
	made = readings = 0
	for place, sample in enumerate(SAMPLES):
		code = sample.metric["code"]
		async with open_work(runtime, principal, action="esg.metrics.create", origin="cli") as work:
			if await metrics.find_by_code(work, code) is not None:
				continue
			metric = await metrics.create(work, MetricIn.model_validate(sample.metric))
			made += 1
			for value, start, end in _months(sample, random.Random(SEED * 100 + place)):
				await measurements.record(
					work,
					metric.id,
					MeasurementIn(
						value=value,
						measurement_date=end,
						period_start=start,
						period_end=end,
						data_source=MADE_UP,
						collection_method="estimated",
						metadata={"generated": True, "seed": SEED},
					),
				)
				readings += 1
	return f"{made} metrics, {readings} readings"


def _months(sample: Sample, dice: random.Random) -> list[tuple[Decimal, datetime, datetime]]:
	found: list[tuple[Decimal, datetime, datetime]] = []
	level = sample.level
	for place in range(MONTHS):
		start, end = _month(place), _month(place + 1)
		level *= 1 + sample.drift
		winter = 1 if start.month in (11, 12, 1, 2) else -1 if start.month in (5, 6, 7, 8) else 0
		value = level * (1 + sample.season * winter + dice.gauss(0, sample.noise))
		if place not in sample.gaps:
			found.append((_shown(max(0.0, value), sample), start, end))
	return found


def _shown(value: float, sample: Sample) -> Decimal:
	if sample.metric["unit"] == "percentage":
		value = min(value, 100.0)
	return Decimal(f"{value:.{sample.digits}f}")


def _month(place: int) -> datetime:
	month = FIRST[1] - 1 + place
	return datetime(FIRST[0] + month // 12, month % 12 + 1, 1, tzinfo=UTC)
