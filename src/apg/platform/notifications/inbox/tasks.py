"""Once a day."""

from apg.kernel.tasks import task
from apg.kernel.work import Work
from apg.platform.notifications.inbox import mailing


@task(key="daily", name="notifications.inbox.digests")
async def send_digests(work: Work) -> None:
	"""Mails what waits unread to those who want it once a day."""
	await mailing.mail_digests(work)
