"""`apg keys`: which keys sign, and a new one in the place of the newest."""

import asyncio
from typing import Any

from apg.cli.home import installation
from apg.cli.output import Failure, show
from apg.kernel.keys import SigningPurpose, signer_of
from apg.kernel.settings import Settings

TAKES_UP = {
	SigningPurpose.TOKEN: "Web processes sign with it within 30 seconds.",
	SigningPurpose.AUDIT: "The next head is signed with it.",
	SigningPurpose.PUBLICATION: "The next publication is signed with it.",
}


def list_keys(*, as_json: bool) -> None:
	"""`apg keys list`."""
	with installation() as settings:
		rows = asyncio.run(_rows(settings))
	show(rows, as_json=as_json, empty="No key yet: processes make the first ones.")


def rotate_key(text: str, *, as_json: bool) -> None:
	"""`apg keys rotate`. Raises Failure for a purpose that nothing is signed for."""
	try:
		purpose = SigningPurpose(text)
	except ValueError as error:
		named = ", ".join(SigningPurpose)
		raise Failure(
			f"Nothing is signed for the purpose {text}.", f"Name one of: {named}."
		) from error
	with installation() as settings:
		kid = asyncio.run(_rotate(settings, purpose))
	show([{"purpose": purpose.value, "key": kid, "signs": True}], as_json=as_json)
	if not as_json:
		print(f"\n{TAKES_UP[purpose]} What older keys signed stays good.")


async def _rotate(settings: Settings, purpose: SigningPurpose) -> str:
	from apg.app import make_runtime
	from apg.kernel import signing

	runtime = make_runtime(settings, role="apg_worker")
	try:
		async with runtime.engine.begin() as connection:
			return (await signing.add_key(connection, runtime.root_key, purpose)).kid
	finally:
		await runtime.engine.dispose()


async def _rows(settings: Settings) -> list[dict[str, Any]]:
	from apg.app import make_runtime
	from apg.kernel import signing
	from apg.kernel.stamps import utc_now

	runtime = make_runtime(settings, role="apg_worker")
	rows: list[dict[str, Any]] = []
	try:
		async with runtime.engine.connect() as connection:
			for purpose in SigningPurpose:
				keys = await signing.load_keys(connection, purpose, runtime.root_key)
				signer = signer_of(keys, purpose, utc_now())
				rows += [
					{
						"purpose": purpose.value,
						"key": key.kid,
						"since": key.active_from.isoformat(timespec="seconds"),
						"signs": "yes" if key is signer else "no",
					}
					for key in keys
				]
	finally:
		await runtime.engine.dispose()
	return rows
