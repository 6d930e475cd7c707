"""Health of PLM in the form of its guide."""
