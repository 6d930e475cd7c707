"""Sheets for printing: what is said on them, and how it becomes a PDF."""
