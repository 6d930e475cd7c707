"""Ways a message leaves the product, each by its name."""

from apg.platform.notifications.transports.email import EmailTransport

TRANSPORTS = {"email": EmailTransport}
