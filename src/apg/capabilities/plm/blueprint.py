"""Product lifecycle management on one screen: start reading here."""

from apg.capabilities.plm import permissions
from apg.capabilities.plm.products import api as products_api
from apg.capabilities.plm.settings import PlmSettings
from apg.capabilities.plm.structures import models as _structures  # noqa: F401 - tables
from apg.contracts import plm as contract
from apg.kernel.capability import Api, Capability

capability = Capability(
	name="product_lifecycle_management",
	short="plm",
	title="Product Lifecycle Management",
	version="1.0.0",
	package="apg.capabilities.plm",
	category="core_business_capability",
	requires=(),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(Api("/api/v1/plm", (products_api.router,), envelope="ok"),),
	publishes=(
		contract.ProductCreated,
		contract.ProductUpdated,
		contract.ProductReleased,
		contract.StructureChanged,
	),
	settings=PlmSettings,
	migrations="migrations",
	table_prefixes=("plm_",),
)
