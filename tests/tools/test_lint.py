"""Each rule finds what it is there for, and leaves alone what is right."""

import ast
from pathlib import Path

import pytest
from tools.lint.__main__ import check
from tools.lint.rules import RULES, cycle_of_features, template_findings

ROOT = Path(__file__).resolve().parent.parent.parent

BAD = [
	("no-commit", "capabilities/plm/products/service.py", "async def f(s):\n\tawait s.commit()\n"),
	("no-broad-except", "kernel/x.py", "try:\n\tpass\nexcept Exception:\n\tpass\n"),
	("no-broad-except", "kernel/x.py", "try:\n\tpass\nexcept:\n\tpass\n"),
	("no-naive-time", "kernel/x.py", "from datetime import datetime\nx = datetime.now()\n"),
	("no-naive-time", "kernel/x.py", "from datetime import datetime\nx = datetime.utcnow()\n"),
	("no-http-client", "kernel/x.py", "import httpx\n"),
	("no-http-client", "kernel/x.py", "import httpcore\n"),
	("no-http-client", "kernel/x.py", "from http import client\n"),
	("no-http-client", "kernel/x.py", "def f():\n\tfrom urllib.request import urlopen\n"),
	("no-http-client", "kernel/x.py", "import smtplib\n"),
	("no-http-client", "platform/notifications/transports/email.py", "import http.client\n"),
	(
		"feature-borders",
		"capabilities/plm/structures/service.py",
		"from apg.capabilities.plm.products.api import router\n",
	),
	(
		"feature-borders",
		"capabilities/plm/structures/service.py",
		"from apg.capabilities.plm.products import views\n",
	),
	(
		"no-tenant-relationship",
		"capabilities/plm/x/models.py",
		'r = relationship("X", primaryjoin="A.tenant_id == B.tenant_id")\n',
	),
	(
		"redact",
		"capabilities/plm/x/models.py",
		'class X:\n\t__tablename__ = "x"\n\temail: str = 1\n',
	),
	("too-long", "kernel/x.py", "x = 1\n" * 601),
	("no-such-name", "kernel/utils.py", "x = 1\n"),
]
GOOD = [
	("kernel/work.py", "async def f(s):\n\tawait s.commit()\n"),
	("kernel/x.py", "try:\n\tpass\nexcept Exception:\n\traise\n"),
	("kernel/x.py", "from datetime import UTC, datetime\nx = datetime.now(UTC)\n"),
	("kernel/outbound.py", "import httpcore\n"),
	("kernel/x.py", "from urllib.parse import urlsplit\nfrom http import HTTPStatus\n"),
	("platform/notifications/transports/email.py", "import smtplib\n"),
	(
		"capabilities/plm/structures/service.py",
		"from apg.capabilities.plm.products import service\n",
	),
	(
		"capabilities/plm/x/models.py",
		'class X:\n\t__tablename__ = "x"\n\t__protect__ = Protect(redact=("email",))\n\temail: str = 1\n',
	),
]


def found(root: Path, place: str, text: str) -> set[str]:
	path = root / "src" / "apg" / place
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_text(text)
	return {finding.rule for rule in RULES for finding in rule(path, ast.parse(text))}


@pytest.mark.parametrize(("rule", "place", "text"), BAD)
def test_a_breach_is_found(tmp_path: Path, rule: str, place: str, text: str) -> None:
	assert rule in found(tmp_path, place, text)


@pytest.mark.parametrize(("place", "text"), GOOD)
def test_what_is_right_is_left_alone(tmp_path: Path, place: str, text: str) -> None:
	assert found(tmp_path, place, text) == set()


@pytest.mark.parametrize(
	("rule", "text"),
	[
		("no-inline-handler", '<a hx-on:click="x()">'),
		("no-inline-handler", '<a onclick="x()">'),
		("no-inline-style", '<p style="color: red">'),
		("no-inline-script", "<script>x()</script>"),
	],
)
def test_templates(tmp_path: Path, rule: str, text: str) -> None:
	path = tmp_path / "page.html"
	path.write_text(text)
	assert [finding.rule for finding in template_findings(path)] == [rule]


def test_a_cycle_of_features_is_named(tmp_path: Path) -> None:
	for one, other in (("a", "b"), ("b", "a")):
		folder = tmp_path / "src/apg/capabilities/plm" / one
		folder.mkdir(parents=True)
		(folder / "service.py").write_text(f"from apg.capabilities.plm.{other} import service\n")
	(finding,) = cycle_of_features(tmp_path)
	assert "a → b" in finding.message or "b → a" in finding.message


def test_the_product_breaks_no_rule() -> None:
	assert [str(finding) for finding in check(ROOT)] == []
