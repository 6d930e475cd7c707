"""Writes a migration step from the models of a capability: `python -m tools.migration plm "text"`.

The step is compared with a scratch database at the newest version of every history, and repeats
`protect()` for each new table, so that a step says all that happens to a table. `--check` fails
when any model differs from the migrations.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from alembic.autogenerate import api as autogenerate
from alembic.autogenerate import render
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Table

from apg.app import composition
from apg.embedded import launcher
from apg.kernel.database import Base
from apg.kernel.keys import RootKey, new_root_secret
from apg.kernel.migrating import History, admin_engine, histories, migrate
from apg.kernel.tenancy import Protect

SCRATCH = Path(".apg-scratch")


def tables_of(package: str) -> dict[str, Any]:
	"""Table name → model class, for the models that live in the package."""
	return {
		mapper.local_table.name: mapper.class_
		for mapper in Base.registry.mappers
		if isinstance(mapper.local_table, Table) and mapper.class_.__module__.startswith(package)
	}


def differences(connection: Any, names: set[str]) -> ops.UpgradeOps:
	"""What is between the database and the models of these tables."""

	def include(obj: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
		if kind == "table":
			return name in names
		return kind != "index" or not reflected or other is not None

	context = MigrationContext.configure(
		connection,
		opts={
			"target_metadata": Base.metadata,
			"include_object": include,
			"compare_type": True,
			"compare_server_default": False,
		},
	)
	found = autogenerate.produce_migrations(context, Base.metadata).upgrade_ops
	assert found is not None
	return found


def rendered(connection: Any, upgrade: ops.UpgradeOps, models: dict[str, Any]) -> str:
	"""The body of `upgrade()`."""
	context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
	imports: set[str] = set()
	auto = autogenerate.AutogenContext(
		context,
		metadata=Base.metadata,
		opts={
			"sqlalchemy_module_prefix": "sa.",
			"alembic_module_prefix": "op.",
			"user_module_prefix": None,
			"render_item": None,
			"render_as_batch": False,
		},
	)
	auto.imports = imports
	lines = render._render_cmd_body(upgrade, auto).replace("    ", "\t").splitlines()
	body = [line for line in lines if not line.strip().startswith("# ###")]
	for op in upgrade.ops:
		if not isinstance(op, ops.CreateTableOp):
			continue
		protection: Protect | None = getattr(models[op.table_name], "__protect__", None)
		if protection is None or op.table_name in NOT_OWNED:
			continue
		options = [
			f"{name}={getattr(protection, name)!r}"
			for name in ("audited", "redact", "reach", "keep", "app")
			if getattr(protection, name) != getattr(Protect(), name)
		]
		body.append(f'protect(op, "{op.table_name}"{"".join(", " + o for o in options)})')
	return "\n".join(
		"\t" + line.lstrip("\t") if line.startswith("op") else "\t" + line for line in body
	)


NOT_OWNED = frozenset({"tenants", "users"})


def scratch_url() -> str:
	"""An empty database on a server of its own, whose safety does not matter."""
	server = launcher.start(SCRATCH.resolve(), fast=True)
	engine = admin_engine(server.admin_url)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		connection.exec_driver_sql("drop database if exists scratch with (force)")
		connection.exec_driver_sql("create database scratch")
	return server.admin_url.rsplit("/", 1)[0] + "/scratch"


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("short", nargs="?", help="short name of the capability")
	parser.add_argument("message", nargs="?", default="tables")
	parser.add_argument("--check", action="store_true")
	given = parser.parse_args()
	whole = composition()
	root = RootKey.parse(new_root_secret())
	url = scratch_url()
	try:
		migrate(url, whole, root)
		engine = admin_engine(url)
		with engine.connect() as connection:
			if given.check:
				return _check(connection, whole)
			capability = whole[given.short]
			history = next(h for h in histories(whole) if h.short == given.short)
			models = tables_of(capability.package)
			_write(connection, history, models, given.message)
		return 0
	finally:
		launcher.stop(SCRATCH.resolve())


def _write(connection: Any, history: History, models: dict[str, Any], message: str) -> None:
	upgrade = differences(connection, set(models))
	if not upgrade.ops:
		print("nothing to do")
		return
	body = rendered(connection, upgrade, models)
	steps = sorted((history.folder / "versions").glob("*.py"))
	number = f"{len(steps) + 1:04d}"
	before = repr(f"{len(steps):04d}") if steps else "None"
	(history.folder / "versions").mkdir(parents=True, exist_ok=True)
	path = history.folder / "versions" / f"{number}_{message.replace(' ', '_')}.py"
	path.write_text(
		f'"""{message.capitalize()}."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n'
		"from sqlalchemy.dialects import postgresql\n\nfrom apg.kernel.tenancy import protect\n\n"
		f'revision = "{number}"\ndown_revision = {before}\n\n\ndef upgrade() -> None:\n{body}\n'
	)
	print(path)


def _only_comments(op: Any) -> bool:
	"""The bound of a growing table is kept as its comment, which models do not carry."""
	return isinstance(op, ops.ModifyTableOps) and all(
		isinstance(inner, (ops.DropTableCommentOp, ops.CreateTableCommentOp)) for inner in op.ops
	)


def _check(connection: Any, whole: Any) -> int:
	names: set[str] = set()
	for capability in whole.capabilities:
		names |= set(tables_of(capability.package))
	found = differences(connection, names)
	found.ops = [op for op in found.ops if not _only_comments(op)]
	for op in found.ops:
		for line in op.to_diff_tuple() if not isinstance(op, ops.ModifyTableOps) else op.ops:
			print(line)
	return 1 if found.ops else 0


if __name__ == "__main__":
	sys.exit(main())
