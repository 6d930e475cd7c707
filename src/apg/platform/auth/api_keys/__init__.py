"""API keys: how programs act for a member, with rights that only narrow."""
