"""Metrics: what is measured, and where each stands."""
