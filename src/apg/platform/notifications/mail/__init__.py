"""Mail that waits to be sent, and what becomes of it."""
