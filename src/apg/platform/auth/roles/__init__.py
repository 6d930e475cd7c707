"""Roles: named sets of rights, and which member has which."""
