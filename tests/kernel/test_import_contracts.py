"""Each import contract of pyproject.toml breaks when it is violated, and by that alone.

The contracts are the real ones; the tree they judge is a small copy of the product's shape.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
NAMES = [
	contract["name"] for contract in tomllib.loads(PYPROJECT)["tool"]["importlinter"]["contracts"]
]
LAYERS, CAPABILITIES, PLATFORM, FEATURE, PURE = NAMES

# module → what it imports: allowed ways only, each of them taken at least once
TREE: dict[str, str] = {
	"apg": "",
	"apg.api_pages": "",
	"apg.kernel": "",
	"apg.kernel.work": "import sqlalchemy",
	"apg.kernel.events": "",
	"apg.embedded": "",
	"apg.embedded.launcher": "",
	"apg.contracts": "",
	"apg.contracts.plm": "from typing import TYPE_CHECKING\nimport apg.kernel.events\n"
	"if TYPE_CHECKING:\n\timport apg.kernel.work",
	"apg.platform": "",
	"apg.platform.auth": "",
	"apg.platform.auth.users": "",
	"apg.platform.auth.users.service": "import apg.kernel.work",
	"apg.platform.audit": "",
	"apg.platform.audit.trail": "",
	"apg.platform.audit.trail.service": "import apg.contracts.plm",
	"apg.capabilities": "",
	"apg.capabilities.esg": "",
	"apg.capabilities.esg.metrics": "",
	"apg.capabilities.esg.metrics.service": "import apg.contracts.plm",
	"apg.capabilities.esg.shared": "",
	"apg.capabilities.esg.shared.units": "import decimal",
	"apg.capabilities.plm": "",
	"apg.capabilities.plm.shared": "",
	"apg.capabilities.plm.shared.bom_math": "",
	"apg.capabilities.plm.products": "",
	"apg.capabilities.plm.products.models": "import apg.kernel.work",
	"apg.capabilities.plm.products.schemas": "import apg.capabilities.plm.products.models",
	"apg.capabilities.plm.products.service": "import apg.capabilities.plm.products.schemas",
	"apg.capabilities.plm.products.api": "import fastapi\n"
	"import apg.capabilities.plm.products.service",
	"apg.capabilities.plm.products.views": "import apg.capabilities.plm.products.service",
	"apg.demo": "import apg.capabilities.plm",
	"apg.app": "import apg.capabilities.plm\nimport apg.platform.auth",
	"apg.cli": "import apg.app\nimport apg.embedded.launcher",
}

# (what is wrong, the module, what it imports, the one contract that must say so)
VIOLATIONS = [
	("the kernel sees a capability", "apg.kernel.work", "apg.capabilities.plm", LAYERS),
	("the kernel sees the platform", "apg.kernel.work", "apg.platform.auth", LAYERS),
	("the kernel sees a contract", "apg.kernel.events", "apg.contracts.plm", LAYERS),
	("the kernel sees the launcher", "apg.kernel.work", "apg.embedded.launcher", LAYERS),
	("a contract sees the platform", "apg.contracts.plm", "apg.platform.auth", LAYERS),
	(
		"the platform sees a capability",
		"apg.platform.auth.users.service",
		"apg.capabilities.plm",
		LAYERS,
	),
	("the app sees the command line", "apg.app", "apg.cli", LAYERS),
	("a capability sees the app", "apg.capabilities.plm.products.service", "apg.app", LAYERS),
	(
		"a capability sees another",
		"apg.capabilities.esg.metrics.service",
		"apg.capabilities.plm.products.service",
		CAPABILITIES,
	),
	(
		"a part of the platform sees another",
		"apg.platform.audit.trail.service",
		"apg.platform.auth.users.service",
		PLATFORM,
	),
	(
		"a service sees its routes",
		"apg.capabilities.plm.products.service",
		"apg.capabilities.plm.products.api",
		FEATURE,
	),
	(
		"pages see the routes for programs",
		"apg.capabilities.plm.products.views",
		"apg.capabilities.plm.products.api",
		FEATURE,
	),
	(
		"tables see the schemas",
		"apg.capabilities.plm.products.models",
		"apg.capabilities.plm.products.schemas",
		FEATURE,
	),
	("a contract sees the database", "apg.contracts.plm", "sqlalchemy", PURE),
	("a contract sees it by a detour", "apg.contracts.plm", "apg.kernel.work", PURE),
	("arithmetic sees the web", "apg.capabilities.plm.shared.bom_math", "fastapi", PURE),
	("arithmetic calls out", "apg.capabilities.esg.shared.units", "httpx", PURE),
]
DRIVER = """
import sys, pathlib
from importlinter import configuration
from importlinter.application import use_cases
configuration.configure()
root = pathlib.Path(sys.argv[1])
cases = [line.split("|") for line in sys.stdin.read().splitlines()]
for number, path, imported in cases:
	file = root / path if path else None
	before = file.read_text() if file else ""
	if file:
		file.write_text(before + "\\nimport " + imported + "\\n")
	options = use_cases.read_user_options(config_filename=str(root / "pyproject.toml"))
	use_cases._register_contract_types(options)
	report = use_cases.create_report(options, cache_dir=None)
	broken = [c.name for c, check in report.get_contracts_and_checks() if not check.kept]
	print("RESULT", number, "|".join(broken), sep="\\t")
	if file:
		file.write_text(before)
"""


def _file(module: str) -> Path:
	path = Path(*module.split("."))
	is_package = any(other.startswith(module + ".") for other in TREE)
	return path / "__init__.py" if is_package else path.with_suffix(".py")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[int, set[str]]:
	"""Number of the violation → broken contracts; -1 is the tree as it should be."""
	root = tmp_path_factory.mktemp("tree")
	for module, code in TREE.items():
		path = root / _file(module)
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_text(code + "\n")
	section = PYPROJECT[PYPROJECT.index("[tool.importlinter]") :]
	section = re.split(r"\n\[(?!tool\.importlinter|\[tool\.importlinter)", section)[0]
	(root / "pyproject.toml").write_text(section)
	cases = ["-1||"] + [
		f"{number}|{_file(module)}|{imported}"
		for number, (_name, module, imported, _contract) in enumerate(VIOLATIONS)
	]
	done = subprocess.run(
		[sys.executable, "-c", DRIVER, str(root)],
		input="\n".join(cases),
		capture_output=True,
		text=True,
		cwd=root,
		env=os.environ | {"PYTHONPATH": str(root)},
		timeout=120,
	)
	assert done.returncode == 0, done.stderr[-3_000:]
	found: dict[int, set[str]] = {}
	for line in done.stdout.splitlines():
		if line.startswith("RESULT\t"):
			_mark, number, broken = line.split("\t")
			found[int(number)] = set(filter(None, broken.split("|")))
	return found


def test_the_tree_without_violation_keeps_every_contract(judged: dict[int, set[str]]) -> None:
	assert judged[-1] == set()
	assert len(judged) == len(VIOLATIONS) + 1


@pytest.mark.parametrize("number", range(len(VIOLATIONS)), ids=[v[0] for v in VIOLATIONS])
def test_a_violation_breaks_its_contract(judged: dict[int, set[str]], number: int) -> None:
	contract = VIOLATIONS[number][3]
	# What goes against the layers may lead from one capability to another as well.
	also = {LAYERS, PLATFORM} if contract == LAYERS else {LAYERS}
	assert contract in judged[number]
	assert judged[number] <= {contract} | also


def test_every_contract_is_violated_here() -> None:
	assert {contract for *_rest, contract in VIOLATIONS} == set(NAMES)
