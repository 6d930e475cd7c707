"""The published factors that the demo company approves."""

import hashlib

from sqlalchemy import select

from apg.capabilities.esg.factor_files.files import Given
from apg.capabilities.esg.factor_files.packs import load_pack, pack_file
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.factors.models import Pack
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import open_work

PACK = "uk-government-2020"


def load_published(admin_url: str) -> None:
	"""The British factors of 2020 for the whole installation; needs the administrator's address."""
	path = pack_file(PACK)
	load_pack(admin_url, path.read_bytes(), path.name, Given())


async def approve(runtime: Runtime, principal: Principal) -> bool:
	"""Approves the published factors once; False where they are not loaded."""
	sha256 = hashlib.sha256(pack_file(PACK).read_bytes()).hexdigest()
	action = "esg.factors.approve"
	async with open_work(runtime, principal, action=action, origin="cli") as work:
		pack = await work.scalar(select(Pack.id).where(Pack.file_sha256 == sha256))
		if pack is not None and not await factors.decisions(work, pack):
			await factors.approve_source(work, pack, "approved for the demo")
	return pack is not None
