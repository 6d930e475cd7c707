"""The tables of auth and the functions that answer before a tenant is known."""
