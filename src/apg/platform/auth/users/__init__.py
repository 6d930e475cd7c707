"""Users: the people themselves, and their membership in a tenant."""
