"""`apg new-capability NAME`: the first files of a third party's capability, which run as they are."""

import re
from importlib import resources
from pathlib import Path
from string import Template

from apg.cli.output import Failure

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 24  # the names of constraints and permissions are made of it
# Where each file of the skeleton goes; `$` names are filled in here too.
FILES = {
	"pyproject.toml": "pyproject.toml",
	"README.md": "README.md",
	"package.py": "src/$package/__init__.py",
	"blueprint.py": "src/$package/blueprint.py",
	"permissions.py": "src/$package/permissions.py",
	"events.py": "src/$package/events.py",
	"records.py": "src/$package/records/__init__.py",
	"models.py": "src/$package/records/models.py",
	"schemas.py": "src/$package/records/schemas.py",
	"service.py": "src/$package/records/service.py",
	"api.py": "src/$package/records/api.py",
	"views.py": "src/$package/records/views.py",
	"list.html": "src/$package/records/templates/$short/records/list.html",
	"form.html": "src/$package/records/templates/$short/records/form.html",
	"0001_records.py": "src/$package/migrations/versions/0001_records.py",
	"test_manifest.py": "tests/test_manifest.py",
}


def write_capability(name: str, into: Path) -> list[Path]:
	"""Writes the files below `into/apg-NAME`; answers them. Raises Failure, having written nothing,
	for a name that cannot be or is taken, and for a folder that is there."""
	from apg.app import composition

	if NAME.fullmatch(name) is None or len(name) > LONGEST:
		raise Failure(
			f"“{name}” cannot be the name of a capability.",
			f"Use at most {LONGEST} small letters, digits and single hyphens, such as tool-crib.",
		)
	words = {
		"path": name,
		"short": name.replace("-", "_"),
		"project": f"apg-{name}",
		"package": f"apg_{name.replace('-', '_')}",
		"title": name.replace("-", " ").capitalize(),
	}
	for known in composition().capabilities:
		prefixes = known.table_prefixes
		if words["short"] in (known.short, known.name) or f"{words['short']}_".startswith(prefixes):
			raise Failure(f"{name} is taken by {known.title}.", "Choose another name.")
	root = into / words["project"]
	if root.exists():
		raise Failure(f"{root} exists already.", "Choose another name, or another folder: --into.")
	skeleton = resources.files("apg.cli") / "skeleton"
	written: list[Path] = []
	for source, target in FILES.items():
		text = (skeleton / f"{source}.txt").read_text("utf-8")
		path = root / Template(target).substitute(words)
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_text(Template(text).substitute(words), "utf-8")
		written.append(path)
	return written


def new_capability(name: str, into: str) -> None:
	"""`apg new-capability`."""
	try:
		written = write_capability(name, Path(into))
	except OSError as error:
		raise Failure(
			f"The files cannot be written to {error.filename or into}: {error.strerror}.",
			"Name a folder that you can write to: --into.",
		) from error
	root = Path(into) / f"apg-{name}"
	print(f"{len(written)} files in {root}. To see it run:\n")
	print(f"  pip install -e {root}\n  apg migrate\n  apg run\n")
	print("Then read its blueprint.py, and docs/writing-a-capability.md.")
