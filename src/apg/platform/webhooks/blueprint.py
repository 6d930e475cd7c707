"""Webhooks: the manifest."""

from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.kernel.events import Event, on
from apg.platform.webhooks import permissions
from apg.platform.webhooks.deliveries import api as deliveries
from apg.platform.webhooks.deliveries import service as deliveries_service
from apg.platform.webhooks.deliveries import views as deliveries_views
from apg.platform.webhooks.deliveries.sender import send_webhooks
from apg.platform.webhooks.endpoints import api as endpoints
from apg.platform.webhooks.endpoints import views as endpoints_views
from apg.platform.webhooks.settings import WebhookSettings

MENU = (
	MenuEntry(
		"Webhooks",
		"/admin/webhooks",
		"broadcast",
		permissions.ENDPOINTS_READ,
		"Administration",
		390,
	),
)

capability = Capability(
	name="webhooks",
	short="webhooks",
	title="Webhooks",
	version="1.0.0",
	package="apg.platform.webhooks",
	description="Every event, signed, to the systems of a company.",
	always_on=True,
	requires=("auth_rbac",),
	provides=("outgoing_events",),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	# What is longer stands first: an id would match it too.
	apis=(
		Api("/api/v1/webhooks/deliveries", (deliveries.router,)),
		Api("/api/v1/webhooks", (endpoints.router, deliveries.tests)),
	),
	pages=(
		Pages("/admin/webhooks/deliveries", (deliveries_views.router,)),
		Pages("/admin/webhooks", (endpoints_views.router, deliveries_views.tests), MENU),
	),
	subscribers=(on(Event, deliveries_service.spread, name="webhooks"),),
	loops=(send_webhooks,),
	settings=WebhookSettings,
	migrations="migrations",
	table_prefixes=("webhook_",),
)
