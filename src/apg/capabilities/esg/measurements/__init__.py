"""Measurements: the series behind every metric."""
