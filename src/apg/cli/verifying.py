"""`apg audit verify`: what the trail can be vouched for, and what is not as it was sealed."""

import asyncio
import time
from pathlib import Path
from typing import Any

from apg.cli import catalogue
from apg.cli.findings import Finding
from apg.cli.home import installation
from apg.cli.output import Failure, print_json, show
from apg.kernel.settings import Settings

FOUND, CANNOT = 1, 2


def verify_audit(*, tenant: str, witness: str, as_json: bool) -> int:
	"""0 when nothing is wrong, 1 when something is. Raises Failure with code 2 when it cannot tell."""
	try:
		with installation() as settings:
			path = Path(witness) if witness else settings.home / "witness" / "heads.jsonl"
			if witness and not path.is_file():
				raise Failure(f"There is no file {path}.", "Name a copy of witness/heads.jsonl.")
			recording = [one for one in catalogue.trail(settings) if one.what != "entries"]
			told = asyncio.run(_verify(settings, tenant, path, recording))
	except Failure as failure:
		raise Failure(failure.sentence, failure.remedy, CANNOT) from failure
	if as_json:
		print_json(told)
	else:
		_print(told)
	return 0 if told["clean"] else FOUND


async def _verify(
	settings: Settings, slug: str, path: Path, recording: list[Finding]
) -> dict[str, Any]:
	from apg.app import make_runtime
	from apg.platform.audit.sealing import verifying, witnessed
	from apg.platform.tenants.tenants import service as tenants

	runtime = make_runtime(settings, role="apg_worker")
	try:
		chosen = await tenants.find_tenant(runtime, slug) if slug else None
		if slug and chosen is None:
			raise Failure(
				f"There is no company {slug}.",
				"Run apg audit verify without --tenant to see them all.",
			)
		started = time.perf_counter()
		keys = await verifying.keys_of(runtime)
		seen = witnessed.read(path, keys)
		chains = [
			await verifying.verify(runtime, one, await verifying.name_of(runtime, one), keys, seen)
			for one in ([chosen] if chosen else await verifying.tenants_of(runtime, seen))
		]
		for chain in chains:
			if chain.faults:
				await verifying.alarm(runtime, chain.tenant, "apg audit verify")
	finally:
		await runtime.engine.dispose()
	seconds = time.perf_counter() - started
	entries = sum(chain.entries for chain in chains)
	general = [fault.row() for fault in seen.faults if not fault.tenant]
	wrong = general or any(chain.faults for chain in chains)
	return {
		"clean": not wrong and all(one.state != "bad" for one in recording),
		"tenants": [{**chain.row(), "window": chain.window()} for chain in chains],
		"witness": {"file": str(path), "there": seen.there, "lines": seen.lines, "faults": general},
		"recording": [one.row() for one in recording],
		"entries": entries,
		"heads": sum(chain.heads for chain in chains),
		"seconds": round(seconds, 3),
		"entries_per_second": round(entries / seconds) if seconds else 0,
	}


def _print(told: dict[str, Any]) -> None:
	rows = [
		{
			"company": one["name"],
			"sealed entries": one["sealed"],
			"heads": one["heads"],
			"sealed until": f"{one['sealed_at']:%Y-%m-%d %H:%M:%S}" if one["sealed_at"] else None,
			"unsealed": one["unsealed"]["entries"],
			"state": "clean" if one["clean"] else "NOT AS SEALED",
		}
		for one in told["tenants"]
	]
	show(rows, as_json=False)
	print()
	faults = [(one["name"], fault) for one in told["tenants"] for fault in one["faults"]]
	faults += [("witness", fault) for fault in told["witness"]["faults"]]
	for name, fault in faults:
		print(f"{name}: {fault['text']}")
	for one in told["tenants"]:
		if one["more_faults"]:
			print(f"{one['name']}: and {one['more_faults']} more.")
	for one in told["recording"]:
		if one["state"] == "bad":
			print(f"{one['what']}: {one['found']}. {one['remedy']}.")
	if not told["clean"]:
		print()
	for one in told["tenants"]:
		if one["unsealed"]["entries"]:
			print(f"Not vouched for: {one['name']}: {one['window']}.")
	witness = told["witness"]
	print(
		"Any change, removal, insertion or reordering of a sealed entry or head is named above; "
		f"a return to an older state is told by {witness['file']} "
		+ (f"({witness['lines']} lines)." if witness["there"] else "(which is not there).")
	)
	print(
		f"{told['entries']:,} entries and {told['heads']:,} heads in {told['seconds']:.1f} s "
		f"({told['entries_per_second']:,} entries a second). "
		+ (
			"The trail is as it was sealed."
			if told["clean"]
			else "The trail is not as it was sealed."
		)
	)
