"""Records and factors for tests of the calculation, made by hand."""

from datetime import date
from decimal import Decimal
from typing import Any

from apg.capabilities.esg.shared.calculation import Record
from apg.capabilities.esg.shared.factor import Chosen, Factor


def a_factor(unit: str, co2e: str | None = None, **more: Any) -> Factor:
	gases = {name: Decimal(mass) for name, mass in more.pop("gases", {}).items()}
	given: dict[str, Any] = {
		"version_id": f"v-{unit}-{co2e}-{sorted(gases.items())}",
		"factor_id": "f",
		"source_id": "s",
		"layer": "tenant",
		"approval_id": None,
		"activity_code": "a.b",
		"name": "A factor",
		"region": "GB",
		"unit": unit,
		"valid_from": date(2020, 1, 1),
		"valid_to": None,
		"published_on": None,
		"gases": gases,
		"co2e": None if co2e is None else Decimal(co2e),
		"native_gwp_set": "AR4",
		"biogenic_co2": None,
		"low": None,
		"high": None,
		"spend_currency": None,
		"price_year": None,
		"source": "Test",
		"edition": "1",
		"licence": "none",
		"locator": "row 1",
		"file_sha256": "0" * 64,
		"sha256": "1" * 64,
	}
	return Factor(**(given | more))


def a_record(quantity: str | Decimal, unit: str, **more: Any) -> Record:
	given: dict[str, Any] = {
		"id": "r",
		"version": 1,
		"content_hash": "c" * 64,
		"kind": "site",
		"activity_code": "a.b",
		"quantity": Decimal(quantity),
		"unit": unit,
		"region": "GB",
		"on": date(2024, 1, 1),
	}
	return Record(**(given | more))


def chosen(factor: Factor, level: int = 0) -> Chosen:
	return Chosen(factor, level, "activity_exact region_exact date_valid layer_tenant")
