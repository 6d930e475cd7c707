"""Which capability is on for which tenant."""
