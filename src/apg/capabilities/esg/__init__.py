"""Sustainability and ESG management."""
