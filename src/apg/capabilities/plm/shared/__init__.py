"""Arithmetic and rules of products, free of database and web: safe to import anywhere."""
