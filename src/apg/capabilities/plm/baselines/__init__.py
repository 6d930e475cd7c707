"""Baselines: what a structure was, resolved once and never changed again."""
