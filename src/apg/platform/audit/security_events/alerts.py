"""What is high or critical is told to those who administer the company, once an hour of each kind."""

from apg.contracts.audit import SecurityEventRaised
from apg.contracts.identity import Identity
from apg.contracts.notifications import Message, Notifications, Priority
from apg.kernel.stamps import utc_now
from apg.kernel.texts import N_, _
from apg.kernel.work import Work
from apg.platform.audit.permissions import SECURITY_READ

WORDS = {
	"token_reuse": N_("A used refresh token was shown again; its whole family was ended"),
	"verify_failed": N_("The audit trail is not as it was sealed"),
	"operator_entry": N_("An operator of the platform entered this company"),
}
PRIORITY = {"high": Priority.HIGH, "critical": Priority.URGENT}


async def alert(work: Work, event: SecurityEventRaised) -> None:
	"""One message to each who may see security events, however many there are within the hour."""
	at = event.recorded.occurred_at if event.recorded else utc_now()
	people = await work.port(Identity).members_with(work, SECURITY_READ)
	told = WORDS.get(event.kind) or event.kind.replace("_", " ").capitalize()
	await work.port(Notifications).send(
		work,
		*(
			Message(
				person,
				"security_alert",
				_(told),
				_("More of the same within this hour is counted on the page only."),
				f"/admin/security-events?kind={event.kind}",
				PRIORITY[event.risk],
				key=f"security/{event.kind}/{at:%Y-%m-%dT%H}",
			)
			for person in people
		),
	)
