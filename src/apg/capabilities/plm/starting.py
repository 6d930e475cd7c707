"""What a company finds when PLM is switched on."""

from apg.capabilities.plm.changes import approvers
from apg.capabilities.plm.compliance.seeding import seed_regulations
from apg.kernel.work import Work


async def start(work: Work) -> None:
	"""The approval matrix and the regulations, where there are none yet."""
	await approvers.seed_rules(work)
	await seed_regulations(work)
