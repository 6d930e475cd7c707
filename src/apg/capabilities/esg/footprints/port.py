"""The provider of the port ItemCarbon."""

from collections.abc import Collection
from datetime import date
from urllib.parse import urlencode

from apg.capabilities.esg.footprints.own import beside_materials, inputs_of, per_kilogram
from apg.capabilities.esg.permissions import FOOTPRINTS_READ
from apg.contracts.esg import Carbon, NoCarbon
from apg.kernel.texts import _
from apg.kernel.work import Work


class ItemCarbonOfEsg:
	"""Carbon as ESG holds it."""

	def shown(self, work: Work) -> bool:
		return work.principal.may(FOOTPRINTS_READ)

	async def own(
		self,
		work: Work,
		revision_ids: Collection[str],
		*,
		assemblies: Collection[str] = (),
		on: date | None = None,
		gwp_set: str | None = None,
	) -> dict[str, Carbon | NoCarbon]:
		found = await inputs_of(work, revision_ids, assemblies=assemblies, on=on, gwp_set=gwp_set)
		return found.carbon()

	async def per_kilogram(
		self,
		work: Work,
		materials: Collection[str],
		*,
		on: date | None = None,
		gwp_set: str | None = None,
	) -> dict[str, Carbon | NoCarbon]:
		return await per_kilogram(work, materials, on=on, gwp_set=gwp_set)

	async def beside_materials(self, work: Work) -> tuple[frozenset[str], frozenset[str]]:
		return await beside_materials(work)

	def reason(self, missing: NoCarbon) -> str:
		return reason_text(missing)

	def remedy(self, missing: NoCarbon) -> str:
		return remedy_of(missing)

	def page(self, product_id: str) -> str:
		return f"/esg/footprints/of/{product_id}"


def reason_text(missing: NoCarbon) -> str:
	"""Why there is no figure and what mends it."""
	subject = missing.subject
	match missing.reason:
		case "no_material":
			return _("No material is recorded; record it on the product.")
		case "no_mass":
			return _("No mass is recorded; record it on the product.")
		case "material_unknown":
			return _("Nobody said which activity stands for {name}; say it.", name=subject)
		case "not_approved":
			return _("The factor for {name} is not approved; approve its source.", name=subject)
		case "unknown_activity":
			return _("No factor knows the activity of {name}; choose another.", name=subject)
		case "no_region":
			return _("No factor for {name} holds in its region; widen the region.", name=subject)
		case "no_date":
			return _("No factor for {name} was in force on the day; load an edition.", name=subject)
		case "unit_not_convertible":
			return _("The unit of {name} does not fit its factor; correct the unit.", name=subject)
		case "no_potential" | "nothing_published":
			return _("The factor for {name} cannot be expressed as CO2e.", name=subject)
		case "unknown_revision":
			return _("The product has no revision in this view.")
		case other:
			return other


def remedy_of(missing: NoCarbon) -> str:
	"""The page where it is mended; empty where the product's own form does."""
	match missing.reason:
		case "material_unknown":
			return "/esg/materials/new?" + urlencode({"name": missing.subject})
		case "not_approved":
			return "/esg/factors"
		case "unknown_activity" | "no_region" | "no_date" | "no_potential" | "nothing_published":
			return "/esg/materials?" + urlencode({"search": missing.subject})
		case _other:
			return ""
