"""Emission factors from files: for one company, or as a pack for all."""

from typing import Any

from apg.cli.home import installation
from apg.cli.output import Failure, print_json, show
from apg.cli.tenants import run_with, system_of
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings


def import_factor_file(
	file: str, *, platform: bool, tenant: str, gwp_set: str, dry_run: bool, as_json: bool
) -> None:
	"""`apg import factors`."""
	from apg.capabilities.esg.factor_files.files import Given
	from apg.capabilities.esg.factor_files.packs import load_pack, pack_file
	from apg.capabilities.esg.shared.ghg import gwp_sets
	from apg.kernel.file_kinds import Unreadable

	path = pack_file(file)
	if not path.is_file():
		raise Failure(f"There is no file {path}.", "Name a CSV or JSON file of factors.")
	if platform == bool(tenant):
		raise Failure("For whom?", "Say either --platform or --tenant NAME.")
	if gwp_set and gwp_set not in gwp_sets():
		raise Failure(f"{gwp_set} is no set.", f"Choose one of {', '.join(gwp_sets())}.")
	given = Given(gwp_set=gwp_set)
	content = path.read_bytes()
	try:
		if platform:
			with installation() as settings:
				url = settings.database_admin_url
				report = load_pack(url, content, path.name, given, dry_run=dry_run)
		else:
			report = _for_one(content, path.name, tenant, gwp_set, dry_run=dry_run)
	except Unreadable as refused:
		raise Failure(refused.reason, refused.remedy) from None
	if as_json:
		print_json(report)
		return
	show(report["findings"], as_json=False, empty="No findings.")
	counts = report["counts"]
	told = ", ".join(f"{counts[name]} {name}" for name in ("added", "changed", "unchanged"))
	state = "Would be taken" if dry_run else "Taken" if report["accepted"] else "Nothing new"
	print(f"{state}: {told}, {counts['quarantined']} of all quarantined. {report['title']}")


def _for_one(
	content: bytes, name: str, tenant: str, gwp_set: str, *, dry_run: bool
) -> dict[str, Any]:
	async def call(runtime: Runtime, settings: Settings) -> dict[str, Any]:
		from apg.capabilities.esg.factor_files import service

		principal = await system_of(runtime, tenant)
		return await service.import_now(
			runtime, principal, name, content, gwp_set=gwp_set, dry_run=dry_run
		)

	return run_with(call)
