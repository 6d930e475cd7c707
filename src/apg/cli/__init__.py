"""The command line: `apg COMMAND --help` explains each with examples."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from apg.cli.collector import rest_the_collector
from apg.cli.output import Failure, fail

app = typer.Typer(
	name="apg",
	help="Product lifecycle and sustainability on one composed platform.",
	no_args_is_help=True,
	pretty_exceptions_enable=False,
	rich_markup_mode=None,
)
tenant_app = typer.Typer(
	help="Tenants: companies that share an installation.", no_args_is_help=True
)
user_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
import_app = typer.Typer(help="Bring data in from files.", no_args_is_help=True)
audit_app = typer.Typer(help="The trail of changes.", no_args_is_help=True)
app.add_typer(tenant_app, name="tenant")
app.add_typer(user_app, name="user")
app.add_typer(import_app, name="import")
app.add_typer(audit_app, name="audit")
keys_app = typer.Typer(
	help="The keys that tokens, audit heads and publications are signed with.", no_args_is_help=True
)
app.add_typer(keys_app, name="keys")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def run() -> None:
	"""Starts everything: embedded PostgreSQL, migrations, demo company, web and worker.

	Example: APG_PORT=8080 apg run
	"""
	from apg.cli.running import run_all

	raise typer.Exit(run_all())


@app.command()
def serve() -> None:
	"""Starts the web processes against a migrated database.

	Example: APG_DATABASE_URL=postgresql://… APG_SECRET_KEY=… apg serve
	"""
	from apg.cli.processes import serve_web

	serve_web()


@app.command()
def worker() -> None:
	"""Starts a worker: events, tasks and schedules.

	Example: apg worker
	"""
	from apg.cli.processes import serve_worker

	serve_worker()


@app.command()
def migrate(
	check: Annotated[
		bool, typer.Option("--check", help="Change nothing; fail when models and steps differ.")
	] = False,
	as_json: Json = False,
) -> None:
	"""Brings roles, extensions and all tables of the database to this version.

	Examples: apg migrate · apg migrate --check
	"""
	from apg.cli.database import bring_up_to_date

	bring_up_to_date(check=check, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
	"""Says what is wrong with this installation, and how to mend it. Exit code 1 if anything is.

	Example: apg doctor --json
	"""
	from apg.cli.doctor import examine

	raise typer.Exit(examine(as_json=as_json))


@app.command()
def backup(
	file: Annotated[str, typer.Argument(help="Where to write it; must not be there yet.")],
	as_json: Json = False,
) -> None:
	"""Writes database, files and witness of this moment to one file, while everything runs on.

	The root secret is not in it: keep `secret` of APG_HOME (or APG_SECRET_KEY) at another place.
	Without it contacts, signing keys and the passwords of the database's roles are lost.

	Example: apg backup /backups/apg-monday.zip
	"""
	from apg.cli.backing_up import back_up

	back_up(file, as_json=as_json)


@app.command()
def restore(
	file: Annotated[str, typer.Argument(help="What apg backup has written.")],
) -> None:
	"""Fills an empty home and database from a backup, then verifies the trail and asks the doctor.

	Needs the root secret that the backup was made under, in APG_SECRET_KEY or as `secret` in
	APG_HOME. Exit code 0: all is back and nothing is to mend.

	Example: APG_HOME=/srv/apg APG_SECRET_KEY=… apg restore /backups/apg-monday.zip
	"""
	from apg.cli.restoring import bring_back

	raise typer.Exit(bring_back(file))


@app.command()
def capabilities(as_json: Json = False) -> None:
	"""Lists what this installation is composed of.

	Example: apg capabilities
	"""
	from apg.cli.database import list_capabilities

	list_capabilities(as_json=as_json)


@app.command("new-capability")
def new_capability(
	name: Annotated[str, typer.Argument(help="Its name in addresses, for example tool-crib.")],
	into: Annotated[str, typer.Option(help="The folder to write it into.")] = ".",
) -> None:
	"""Writes a capability of your own that runs as it is, to start from.

	Example: apg new-capability tool-crib
	"""
	from apg.cli.starting import new_capability as write

	write(name, into)


@app.command()
def demo(as_json: Json = False) -> None:
	"""Makes the demo company and loads its data; what is there already stays.

	Example: apg demo
	"""
	from apg.cli.tenants import load_demo

	load_demo(as_json=as_json)


@tenant_app.command("create")
def tenant_create(
	slug: Annotated[str, typer.Argument(help="Short name in addresses, for example acme.")],
	name: Annotated[str, typer.Option(help="The company's name.")] = "",
	admin: Annotated[str, typer.Option(help="Login name of its first administrator.")] = "",
	as_json: Json = False,
) -> None:
	"""Makes a tenant with its first administrator; the password is printed once.

	Example: apg tenant create acme --name "Acme Ltd" --admin anna@acme.example
	"""
	from apg.cli.tenants import create_tenant

	create_tenant(slug, name or slug, admin, as_json=as_json)


@user_app.command("create")
def user_create(
	username: Annotated[str, typer.Argument(help="Login name, often an e-mail address.")],
	tenant: Annotated[str, typer.Option(help="The tenant's short name.")],
	name: Annotated[str, typer.Option(help="Name to show.")] = "",
	role: Annotated[list[str] | None, typer.Option(help="A role; may be given again.")] = None,
	as_json: Json = False,
) -> None:
	"""Makes a person in a tenant; the password is printed once.

	Example: apg user create ben@acme.example --tenant acme --role plm_engineer
	"""
	from apg.cli.tenants import create_user

	create_user(username, tenant, name or username, tuple(role or ()), as_json=as_json)


@import_app.command("bom")
def import_bom(
	file: Annotated[str, typer.Argument(help="CSV, XLSX, KiCad netlist, STEP or InvenTree JSON.")],
	tenant: Annotated[str, typer.Option(help="The tenant's short name.")],
	parent: Annotated[
		str, typer.Option(help="Number of the assembly that a list of one level belongs to.")
	] = "",
	currency: Annotated[str, typer.Option(help="Of prices that name none, as EUR.")] = "",
	dry_run: Annotated[
		bool, typer.Option("--dry-run", help="Show the diff, change nothing.")
	] = False,
	as_json: Json = False,
) -> None:
	"""Imports parts and a bill of materials; the same file again changes nothing.

	Example: apg import bom parts.csv --tenant acme --dry-run
	"""
	from apg.cli.tenants import import_bom_file

	import_bom_file(
		file, tenant, parent=parent, currency=currency, dry_run=dry_run, as_json=as_json
	)


@import_app.command("factors")
def import_factors(
	file: Annotated[
		str,
		typer.Argument(
			help="CSV or JSON of emission factors, or uk-government-2020, country-grid-mix."
		),
	],
	platform: Annotated[
		bool, typer.Option("--platform", help="For all companies, as a published pack.")
	] = False,
	tenant: Annotated[str, typer.Option(help="For one company: its short name.")] = "",
	gwp_set: Annotated[str, typer.Option(help="The set of potentials of the totals, as AR5.")] = "",
	dry_run: Annotated[
		bool, typer.Option("--dry-run", help="Show the lint report, change nothing.")
	] = False,
	as_json: Json = False,
) -> None:
	"""Imports emission factors; nothing is used before a company approves it.

	Example: apg import factors uk-government-2020 --platform
	"""
	from apg.cli.factors import import_factor_file

	import_factor_file(
		file, platform=platform, tenant=tenant, gwp_set=gwp_set, dry_run=dry_run, as_json=as_json
	)


@audit_app.command("verify")
def audit_verify(
	tenant: Annotated[str, typer.Option(help="Only this company, by its short name.")] = "",
	witness: Annotated[str, typer.Option(help="A copy of heads.jsonl kept elsewhere.")] = "",
	as_json: Json = False,
) -> None:
	"""Checks every entry, hash and head of the trail; names what is not as it was sealed.

	Exit code 0: everything is. 1: something is not, or is not sealed, or not witnessed.
	2: it could not be checked.

	Examples: apg audit verify · apg audit verify --tenant acme --json
	"""
	from apg.cli.verifying import verify_audit

	raise typer.Exit(verify_audit(tenant=tenant, witness=witness, as_json=as_json))


@keys_app.command("list")
def keys_list(as_json: Json = False) -> None:
	"""Lists the signing keys of this installation, the newest of a purpose signs.

	Example: apg keys list
	"""
	from apg.cli.keys import list_keys

	list_keys(as_json=as_json)


@keys_app.command("rotate")
def keys_rotate(
	purpose: Annotated[str, typer.Argument(help="token, audit or publication.")],
	as_json: Json = False,
) -> None:
	"""Adds a key that signs from now on; older ones go on verifying what they signed.

	Tokens of the key before are good until they expire; heads and publications for ever.

	Example: apg keys rotate token
	"""
	from apg.cli.keys import rotate_key

	rotate_key(purpose, as_json=as_json)


def main() -> None:
	"""Entry point: every failure ends in one sentence and its remedy, and a code that is not 0."""
	rest_the_collector()
	try:
		app()
	except Failure as failure:
		fail(failure.sentence, failure.remedy, failure.code)
	except BrokenPipeError:  # whoever read the output has seen enough
		sys.stderr.close()
		sys.exit(1)
	except Exception as error:  # noqa: BLE001 - the outermost edge
		from apg.cli.explaining import unexpected

		failure = unexpected(error, Path(os.environ.get("APG_HOME", ".apg")))
		fail(failure.sentence, failure.remedy, 70)
