"""Alive, ready, healthy, and the metrics."""
