"""Reads what `deploy/` says: compose with its variables filled in, all manifests, all settings."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import AliasChoices

from apg.kernel.settings import UNUSED, Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def variables(text: str) -> set[str]:
	return {found[1] for found in _VARIABLE.finditer(text)}


def filled(text: str, values: dict[str, str]) -> str:
	"""Variables as compose fills them in: `${A}`, `${A:-default}`, `${A:?what is missing}`."""

	def one(found: re.Match[str]) -> str:
		name, kind, rest = found[1], found[2], found[3]
		if values.get(name):
			return values[name]
		if kind == "?":
			raise KeyError(f"{name}: {rest}")
		return rest if kind == "-" else ""

	return _VARIABLE.sub(one, text)


def compose(values: dict[str, str] | None = None) -> dict[str, Any]:
	"""The file as it stands, or with its variables filled in: after parsing, as compose does it, so
	that a secret of digits stays text."""
	whole = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
	return whole if values is None else _filled(whole, values)


def _filled(node: Any, values: dict[str, str]) -> Any:
	if isinstance(node, dict):
		return {name: _filled(one, values) for name, one in node.items()}
	if isinstance(node, list):
		return [_filled(one, values) for one in node]
	return filled(node, values) if isinstance(node, str) else node


def manifests() -> list[dict[str, Any]]:
	"""Every object of the Kubernetes manifests, secrets to be made by hand included."""
	return [
		document
		for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
		for document in yaml.safe_load_all(path.read_text("utf-8"))
		if document["kind"] != "Kustomization"
	]


def setting_names() -> set[str]:
	"""Environment names that the product reads."""
	found: set[str] = set()
	for name, info in Settings.model_fields.items():
		found.add(f"APG_{name.upper()}")
		if isinstance(info.validation_alias, AliasChoices):
			found |= {str(one) for one in info.validation_alias.choices}
	return found - set(UNUSED)
