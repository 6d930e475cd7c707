"""Tenants: the companies of an installation and what each has switched on."""

from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.platform.tenants import permissions
from apg.platform.tenants.home import views as home_views
from apg.platform.tenants.search import views as search_views
from apg.platform.tenants.subscriptions import api as subscriptions_api
from apg.platform.tenants.subscriptions import views as subscriptions_views
from apg.platform.tenants.tenants import api as tenants_api
from apg.platform.tenants.tenants import views as tenants_views

HOME = (MenuEntry("Home", "/", "house", group="Overview", order=0),)
TENANT = (
	MenuEntry(
		"Company", "/admin/tenant", "building", permissions.TENANT_READ, "Administration", 10
	),
)
CAPABILITIES = (
	MenuEntry(
		"Capabilities",
		"/admin/capabilities",
		"puzzle",
		permissions.CAPABILITIES_READ,
		"Administration",
		20,
	),
)

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
	apis=(
		Api("/api/v1/tenants", (tenants_api.router, subscriptions_api.router)),
		Api("/api/v1/platform/capabilities", (subscriptions_api.platform_router,)),
	),
	pages=(
		Pages("", (home_views.router, search_views.router), HOME),
		Pages("/admin/tenant", (tenants_views.router,), TENANT),
		Pages("/admin/capabilities", (subscriptions_views.router,), CAPABILITIES),
	),
	migrations="migrations",
	table_prefixes=("tenants", "tenant_capabilities", "scopes"),
)
