"""The regulations a company starts with.

RoHS: Directive 2011/65/EU Annex II with (EU) 2015/863, all ten substances. REACH: an excerpt of the
candidate list of Regulation (EC) No 1907/2006 Art. 59; the whole one is loaded by the company.
"""

from decimal import Decimal

from sqlalchemy import func, select

from apg.capabilities.plm.compliance.models import ListedSubstance, Regulation
from apg.capabilities.plm.shared.compliance_math import Basis
from apg.kernel.rows import insert_rows
from apg.kernel.stamps import new_id
from apg.kernel.work import Work

ROHS_LIST, REACH_LIST = "2015/863", "excerpt 2026"
PER_MILLE = Decimal("0.001")
ROHS = (
	("Lead", "7439-92-1", PER_MILLE),
	("Mercury", "7439-97-6", PER_MILLE),
	("Cadmium", "7440-43-9", Decimal("0.0001")),
	("Hexavalent chromium", "18540-29-9", PER_MILLE),
	("Polybrominated biphenyls (PBB)", "", PER_MILLE),
	("Polybrominated diphenyl ethers (PBDE)", "", PER_MILLE),
	("Bis(2-ethylhexyl) phthalate (DEHP)", "117-81-7", PER_MILLE),
	("Butyl benzyl phthalate (BBP)", "85-68-7", PER_MILLE),
	("Dibutyl phthalate (DBP)", "84-74-2", PER_MILLE),
	("Diisobutyl phthalate (DIBP)", "84-69-5", PER_MILLE),
)
REACH = (
	("Lead", "7439-92-1"),
	("Cadmium", "7440-43-9"),
	("Bis(2-ethylhexyl) phthalate (DEHP)", "117-81-7"),
	("Butyl benzyl phthalate (BBP)", "85-68-7"),
	("Dibutyl phthalate (DBP)", "84-74-2"),
	("Diisobutyl phthalate (DIBP)", "84-69-5"),
	("Tris(2-chloroethyl) phosphate (TCEP)", "115-96-8"),
	("Boric acid", "10043-35-3"),
	("Octamethylcyclotetrasiloxane (D4)", "556-67-2"),
	("Decamethylcyclopentasiloxane (D5)", "541-02-6"),
	("Dodecamethylcyclohexasiloxane (D6)", "540-97-6"),
	("4,4'-isopropylidenediphenol (bisphenol A)", "80-05-7"),
)
REGULATIONS = (
	(
		"rohs",
		"RoHS",
		"regulation",
		"Directive 2011/65/EU",
		Basis.HOMOGENEOUS_MATERIAL,
		ROHS_LIST,
	),
	(
		"reach",
		"REACH SVHC",
		"regulation",
		"Regulation (EC) No 1907/2006",
		Basis.ARTICLE,
		REACH_LIST,
	),
	(
		"conflict_minerals",
		"Conflict minerals",
		"regulation",
		"Regulation (EU) 2017/821",
		Basis.NONE,
		None,
	),
	("weee", "WEEE", "regulation", "Directive 2012/19/EU", Basis.NONE, None),
	("ce", "CE marking", "standard", "Decision No 768/2008/EC", Basis.NONE, None),
)
STARTS_ON = frozenset({"rohs", "reach"})


async def seed_regulations(work: Work) -> None:
	"""Writes them for a company without any; the first two are in force."""
	if await work.scalar(select(func.count()).select_from(Regulation)):
		return
	ids: dict[str, str] = {}
	for code, name, kind, source, basis, version in REGULATIONS:
		ids[code] = new_id()
		work.add(
			Regulation(
				id=ids[code],
				code=code,
				name=name,
				kind=kind,
				source=source,
				basis=str(basis),
				list_version=version,
				is_active=code in STARTS_ON,
			)
		)
	await work.flush()
	listed = [("rohs", ROHS_LIST, *row) for row in ROHS]
	listed += [("reach", REACH_LIST, name, cas, PER_MILLE) for name, cas in REACH]
	await insert_rows(
		work,
		ListedSubstance,
		[
			{
				"regulation_id": ids[code],
				"list_version": version,
				"substance": name,
				"cas": cas,
				"limit_share": share,
			}
			for code, version, name, cas, share in listed
		],
	)
