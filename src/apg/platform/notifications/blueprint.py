"""Notifications: the inbox inside the product."""

from apg.contracts.notifications import Notifications
from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.platform.notifications.inbox import api, views
from apg.platform.notifications.inbox.service import Inbox

capability = Capability(
	name="notification_engine",
	short="notifications",
	title="Notifications",
	version="1.0.0",
	package="apg.platform.notifications",
	description="Messages to people inside the product.",
	always_on=True,
	provides=("notifications",),
	apis=(Api("/api/v1/notifications", (api.router,)),),
	pages=(
		Pages(
			"/inbox",
			(views.router,),
			(MenuEntry("Inbox", "/inbox", "inbox", group="Overview", order=10),),
		),
	),
	ports={Notifications: Inbox()},
	migrations="migrations",
	table_prefixes=("notifications",),
)
