"""Regulations and standards, substances and declarations, and what follows for products."""
