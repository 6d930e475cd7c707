"""Where events are sent: addresses, secrets, filters, owners."""
