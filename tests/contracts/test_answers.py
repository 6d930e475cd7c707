"""Generated requests over the whole API: every answer is one that the description promises.

Each run asks half of the operations once, APG_SEED says which; `-m soak` asks all of them, makes 2,000
cases of each capability and those that the form of every parameter and body demands.
"""

import math
import os
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contracts.fuzzing import Run, run
from tests.contracts.served import Served, served, stock

from apg.kernel.settings import Settings

CAPABILITIES = {
	"plm": r"^/api/v1/plm/",
	"esg": r"^/api/v1/esg/",
	"platform": r"^/(?!api/v1/(esg|plm)/)",
}
CASES = 2_000
SEED = int(os.environ.get("APG_SEED", "2026"))
# All checks are on. What is put in their place, and why:
CHECKS: dict[str, Any] = {
	# The documented answer to overload, with Retry-After: the generator shares our processor.
	"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},
	# Rules between fields and with what is recorded are refused as 400 or 422, which no schema can
	# tell beforehand; `fuzzing.OF_FORM` still fails each refusal that a schema can tell.
	# 410 and 412 are answers about a link or version of which no schema says that it still holds.
	"positive_data_acceptance": {
		"expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "429", "503"]
	},
}


@pytest.fixture(scope="module")
def product(settings: Settings) -> Iterator[Served]:
	with served(settings) as made:
		stock(made)
		yield made


def configured(examples: int, *phases: str) -> dict[str, Any]:
	return {
		"seed": SEED,
		"suppress-health-check": ["all"],  # they judge the speed of the machine
		"continue-on-failure": True,
		"checks": CHECKS,
		# Wrong credentials are tried by a check of its own, on every operation that wants one.
		"generation": {
			"max-examples": examples,
			"database": "none",
			"no-shrink": True,
			"with-security-parameters": False,
		},
		"phases": {
			name: {"enabled": name in phases}
			for name in ("examples", "coverage", "fuzzing", "stateful")
		},
	}


def told(done: Run) -> str:
	return "\n\n".join(f"{name}\n{text}" for name, text in sorted(done.failures.items()))


def count(made: Served, name: str) -> int:
	return sum(
		len([verb for verb in item if verb != "parameters"])
		for path, item in made.document["paths"].items()
		if re.search(CAPABILITIES[name], path)
	)


def chosen(label: str) -> bool:
	"""Half of all operations, the same with the same seed."""
	return zlib.crc32(f"{SEED} {label}".encode()) % 2 == 0


@pytest.mark.parametrize("name", list(CAPABILITIES))
def test_a_request_to_every_other_operation(product: Served, name: str) -> None:
	done = run(product, CAPABILITIES[name], configured(1, "fuzzing"), Run(), chosen)
	assert told(done) == ""
	assert done.errors == []
	assert len(done.operations) > count(product, name) * 0.35


@pytest.mark.soak
@pytest.mark.parametrize("name", list(CAPABILITIES))
def test_thousands_of_requests(product: Served, name: str) -> None:
	each = math.ceil(CASES * 1.1 / count(product, name))
	done = run(
		product,
		CAPABILITIES[name],
		configured(each, "examples", "coverage", "fuzzing", "stateful"),
		Run(),
	)
	assert told(done) == ""
	assert done.errors == []
	assert sum(done.cases.values()) >= CASES
	assert len(done.operations) > count(product, name) * 0.95
	# A run in which hardly anything was taken would prove little.
	assert len(done.accepted) > len(done.operations) * 0.6
