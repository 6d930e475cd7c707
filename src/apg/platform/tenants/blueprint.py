"""Tenants: the companies of an installation and what each has switched on."""

from apg.kernel.capability import Api, Capability
from apg.platform.tenants import permissions
from apg.platform.tenants.tenants import api as tenant_api

capability = Capability(
	name="tenants",
	short="tenants",
	title="Company",
	version="1.0.0",
	package="apg.platform.tenants",
	description="Companies, their settings, and the capabilities each has switched on.",
	always_on=True,
	provides=("tenancy", "capability_subscriptions"),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(Api("/api/v1/tenants", (tenant_api.router,)),),
	migrations="migrations",
	table_prefixes=("tenants", "tenant_capabilities", "scopes"),
)
