"""Putting letters into the post: encrypted, in the transaction of whoever writes them."""

import orjson

from apg.contracts.notifications import Letter
from apg.kernel.keys import KeyRing, Purpose
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work
from apg.platform.notifications.mail.models import OutgoingMail
from apg.platform.notifications.settings import MailSettings

COLUMN = "notifications_mails.content"


def settings_of(runtime: Runtime) -> MailSettings:
	if "mail" not in runtime.state:
		runtime.state["mail"] = MailSettings()
	return runtime.state["mail"]


def ring_of(runtime: Runtime) -> KeyRing:
	return KeyRing.of(runtime.root_key, purpose=Purpose.MAIL)


class Post:
	"""The provider of the port."""

	def is_on(self, runtime: Runtime) -> bool:
		return settings_of(runtime).is_on

	async def send(self, work: Work, letter: Letter) -> bool:
		if not self.is_on(work.runtime):
			return False
		plain = {
			"to": letter.to,
			"subject": letter.subject,
			"paragraphs": letter.paragraphs,
			"link": letter.link,
			"link_text": letter.link_text,
			"locale": letter.locale,
		}
		content = ring_of(work.runtime).encrypt(
			work.principal.tenant_id, COLUMN, orjson.dumps(plain).decode()
		)
		work.add(
			OutgoingMail(
				kind=letter.kind,
				recipient_id=letter.recipient_id,
				content=content,
				next_at=utc_now(),
				expires_at=letter.expires_at,
			)
		)
		return True
