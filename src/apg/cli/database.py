"""Commands about the database and the composition."""

from apg.cli.explaining import explained
from apg.cli.home import installation
from apg.cli.output import Failure, show


def bring_up_to_date(*, check: bool, as_json: bool) -> None:
	"""`apg migrate`."""
	from apg.app import composition
	from apg.kernel.keys import RootKey
	from apg.kernel.migrating import migrate
	from apg.kernel.observe import configure_logging
	from apg.platform.reference.rates.loading import refresh

	if check:
		_check()
		return
	configure_logging("WARNING", "console")  # what was done is the answer, and may be JSON
	with installation() as settings:
		done = migrate(
			settings.database_admin_url, composition(), RootKey.parse(settings.secret_key)
		)
		if rates := refresh(settings.database_admin_url):
			done.append(f"reference: {rates} exchange rates")
	show([{"step": step} for step in done], as_json=as_json, empty="Everything is up to date.")


def _check() -> None:
	import subprocess
	import sys

	ended = subprocess.run([sys.executable, "-m", "tools.migration", "--check"], check=False)
	if ended.returncode:
		raise Failure(
			"Models and migrations differ (see above).",
			'Write a step with: python -m tools.migration SHORT "what changes".',
		)
	print("Models and migrations agree.")


def list_capabilities(*, as_json: bool) -> None:
	"""`apg capabilities`."""
	from apg.app import composition

	with explained():
		whole = composition()
	unmet = whole.unmet()
	rows = [
		{
			"name": c.name,
			"version": c.version,
			"title": c.title,
			"requires": c.requires,
			"not there": unmet.get(c.name, ()),
		}
		for c in whole.capabilities
	]
	rows += [
		{"name": name, "version": None, "title": "left out", "requires": (), "not there": problems}
		for name, problems in whole.left_out.items()
	]
	show(rows, as_json=as_json)
