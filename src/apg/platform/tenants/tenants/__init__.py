"""The tenant itself: its facts, its settings, its root scope, and how a new one comes to be."""
