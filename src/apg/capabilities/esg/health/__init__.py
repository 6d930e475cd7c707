"""Health of ESG in the form of its guide, and its gauges."""
