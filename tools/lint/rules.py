"""The rules, each a function from a parsed file to its findings."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST = 600
LONG = 400
KERNEL_LINES = 13_000
FORBIDDEN_NAMES = frozenset({"utils.py", "helpers.py", "common.py", "manager.py"})
CLIENTS = frozenset(
	{
		"httpx", "httpcore", "requests", "aiohttp", "urllib3", "pycurl",
		"http.client", "urllib.request", "smtplib", "ftplib",
	}
)  # fmt: skip
# Who may hold a client beside `outbound.py`, each for one reason.
CLIENTS_IN = {
	"notifications/transports/email.py": "smtplib",  # connects to the address that outbound checked
	"cli/running.py": "urllib.request",  # asks the own web process on loopback whether it is up
}
PERSONAL = re.compile(r"(^|_)(email|phone|telephone|mobile|first_name|last_name|contact)($|_)")


@dataclass(frozen=True, slots=True)
class Finding:
	"""One breach: where, which rule, and what to do."""

	path: Path
	line: int
	rule: str
	message: str

	def __str__(self) -> str:
		return f"{self.path}:{self.line}: {self.rule}: {self.message}"


Rule = Callable[[Path, ast.Module], Iterator[Finding]]


def in_package(path: Path, *parts: str) -> bool:
	return "/".join(("src", "apg", *parts)) in path.as_posix()


def no_commit(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""Only `open_work` and the machinery of the kernel commit."""
	if not in_package(path) or in_package(path, "kernel") or in_package(path, "cli"):
		return
	for node in ast.walk(tree):
		if (
			isinstance(node, ast.Call)
			and isinstance(node.func, ast.Attribute)
			and node.func.attr == "commit"
		):
			yield Finding(path, node.lineno, "no-commit", "a Work commits when its block is left")


def no_broad_except(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""Unknown errors travel to the edge; only the edge catches them, with the linter's own mark."""
	lines = path.read_text("utf-8").splitlines()
	for node in ast.walk(tree):
		if not isinstance(node, ast.ExceptHandler):
			continue
		names = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
		broad = node.type is None or any(
			isinstance(name, ast.Name) and name.id in ("Exception", "BaseException")
			for name in names
		)
		reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
		if broad and not reraises and "noqa: BLE001" not in lines[node.lineno - 1]:
			yield Finding(path, node.lineno, "no-broad-except", "name the errors you can handle")


def no_naive_time(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""Times are aware and UTC; `utcnow()` and `now()` without a zone are not."""
	for node in ast.walk(tree):
		if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
			continue
		if node.func.attr == "utcnow" or (
			node.func.attr == "now"
			and isinstance(node.func.value, ast.Name)
			and node.func.value.id == "datetime"
			and not node.args
			and not node.keywords
		):
			yield Finding(path, node.lineno, "no-naive-time", "use apg.kernel.stamps.utc_now()")


def no_http_client(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""Whatever leaves the machine goes through `kernel/outbound.py`."""
	if not in_package(path) or path.name == "outbound.py":
		return
	for node in ast.walk(tree):
		names = (
			[alias.name for alias in node.names]
			if isinstance(node, ast.Import)
			else [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
			if isinstance(node, ast.ImportFrom)
			else []
		)
		allowed = next((c for end, c in CLIENTS_IN.items() if path.as_posix().endswith(end)), None)
		for name in names:
			known = {name, name.split(".")[0]} & CLIENTS
			if known - {allowed}:
				yield Finding(
					path, node.lineno, "no-http-client", f"{name}: use kernel/outbound.py"
				)


def feature_borders(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""A feature sees of another its services, schemas, permissions and selects, never its edge.

	Tables may be read upwards only (decision 0006): `cycle_of_features` keeps the graph one-way.
	"""
	found = re.search(r"src/apg/(capabilities|platform)/(\w+)/(\w+)/\w+\.py$", path.as_posix())
	if found is None or found[3] in ("shared", "migrations"):
		return
	layer, capability, feature = found.groups()
	mine = f"apg.{layer}.{capability}."
	for node in ast.walk(tree):
		if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(mine):
			continue
		parts = (node.module or "").removeprefix(mine).split(".")
		if (
			parts[0] in ("shared", feature, "permissions", "settings", "migrations")
			or len(parts) == 0
		):
			continue
		targets = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
		for target in targets:
			if target in ("api", "views", "tasks", "stream"):
				yield Finding(
					path,
					node.lineno,
					"feature-borders",
					f"{feature} may not see {parts[0]}.{target}",
				)


def no_relationship_over_tenant(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""The ORM never writes a tenant through a relationship."""
	for node in ast.walk(tree):
		if (
			isinstance(node, ast.Call)
			and isinstance(node.func, ast.Name)
			and node.func.id == "relationship"
			and "tenant_id" in ast.unparse(node)
		):
			yield Finding(path, node.lineno, "no-tenant-relationship", "join on the id alone")


def redacted_personal_columns(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""A column for an e-mail, phone or person's name is in the table's `redact`."""
	if path.name != "models.py" or not in_package(path):
		return
	for node in tree.body:
		if not isinstance(node, ast.ClassDef):
			continue
		text = ast.unparse(node)
		redacted = re.search(r"redact=\(([^)]*)\)", text)
		known = redacted[1] if redacted else ""
		if "__tablename__" not in text:
			continue
		for item in node.body:
			if (
				isinstance(item, ast.AnnAssign)
				and isinstance(item.target, ast.Name)
				and PERSONAL.search(item.target.id)
				and f"'{item.target.id}'" not in known
			):
				yield Finding(
					path, item.lineno, "redact", f"{item.target.id} holds personal data; redact it"
				)


def sizes(path: Path, tree: ast.Module) -> Iterator[Finding]:
	"""A file is short enough to be read; growth is a new file with a role of its own."""
	count = len(path.read_text("utf-8").splitlines())
	if in_package(path) and count > LONGEST and "migrations" not in path.parts:
		yield Finding(path, count, "too-long", f"{count} lines; at most {LONGEST}")
	if path.name in FORBIDDEN_NAMES:
		yield Finding(path, 1, "no-such-name", "name the file for its role")


RULES: tuple[Rule, ...] = (
	no_commit,
	no_broad_except,
	no_naive_time,
	no_http_client,
	feature_borders,
	no_relationship_over_tenant,
	redacted_personal_columns,
	sizes,
)


def kernel_size(root: Path) -> Iterator[Finding]:
	"""The kernel stays what one person can know (decision 0003)."""
	files = sorted((root / "src/apg/kernel").glob("**/*.py"))
	count = sum(len(path.read_text("utf-8").splitlines()) for path in files)
	if count > KERNEL_LINES:
		place = root / "src/apg/kernel"
		yield Finding(place, 1, "kernel-size", f"{count} lines; at most {KERNEL_LINES}")


def template_findings(path: Path) -> Iterator[Finding]:
	"""Templates carry no inline script, style or handler: the policy would refuse them."""
	for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
		if re.search(r"\shx-on[:=]|\shx-vars=|\son(click|load|change|submit|input)=", line):
			yield Finding(path, number, "no-inline-handler", "bind it in TypeScript")
		if re.search(r"<[^>]+\sstyle=", line):
			yield Finding(path, number, "no-inline-style", "use a class")
		if re.search(r"<script(?![^>]*\bsrc=)[^>]*>", line):
			yield Finding(path, number, "no-inline-script", "use a built file")


def cycle_of_features(root: Path) -> Iterator[Finding]:
	"""The graph of features inside a capability has no cycle."""
	from graphlib import CycleError, TopologicalSorter

	for layer in ("capabilities", "platform"):
		for capability in sorted((root / "src/apg" / layer).glob("*/")):
			graph: dict[str, set[str]] = {}
			for path in capability.glob("*/*.py"):
				feature = path.parent.name
				if feature in ("shared", "migrations"):
					continue
				prefix = f"apg.{layer}.{capability.name}."
				for node in ast.walk(ast.parse(path.read_text("utf-8"))):
					if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix):
						other = (node.module or "").removeprefix(prefix).split(".")[0]
						if other != feature and (capability / other).is_dir() and other != "shared":
							graph.setdefault(feature, set()).add(other)
			try:
				TopologicalSorter(graph).prepare()
			except CycleError as error:
				way = " → ".join(error.args[1])
				yield Finding(capability, 1, "feature-cycle", f"features need each other: {way}")
