"""Files that only their owner may read."""

import json
import os
from pathlib import Path


def write_private(path: Path, content: dict[str, object]) -> None:
	"""Writes JSON that only the owner may read, whole or not at all."""
	half = path.with_suffix(".part")
	descriptor = os.open(half, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
	with os.fdopen(descriptor, "w") as file:
		json.dump(content, file, indent=2)
	half.replace(path)
