"""Notifications: the inbox inside the product, and mail."""

from apg.contracts.notifications import Mail, Notifications
from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.kernel.tasks import every
from apg.platform.notifications.inbox import api, mail_views, views
from apg.platform.notifications.inbox.service import Inbox
from apg.platform.notifications.inbox.tasks import send_digests
from apg.platform.notifications.mail.sender import send_mail
from apg.platform.notifications.mail.service import Post
from apg.platform.notifications.preferences import api as preferences
from apg.platform.notifications.settings import MailSettings

capability = Capability(
	name="notification_engine",
	short="notifications",
	title="Notifications",
	version="1.0.0",
	package="apg.platform.notifications",
	description="Messages to people, inside the product and by mail.",
	always_on=True,
	provides=("notifications", "mail"),
	# What is longer stands first: an id would match it too.
	apis=(
		Api("/api/v1/notifications/preferences", (preferences.router,)),
		Api("/api/v1/notifications", (api.router,)),
	),
	pages=(
		Pages("/inbox/settings", (mail_views.router,)),
		Pages(
			"/inbox",
			(views.router,),
			(MenuEntry("Inbox", "/inbox", "inbox", group="Overview", order=10),),
		),
	),
	tasks=(send_digests,),
	schedules=(every("0 6 * * *", send_digests),),
	loops=(send_mail,),
	ports={Notifications: Inbox(), Mail: Post()},
	settings=MailSettings,
	migrations="migrations",
	table_prefixes=("notifications",),
)
