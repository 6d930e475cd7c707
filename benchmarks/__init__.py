"""Reproducible measurements: each runs its reference beside our work and states the ratio."""
